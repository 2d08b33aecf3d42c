-- migrate:up
-- A form says to whom a job is assigned: somebody may try the ids of other organizations' members there.
CREATE INDEX users_owner ON users USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
GRANT SELECT (tenant_id, id) ON users TO app_search;
CREATE POLICY search ON users FOR SELECT TO app_search USING (true);
DO $grant$ BEGIN EXECUTE format('GRANT CREATE ON SCHEMA %I TO app_search', current_schema()); END $grant$;
SET LOCAL ROLE app_search;
CREATE OR REPLACE FUNCTION owner_of(kind text, id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT x.tenant_id FROM (
    SELECT j.tenant_id FROM jobs j WHERE owner_of.kind = 'job' AND j.id = owner_of.id
    UNION ALL SELECT p.tenant_id FROM proposals p WHERE owner_of.kind = 'proposal' AND p.id = owner_of.id
    UNION ALL SELECT i.tenant_id FROM imports i WHERE owner_of.kind = 'import' AND i.id = owner_of.id
    UNION ALL SELECT s.tenant_id FROM saved_searches s WHERE owner_of.kind = 'search' AND s.id = owner_of.id
    UNION ALL SELECT u.tenant_id FROM undos u WHERE owner_of.kind = 'undo' AND u.id = owner_of.id
    UNION ALL SELECT n.tenant_id FROM job_notes n WHERE owner_of.kind = 'note' AND n.id = owner_of.id
    UNION ALL SELECT m.tenant_id FROM users m WHERE owner_of.kind = 'member' AND m.id = owner_of.id) x
  LIMIT 1;
END;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;

-- migrate:down
DO $grant$ BEGIN EXECUTE format('GRANT CREATE ON SCHEMA %I TO app_search', current_schema()); END $grant$;
SET LOCAL ROLE app_search;
CREATE OR REPLACE FUNCTION owner_of(kind text, id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT x.tenant_id FROM (
    SELECT j.tenant_id FROM jobs j WHERE owner_of.kind = 'job' AND j.id = owner_of.id
    UNION ALL SELECT p.tenant_id FROM proposals p WHERE owner_of.kind = 'proposal' AND p.id = owner_of.id
    UNION ALL SELECT i.tenant_id FROM imports i WHERE owner_of.kind = 'import' AND i.id = owner_of.id
    UNION ALL SELECT s.tenant_id FROM saved_searches s WHERE owner_of.kind = 'search' AND s.id = owner_of.id
    UNION ALL SELECT u.tenant_id FROM undos u WHERE owner_of.kind = 'undo' AND u.id = owner_of.id
    UNION ALL SELECT n.tenant_id FROM job_notes n WHERE owner_of.kind = 'note' AND n.id = owner_of.id) x
  LIMIT 1;
END;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;
DROP POLICY search ON users;
REVOKE SELECT (tenant_id, id) ON users FROM app_search;
DROP INDEX users_owner;
