-- migrate:up
-- What members note about a job, for each other. Only its author changes a note.
CREATE TABLE job_notes (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  job_id     uuid NOT NULL,
  author_id  uuid NOT NULL,
  note       text NOT NULL CHECK (length(note) BETWEEN 1 AND 2000),
  created_at timestamptz NOT NULL DEFAULT now(),
  edited_at  timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX job_notes_job ON job_notes (tenant_id, job_id, created_at DESC, id DESC);
CREATE INDEX job_notes_author ON job_notes (tenant_id, author_id);
CALL app.protect('job_notes');

-- owner_of knows notes as well: a try at another tenant's is noticed like one at its jobs.
CREATE INDEX job_notes_owner ON job_notes USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
GRANT SELECT (tenant_id, id) ON job_notes TO app_search;
CREATE POLICY search ON job_notes FOR SELECT TO app_search USING (true);
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
    UNION ALL SELECT u.tenant_id FROM undos u WHERE owner_of.kind = 'undo' AND u.id = owner_of.id) x
  LIMIT 1;
END;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;
DROP TABLE job_notes;
