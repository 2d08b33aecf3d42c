-- migrate:up
-- The fence shows a session the one row that its token opens: it is under row-level security itself, and the views of the
-- gate read it with their reader's rights. So the planner merges them into the look of a policy, which was two more nodes and
-- two more locks as a barrier view over another: what such a look costs is mostly what setting up its plan costs. One digest
-- is compared with both seals. NOTHING HERE MAY RAISE, and the settings hold only in the transaction that made them, as before.
-- The tenant is compared by a list of one, for the reason that is said below: else a query's own conditions would tell which
-- tenants there are, and in which state each is.
CREATE POLICY token ON app.fence FOR SELECT TO app_tenant, app_mover, app_search USING (
  tenant = ANY (ARRAY[(SELECT current_setting('app.tenant_id', true))])
  AND sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8')) = ANY (ARRAY[seal, next_seal])
  AND now()::text = current_setting('app.tenant_at', true)
  AND current_setting('transaction_isolation') = 'read committed');
GRANT SELECT (tenant_id, state) ON app.fence TO app_tenant, app_mover, app_search;
CREATE OR REPLACE VIEW app.context WITH (security_invoker = true) AS
  SELECT f.tenant_id, f.state FROM app.fence f WHERE f.state IN ('active', 'copying', 'read_only');
CREATE OR REPLACE VIEW app.writable WITH (security_invoker = true) AS
  SELECT f.tenant_id, f.state FROM app.fence f WHERE f.state IN ('active', 'copying');
CREATE OR REPLACE VIEW app.moving WITH (security_invoker = true) AS
  SELECT f.tenant_id, f.state FROM app.fence f WHERE f.state IN ('copying', 'read_only', 'incoming', 'moved', 'erasing');
DROP VIEW app.opened;

-- The policies ask whose a row is before anything else is asked of it. Postgres runs a query's own filters before a policy's
-- where they are leakproof and cheaper: x = ANY (ARRAY[y]) counts as half a comparison, and one beside it may hold a
-- sub-select that raises, waits or sets something, which told whatever column of whatever tenant was asked for. Nothing that
-- calls a function is cheaper than a list of one, and of what costs the same a policy comes first, as long as its operator
-- is in no family: = would be moved behind what a query says of the same column. It is in no index's either: every query
-- says tenant_id = $1 itself, and shall be planned as if there were no policy. That is what the estimate is for, of NOT
-- LIKE: for a value that is not known yet it is that nearly every row fits, and it insists on a negator.
CREATE OPERATOR app.=== (FUNCTION = pg_catalog.uuid_eq, LEFTARG = uuid, RIGHTARG = uuid, NEGATOR = OPERATOR(app.!==), RESTRICT = nlikesel);
CREATE OPERATOR app.!== (FUNCTION = pg_catalog.uuid_ne, LEFTARG = uuid, RIGHTARG = uuid, NEGATOR = OPERATOR(app.===), RESTRICT = likesel);

CREATE OR REPLACE PROCEDURE app.protect(target regclass, key name DEFAULT 'tenant_id') LANGUAGE plpgsql AS $$
DECLARE
  may_read  text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.context)])', key);
  may_touch text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)])', key);
  may_write text := format('%I = (SELECT tenant_id FROM app.writable)', key);
  may_take  text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.moving)])', key);
  may_move  text := format('%I = (SELECT tenant_id FROM app.moving)', key);
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY tenant_select ON %s FOR SELECT TO app_tenant USING (%s)', target, may_read);
  EXECUTE format('CREATE POLICY tenant_insert ON %s FOR INSERT TO app_tenant WITH CHECK (%s)', target, may_write);
  EXECUTE format('CREATE POLICY tenant_update ON %s FOR UPDATE TO app_tenant USING (%s) WITH CHECK (%s)', target, may_touch, may_write);
  EXECUTE format('CREATE POLICY tenant_delete ON %s FOR DELETE TO app_tenant USING (%s)', target, may_touch);
  EXECUTE format('CREATE POLICY mover ON %s FOR ALL TO app_mover USING (%s) WITH CHECK (%s)', target, may_take, may_move);
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO app_tenant, app_mover', target);
END
$$;

-- migrate:down
CREATE OR REPLACE PROCEDURE app.protect(target regclass, key name DEFAULT 'tenant_id') LANGUAGE plpgsql AS $$
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
CREATE VIEW app.opened WITH (security_barrier = true) AS
  SELECT f.tenant_id, f.state
  FROM app.fence f
  WHERE f.tenant = current_setting('app.tenant_id', true)
    AND (f.seal      = sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8'))
      OR f.next_seal = sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8')))
    AND now()::text = current_setting('app.tenant_at', true)
    AND current_setting('transaction_isolation') = 'read committed';
CREATE OR REPLACE VIEW app.context WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('active', 'copying', 'read_only');
CREATE OR REPLACE VIEW app.writable WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('active', 'copying');
CREATE OR REPLACE VIEW app.moving WITH (security_barrier = true) AS
  SELECT tenant_id, state FROM app.opened WHERE state IN ('copying', 'read_only', 'incoming', 'moved', 'erasing');
REVOKE SELECT (tenant_id, state) ON app.fence FROM app_tenant, app_mover, app_search;
DROP POLICY token ON app.fence;
DROP OPERATOR app.=== (uuid, uuid);
DROP OPERATOR app.!== (uuid, uuid);
