-- migrate:up
-- What is known before a tenant is. Nothing in here is a tenant's own data, and app_tenant has no right on it.
GRANT USAGE ON SCHEMA control TO app_control;

-- Where each tenant lives. The state is a copy for lists; app.fence in the tenant's place decides.
CREATE TABLE control.registry (
  tenant_id    uuid PRIMARY KEY,
  clerk_org_id text UNIQUE CHECK (clerk_org_id ~ '^org_[A-Za-z0-9]+$'),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  slug         text CHECK (length(slug) BETWEEN 1 AND 100),
  state        text NOT NULL CHECK (state IN ('active', 'copying', 'read_only', 'suspended', 'incoming', 'moved', 'erasing')),
  isolation    text NOT NULL DEFAULT 'shared' CHECK (isolation IN ('shared', 'schema', 'database')),
  place        text NOT NULL DEFAULT 'main',
  epoch        int NOT NULL DEFAULT 1 CHECK (epoch > 0),
  created_at   timestamptz NOT NULL DEFAULT now()
);

-- Which tenants to look in for a person: what the switcher lists. It grants nothing; the users row in the tenant does.
CREATE TABLE control.directory (
  clerk_user_id text NOT NULL CHECK (clerk_user_id ~ '^user_[A-Za-z0-9]+$'),
  tenant_id     uuid NOT NULL REFERENCES control.registry ON DELETE CASCADE,
  role          text NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'member', 'viewer')),
  last_used_at  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (clerk_user_id, tenant_id)
);
CREATE INDEX directory_tenant ON control.directory (tenant_id);

-- One row a signed-in browser. The cookie holds the random id, this table only its digest.
CREATE TABLE control.sessions (
  digest           bytea PRIMARY KEY CHECK (length(digest) = 32),
  clerk_user_id    text NOT NULL,
  clerk_session_id text NOT NULL,
  email            text NOT NULL,
  name             text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL,
  revoked_at       timestamptz
);
CREATE INDEX sessions_person ON control.sessions (clerk_user_id);
CREATE INDEX sessions_expiry ON control.sessions (expires_at);

-- Audit of what happens before a tenant is known.
CREATE TABLE control.events (
  id            uuid PRIMARY KEY,
  event         text NOT NULL,
  clerk_user_id text,
  tenant_id     uuid,
  request_id    text NOT NULL,
  detail        jsonb NOT NULL DEFAULT '{}',
  created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX events_recent ON control.events (created_at DESC, id DESC);

-- Which seal keys each place's fence was last sealed with: fingerprints, newest first. A start with the same keys has
-- nothing to do.
CREATE TABLE control.seals (
  place text PRIMARY KEY,
  keys  text[] NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON control.registry, control.directory, control.sessions, control.seals TO app_control;
GRANT SELECT, INSERT ON control.events TO app_control;

-- migrate:down
DROP TABLE control.seals, control.events, control.sessions, control.directory, control.registry;
REVOKE USAGE ON SCHEMA control FROM app_control;
