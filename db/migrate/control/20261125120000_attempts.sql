-- migrate:up
-- What the operator sees of isolation at work: who tried to reach another tenant's data, how busy each tenant is, and how
-- much each keeps.

-- Tries to reach another tenant's data, grouped: one row for each person, kind and entity within ten minutes, so that a
-- flood does not bury the rest. The person is known to the operator only; the tried tenant is told what was tried, not by
-- whom. A row without a person counts what came after the last row that a tenant gets within ten minutes.
CREATE TABLE control.attempts (
  id            uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES control.registry ON DELETE CASCADE, -- the one that was tried
  period        timestamptz NOT NULL,                                       -- when its ten minutes began
  clerk_user_id text NOT NULL DEFAULT '',
  kind          text NOT NULL CHECK (kind IN ('foreign_id', 'switch', 'form', 'refused_write')),
  entity        text NOT NULL CHECK (entity IN ('job', 'proposal', 'import', 'organization', 'page')),
  own_tenant_id uuid,             -- where the person was working, if anywhere
  entity_id     uuid,             -- of the first try; null when it has none
  request_id    text NOT NULL,    -- of the first try
  count         bigint NOT NULL CHECK (count > 0),
  first_at      timestamptz NOT NULL,
  last_at       timestamptz NOT NULL,
  -- The tenant is told twice: at once, and of the rest when the ten minutes are over. How many each telling tells is
  -- settled before it is told, so that a telling that is interrupted and done again tells the same.
  told_first    bigint,
  told_rest     bigint,
  UNIQUE (tenant_id, period, clerk_user_id, kind, entity)
);
CREATE INDEX attempts_recent ON control.attempts (last_at DESC, id DESC);

-- How busy each tenant is, by ten minutes: every statement on its tables, counted by the processes that sent it. Without a
-- foreign key: a count that arrives late must not fail the counts of all the others.
CREATE TABLE control.activity (
  tenant_id        uuid NOT NULL,
  period           timestamptz NOT NULL,
  calls            bigint NOT NULL,
  rows             bigint NOT NULL,
  refused_writes   bigint NOT NULL,
  refused_contexts bigint NOT NULL,
  PRIMARY KEY (tenant_id, period)
);
CREATE INDEX activity_period ON control.activity (period);

-- How much each tenant keeps, measured once a day by the worker, within the tenant and under its policies.
CREATE TABLE control.sizes (
  tenant_id   uuid PRIMARY KEY REFERENCES control.registry ON DELETE CASCADE,
  members     bigint NOT NULL DEFAULT 0,
  rows        bigint NOT NULL DEFAULT 0,
  bytes       bigint NOT NULL DEFAULT 0,     -- of the rows, without indexes
  measured_at timestamptz,                   -- null: never yet
  visited_at  timestamptz NOT NULL           -- the last time that the worker was there, or found the tenant closed
);
CREATE INDEX sizes_visited ON control.sizes (visited_at);

-- When the tenant's oldest alert that nobody has seen was raised: a hint for the banner, read with the session. The alert
-- itself is a row of the tenant.
ALTER TABLE control.registry ADD COLUMN alert_at timestamptz;

GRANT SELECT, INSERT, UPDATE, DELETE ON control.attempts, control.activity, control.sizes TO app_control;

-- migrate:down
ALTER TABLE control.registry DROP COLUMN alert_at;
DROP TABLE control.sizes, control.activity, control.attempts;
