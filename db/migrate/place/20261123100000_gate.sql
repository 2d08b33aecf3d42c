-- migrate:up
-- The gate of a place: which tenants live here, in which state, and what opens each. Read this file as one argument:
-- a session that does not hold a tenant's token is nobody, and nobody sees nothing.

CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA app;

GRANT USAGE ON SCHEMA app TO app_tenant, app_control, app_mover, app_search;

-- The token is HMAC-SHA256(seal key, tenant, epoch), computed by the application. Only its digest is kept here, so
-- that neither this table nor a dump of it opens a tenant. next_seal lets a key be rotated while serving.
CREATE TABLE app.fence (
  tenant_id uuid PRIMARY KEY,
  epoch     int NOT NULL CHECK (epoch > 0),
  seal      bytea NOT NULL UNIQUE CHECK (length(seal) = 32),
  next_seal bytea UNIQUE CHECK (length(next_seal) = 32),
  state     text NOT NULL CHECK (state IN ('active', 'copying', 'read_only', 'suspended', 'incoming', 'moved', 'erasing')),
  -- The tenant as text: the gate looks a setting up in it without a cast, which could raise.
  tenant    text COLLATE "C" GENERATED ALWAYS AS (tenant_id::text) STORED UNIQUE
);
-- ENABLE but not FORCE: the gate's views read it with their owner's rights, everybody else through the one policy.
ALTER TABLE app.fence ENABLE ROW LEVEL SECURITY;
CREATE POLICY control ON app.fence FOR ALL TO app_control USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.fence TO app_control;

-- The first statement of every tenant transaction. It never raises and never tells whether the token fits: that is
-- learnt from the actor row. Plain SQL that returns text, so that it is inlined. The shared advisory lock lets a mover
-- wait for, and hold back, every transaction of one tenant.
CREATE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS $$
  SELECT set_config('app.tenant_id', tenant::text, true)
      || set_config('app.tenant_token', token, true)
      || set_config('app.tenant_at', now()::text, true)
      || pg_advisory_xact_lock_shared(hashtextextended(tenant::text, 0))::text
$$;
GRANT EXECUTE ON FUNCTION app.set_tenant(uuid, text) TO app_tenant, app_mover;

-- The fence row that this transaction's token opens, or none. NOTHING HERE MAY RAISE: leakproof filters of a query run
-- before the lazy InitPlan that reads this view, so an error would tell whether some tenant has a matching row.
--   * The tenant is compared as text: an unset, empty or malformed setting is no error, it matches nothing.
--   * tenant_at binds the settings to the transaction that made them: a session-level copy outlives nothing.
--   * An older snapshot than read committed would miss a flip of the fence.
-- One index look-up by the tenant, then its seals. Looking up by either seal would be two look-ups joined by a bitmap, at
-- three times the cost.
CREATE VIEW app.opened WITH (security_barrier = true) AS
  SELECT f.tenant_id, f.state
  FROM app.fence f
  WHERE f.tenant = current_setting('app.tenant_id', true)
    AND (f.seal      = sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8'))
      OR f.next_seal = sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8')))
    AND now()::text = current_setting('app.tenant_at', true)
    AND current_setting('transaction_isolation') = 'read committed';

-- Who may read, who may write, who may move: place.States in Go says the same, and a test compares them.
CREATE VIEW app.context WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('active', 'copying', 'read_only');
CREATE VIEW app.writable WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('active', 'copying');
CREATE VIEW app.moving WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('copying', 'read_only', 'incoming', 'moved', 'erasing');
GRANT SELECT ON app.context, app.writable TO app_tenant;
GRANT SELECT ON app.context TO app_search;
GRANT SELECT ON app.moving TO app_mover;

-- Puts a table under the gate: row-level security that binds its owner too, and exactly these policies. One policy a
-- command, because one policy for all could not hold read_only: USING serves SELECT and DELETE alike. The sub-select
-- is one InitPlan a query, not one look-up a row.
CREATE PROCEDURE app.protect(target regclass, key name DEFAULT 'tenant_id') LANGUAGE plpgsql AS $$
DECLARE
  may_read  text := format('%I = (SELECT tenant_id FROM app.context)', key);
  may_write text := format('%I = (SELECT tenant_id FROM app.writable)', key);
  may_move  text := format('%I = (SELECT tenant_id FROM app.moving)', key);
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY tenant_select ON %s FOR SELECT TO app_tenant USING (%s)', target, may_read);
  EXECUTE format('CREATE POLICY tenant_insert ON %s FOR INSERT TO app_tenant WITH CHECK (%s)', target, may_write);
  EXECUTE format('CREATE POLICY tenant_update ON %s FOR UPDATE TO app_tenant USING (%s) WITH CHECK (%s)', target, may_write, may_write);
  EXECUTE format('CREATE POLICY tenant_delete ON %s FOR DELETE TO app_tenant USING (%s)', target, may_write);
  EXECUTE format('CREATE POLICY mover ON %s FOR ALL TO app_mover USING (%s) WITH CHECK (%s)', target, may_move, may_move);
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO app_tenant, app_mover', target);
END
$$;

-- migrate:down
DROP PROCEDURE app.protect(regclass, name);
DROP VIEW app.moving, app.writable, app.context, app.opened;
DROP FUNCTION app.set_tenant(uuid, text);
DROP TABLE app.fence;
DROP EXTENSION btree_gin;
REVOKE USAGE ON SCHEMA app FROM app_tenant, app_control, app_mover, app_search;
