-- migrate:up
-- The tables of a home. Unqualified on purpose: the search_path names the home's schema.
-- Every primary key, unique constraint and index is led by tenant_id, and every foreign key carries it: a foreign key
-- check reads past row-level security, and a unique key without the tenant would tell what others have.
DO $grant$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO app_tenant, app_mover, app_search', current_schema()); END $grant$;

CREATE TABLE tenants (
  id         uuid PRIMARY KEY,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  settings   jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The member row: one person in this tenant. Authority to act here is this row, read under the gate.
CREATE TABLE users (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  clerk_id   text NOT NULL CHECK (clerk_id ~ '^user_[A-Za-z0-9]+$'),
  email      text NOT NULL CHECK (email = lower(email)),
  name       text NOT NULL,
  profile    jsonb NOT NULL DEFAULT '{}',
  role       text NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'member', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, clerk_id)
);

-- An empty text and a null number mean that no source said so. Money is in US cents.
CREATE TABLE jobs (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  id          uuid NOT NULL,
  external_key text NOT NULL CHECK (length(external_key) BETWEEN 1 AND 200),
  url         text NOT NULL DEFAULT '' CHECK (length(url) <= 2000),
  title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 50000),
  description_truncated bool NOT NULL DEFAULT false,
  contract    text NOT NULL DEFAULT '' CHECK (contract IN ('', 'hourly', 'fixed')),
  hourly_min  bigint CHECK (hourly_min >= 0),
  hourly_max  bigint CHECK (hourly_max >= hourly_min),
  budget      bigint CHECK (budget >= 0),
  experience  text NOT NULL DEFAULT '' CHECK (experience IN ('', 'entry', 'intermediate', 'expert')),
  duration    text NOT NULL DEFAULT '' CHECK (duration IN ('', 'lt_1m', '1_3m', '3_6m', 'gt_6m')),
  workload    text NOT NULL DEFAULT '' CHECK (workload IN ('', 'lt_30', 'gte_30', 'unsure')),
  contract_to_hire bool,
  category    text NOT NULL DEFAULT '',
  skills      text[] NOT NULL DEFAULT '{}',
  questions   text[] NOT NULL DEFAULT '{}',
  connects    int CHECK (connects >= 0),
  proposals_min int CHECK (proposals_min >= 0),
  proposals_max int CHECK (proposals_max >= proposals_min),
  client_country text NOT NULL DEFAULT '' CHECK (client_country ~ '^([A-Z]{2})?$'),
  client_city text NOT NULL DEFAULT '',
  client_payment_verified bool,
  client_rating int CHECK (client_rating BETWEEN 0 AND 500),
  client_reviews int CHECK (client_reviews >= 0),
  client_spent bigint CHECK (client_spent >= 0),
  client_spent_floor bool NOT NULL DEFAULT false,
  client_hires int CHECK (client_hires >= 0),
  client_jobs_posted int CHECK (client_jobs_posted >= 0),
  client_hire_rate int CHECK (client_hire_rate BETWEEN 0 AND 100),
  client_avg_hourly bigint CHECK (client_avg_hourly >= 0),
  client_member_since date,
  posted_at   timestamptz NOT NULL,
  posted_at_source text NOT NULL CHECK (posted_at_source IN ('source', 'from_id', 'relative', 'import')),
  triage      text NOT NULL DEFAULT 'new' CHECK (triage IN ('new', 'shortlisted', 'drafting', 'applied', 'skipped', 'archived')),
  skip_reason text NOT NULL DEFAULT '' CHECK (length(skip_reason) <= 500),
  assignee_id uuid,
  version     int NOT NULL DEFAULT 1,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at  timestamptz NOT NULL DEFAULT now(),
  search      tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', left(description, 20000)), 'B')) STORED,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, external_key),
  FOREIGN KEY (tenant_id, assignee_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX jobs_recent ON jobs (tenant_id, posted_at DESC, id DESC);
CREATE INDEX jobs_triage ON jobs (tenant_id, triage, posted_at DESC, id DESC);
CREATE INDEX jobs_assignee ON jobs (tenant_id, assignee_id) WHERE assignee_id IS NOT NULL;
CREATE INDEX jobs_search ON jobs USING gin (tenant_id, search);

-- One upload: kept whole until it is confirmed, so that what was previewed is what is imported.
CREATE TABLE imports (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  id          uuid NOT NULL,
  user_id     uuid NOT NULL,
  state       text NOT NULL DEFAULT 'previewed' CHECK (state IN ('previewed', 'imported')),
  format      text NOT NULL,
  source      text NOT NULL DEFAULT '',
  file_name   text NOT NULL DEFAULT '',
  payload     bytea,
  rows_new    int NOT NULL,
  rows_updated int NOT NULL,
  rows_same   int NOT NULL,
  rows_failed int NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  imported_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
  CHECK ((state = 'imported') = (imported_at IS NOT NULL))
);
CREATE INDEX imports_recent ON imports (tenant_id, created_at DESC, id DESC);
CREATE INDEX imports_user ON imports (tenant_id, user_id);

CREATE TABLE import_rows (
  tenant_id uuid NOT NULL,
  import_id uuid NOT NULL,
  position  int NOT NULL CHECK (position > 0),
  outcome   text NOT NULL CHECK (outcome IN ('new', 'updated', 'same', 'failed')),
  title     text NOT NULL DEFAULT '',
  reason    text NOT NULL DEFAULT '',
  job_id    uuid,
  PRIMARY KEY (tenant_id, import_id, position),
  FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id) ON DELETE SET NULL (job_id)
);
CREATE INDEX import_rows_job ON import_rows (tenant_id, job_id) WHERE job_id IS NOT NULL;

CREATE TABLE proposals (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  job_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  letter     text NOT NULL DEFAULT '' CHECK (length(letter) <= 20000),
  answers    jsonb NOT NULL DEFAULT '[]',
  bid        text NOT NULL DEFAULT '' CHECK (bid IN ('', 'hourly', 'fixed')),
  bid_amount bigint CHECK (bid_amount >= 0),
  status     text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'in_review', 'approved', 'submitted', 'viewed',
               'interview', 'offer', 'hired', 'declined', 'withdrawn', 'archived')),
  version    int NOT NULL DEFAULT 1 CHECK (version > 0),
  approved_version  int,
  submitted_version int,
  loss_reason    text NOT NULL DEFAULT '' CHECK (length(loss_reason) <= 500),
  contract_value bigint CHECK (contract_value >= 0),
  submitted_at timestamptz,
  viewed_at    timestamptz,
  interview_at timestamptz,
  offered_at   timestamptz,
  hired_at     timestamptz,
  declined_at  timestamptz,
  withdrawn_at timestamptz,
  archived_at  timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
  CHECK (status IN ('draft', 'in_review', 'approved', 'archived') OR submitted_at IS NOT NULL)
);
-- One live proposal a job and author.
CREATE UNIQUE INDEX proposals_live ON proposals (tenant_id, job_id, user_id) WHERE status NOT IN ('declined', 'withdrawn', 'archived');
CREATE INDEX proposals_job ON proposals (tenant_id, job_id);
CREATE INDEX proposals_user ON proposals (tenant_id, user_id);
CREATE INDEX proposals_recent ON proposals (tenant_id, updated_at DESC, id DESC);
CREATE INDEX proposals_status ON proposals (tenant_id, status, created_at);

CREATE TABLE proposal_versions (
  tenant_id   uuid NOT NULL,
  proposal_id uuid NOT NULL,
  version     int NOT NULL CHECK (version > 0),
  letter      text NOT NULL,
  answers     jsonb NOT NULL,
  bid         text NOT NULL,
  bid_amount  bigint,
  author_id   uuid NOT NULL,
  origin      text NOT NULL CHECK (origin IN ('typed', 'restore', 'merge')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, proposal_id, version),
  FOREIGN KEY (tenant_id, proposal_id) REFERENCES proposals (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, author_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX proposal_versions_author ON proposal_versions (tenant_id, author_id);

CREATE TABLE proposal_events (
  tenant_id   uuid NOT NULL,
  id          uuid NOT NULL,
  proposal_id uuid NOT NULL,
  from_status text NOT NULL,
  to_status   text NOT NULL,
  actor_id    uuid,
  note        text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
  occurred_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, proposal_id) REFERENCES proposals (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, actor_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX proposal_events_proposal ON proposal_events (tenant_id, proposal_id, occurred_at);
CREATE INDEX proposal_events_actor ON proposal_events (tenant_id, actor_id) WHERE actor_id IS NOT NULL;

-- Audit and usage: one row a change, written in the change's own transaction. actor_id is null for the worker.
CREATE TABLE analytics (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  id         uuid NOT NULL,
  event      text NOT NULL,
  actor_id   uuid,
  entity     text NOT NULL,
  entity_id  uuid,
  request_id text NOT NULL DEFAULT '',
  detail     jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, actor_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX analytics_recent ON analytics (tenant_id, created_at DESC, id DESC);
CREATE INDEX analytics_entity ON analytics (tenant_id, entity_id, created_at DESC) WHERE entity_id IS NOT NULL;
CREATE INDEX analytics_actor ON analytics (tenant_id, actor_id) WHERE actor_id IS NOT NULL;

CALL app.protect('tenants', 'id');
CALL app.protect('users');
CALL app.protect('jobs');
CALL app.protect('imports');
CALL app.protect('import_rows');
CALL app.protect('proposals');
CALL app.protect('proposal_versions');
CALL app.protect('proposal_events');
CALL app.protect('analytics');

-- History and audit are written once, also for whoever gets to run SQL as app_tenant.
REVOKE UPDATE, DELETE ON proposal_versions, proposal_events, analytics FROM app_tenant;

-- Full-text search. @@ is not leakproof, so under row-level security it could not use the index; this one function
-- runs as app_search, which sees all jobs, with the tenant predicate inside. Its body is bound to this home's table
-- when it is created, so no search_path at run time can point it elsewhere.
GRANT SELECT ON jobs TO app_search;
CREATE POLICY search ON jobs FOR SELECT TO app_search USING (true);
DO $grant$ BEGIN EXECUTE format('GRANT CREATE ON SCHEMA %I TO app_search', current_schema()); END $grant$;
SET LOCAL ROLE app_search;
CREATE FUNCTION search_jobs(query text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT j.id FROM jobs j
  WHERE j.tenant_id = (SELECT c.tenant_id FROM app.context c)
    AND j.search @@ websearch_to_tsquery('english', query);
END;
REVOKE ALL ON FUNCTION search_jobs(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_jobs(text) TO app_tenant;
RESET ROLE;
DO $grant$ BEGIN EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM app_search', current_schema()); END $grant$;

-- migrate:down
DROP FUNCTION search_jobs(text);
DROP TABLE analytics, proposal_events, proposal_versions, proposals, import_rows, imports, jobs, users, tenants;
