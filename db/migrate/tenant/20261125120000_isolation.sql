-- migrate:up
-- What an organization sees of its own isolation. The evidence is in analytics, which nobody can change as app_tenant. The
-- two tables here are a measurement and a notice: the policies keep every other tenant from reading or writing them, but
-- within one tenant app_tenant is one role, so SQL that somebody got into a query could falsify the tenant's own counts.
-- The operator's totals, in schema control, are out of its reach.

-- Statements that met the policies, by minute, table and operation.
CREATE TABLE policy_hits (
  tenant_id        uuid NOT NULL REFERENCES tenants,
  minute           timestamptz NOT NULL,
  table_name       text NOT NULL CHECK (length(table_name) BETWEEN 1 AND 63),
  operation        text NOT NULL CHECK (operation IN ('select', 'insert', 'update', 'delete', 'merge')),
  calls            bigint NOT NULL CHECK (calls >= 0),
  rows             bigint NOT NULL CHECK (rows >= 0),
  refused_writes   bigint NOT NULL CHECK (refused_writes >= 0),   -- by a policy or a missing grant
  refused_contexts bigint NOT NULL CHECK (refused_contexts >= 0), -- the gate did not open
  latency          bigint[] NOT NULL CHECK (cardinality(latency) <= 24), -- how many calls took less than 1, 2, 4 … µs
  PRIMARY KEY (tenant_id, minute, table_name, operation)
);

-- Notices for administrators and owners.
CREATE TABLE alerts (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('attempts')),
  count      bigint NOT NULL CHECK (count > 0), -- attempts within the hour before it was raised
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz,
  seen_by    uuid,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, seen_by) REFERENCES users (tenant_id, id),
  CHECK ((seen_at IS NULL) = (seen_by IS NULL))
);
CREATE INDEX alerts_recent ON alerts (tenant_id, created_at DESC, id DESC);
CREATE INDEX alerts_seen_by ON alerts (tenant_id, seen_by) WHERE seen_by IS NOT NULL;

CALL app.protect('policy_hits');
CALL app.protect('alerts');

CREATE INDEX analytics_attempts ON analytics (tenant_id, created_at DESC) WHERE event = 'isolation.attempt';

-- Whose row an id is: what tells a try at another tenant's row from a wrong address. For the tenant role it would be an
-- oracle, so only app_control may ask, after the answer has been sent. It runs as app_search, which may read nothing of
-- these tables but the two columns. The ids are in the order of time, so an index of a few pages finds them; it is not
-- unique, and so tells nobody anything.
CREATE INDEX jobs_owner ON jobs USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX proposals_owner ON proposals USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX imports_owner ON imports USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
GRANT SELECT (tenant_id, id) ON proposals, imports TO app_search;
CREATE POLICY search ON proposals FOR SELECT TO app_search USING (true);
CREATE POLICY search ON imports FOR SELECT TO app_search USING (true);
DO $grant$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO app_control', current_schema());
  EXECUTE format('GRANT CREATE ON SCHEMA %I TO app_search', current_schema());
END $grant$;
SET LOCAL ROLE app_search;
CREATE FUNCTION owner_of(kind text, id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT x.tenant_id FROM (
    SELECT j.tenant_id FROM jobs j WHERE owner_of.kind = 'job' AND j.id = owner_of.id
    UNION ALL SELECT p.tenant_id FROM proposals p WHERE owner_of.kind = 'proposal' AND p.id = owner_of.id
    UNION ALL SELECT i.tenant_id FROM imports i WHERE owner_of.kind = 'import' AND i.id = owner_of.id) x
  LIMIT 1;
END;
REVOKE ALL ON FUNCTION owner_of(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION owner_of(text, uuid) TO app_control;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;

-- migrate:down
DROP FUNCTION owner_of(text, uuid);
DO $grant$ BEGIN EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM app_control', current_schema()); END $grant$;
DROP POLICY search ON imports;
DROP POLICY search ON proposals;
REVOKE SELECT (tenant_id, id) ON proposals, imports FROM app_search;
DROP INDEX imports_owner, proposals_owner, jobs_owner, analytics_attempts;
DROP TABLE alerts, policy_hits;
