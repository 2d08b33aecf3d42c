-- migrate:up
-- What a person works through the jobs list with: searches that are kept, and what undoing a change takes.

CREATE TABLE saved_searches (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  address    text NOT NULL CHECK (length(address) <= 2000), -- the list's address behind "?"
  criteria   jsonb NOT NULL,                                -- the same, as the counting of what is new reads it
  is_default bool NOT NULL DEFAULT false,                   -- what /jobs opens
  looked_at  timestamptz NOT NULL DEFAULT now(),            -- when the person last opened it: what came since is new
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, user_id, name),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX saved_searches_default ON saved_searches (tenant_id, user_id) WHERE is_default;

-- How jobs were before a change, for whoever made it, until it expires.
CREATE TABLE undos (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('triage', 'assignment', 'import')),
  import_id  uuid,
  changes    jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  undone_at  timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
  FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX undos_user ON undos (tenant_id, user_id);
CREATE INDEX undos_import ON undos (tenant_id, import_id) WHERE import_id IS NOT NULL;
CREATE INDEX undos_expiry ON undos (tenant_id, expires_at);

CALL app.protect('saved_searches');
CALL app.protect('undos');

ALTER TABLE imports ADD COLUMN undone_at timestamptz;
ALTER TABLE import_rows ADD COLUMN undone text NOT NULL DEFAULT '' CHECK (undone IN ('', 'removed', 'restored', 'kept'));

-- The orders of the list beside the newest first, and what came since a time.
CREATE INDEX jobs_pay ON jobs (tenant_id, coalesce(hourly_max, hourly_min, budget, -1) DESC, id DESC);
CREATE INDEX jobs_quiet ON jobs (tenant_id, coalesce(proposals_min, 2147483647), id);
CREATE INDEX jobs_arrived ON jobs (tenant_id, first_seen_at DESC);
-- Changes of many jobs at once, which name them in their detail: a job's history looks through the latest.
CREATE INDEX analytics_sets ON analytics (tenant_id, created_at DESC) WHERE event IN ('jobs.triaged', 'jobs.assigned', 'jobs.undone');

-- owner_of knows the two as well: a try at another tenant's is noticed like one at its jobs.
CREATE INDEX saved_searches_owner ON saved_searches USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX undos_owner ON undos USING brin (id uuid_minmax_multi_ops) WITH (pages_per_range = 32);
GRANT SELECT (tenant_id, id) ON saved_searches, undos TO app_search;
CREATE POLICY search ON saved_searches FOR SELECT TO app_search USING (true);
CREATE POLICY search ON undos FOR SELECT TO app_search USING (true);
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

-- migrate:down
DO $grant$ BEGIN EXECUTE format('GRANT CREATE ON SCHEMA %I TO app_search', current_schema()); END $grant$;
SET LOCAL ROLE app_search;
CREATE OR REPLACE FUNCTION owner_of(kind text, id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT x.tenant_id FROM (
    SELECT j.tenant_id FROM jobs j WHERE owner_of.kind = 'job' AND j.id = owner_of.id
    UNION ALL SELECT p.tenant_id FROM proposals p WHERE owner_of.kind = 'proposal' AND p.id = owner_of.id
    UNION ALL SELECT i.tenant_id FROM imports i WHERE owner_of.kind = 'import' AND i.id = owner_of.id) x
  LIMIT 1;
END;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;
DROP INDEX analytics_sets, jobs_arrived, jobs_quiet, jobs_pay;
ALTER TABLE import_rows DROP COLUMN undone;
ALTER TABLE imports DROP COLUMN undone_at;
DROP TABLE undos, saved_searches;
