-- migrate:up
-- Each view of the gate looks at the fence by itself. OFFSET 0 keeps the planner from moving anything into it or out of it:
-- nothing that a query asks of a view is asked of the fence's rows, so it cannot tell which tenants there are, and in which state
-- each is. What a look costs is mostly what setting up its plan costs: one view over another was a node and two locks more, one
-- digest is compared with both seals, and what is the same for every row stands in a CASE of the row, because by itself it would
-- be a node of its own. NOTHING HERE MAY RAISE, and the settings hold only in the transaction that made them, as before.
CREATE VIEW app.readable WITH (security_barrier = true) AS SELECT NULL::uuid AS tenant_id;
DO $gate$
DECLARE
  v record;
BEGIN
  FOR v IN
    SELECT * FROM (VALUES
      -- What the policies for reading ask, and so every query: its one column is one node less than two.
      ('readable', 'f.tenant_id', ARRAY['active', 'copying', 'read_only']),
      ('context', 'f.tenant_id, f.state', ARRAY['active', 'copying', 'read_only']),
      ('writable', 'f.tenant_id, f.state', ARRAY['active', 'copying']),
      ('moving', 'f.tenant_id, f.state', ARRAY['copying', 'read_only', 'incoming', 'moved', 'erasing'])) AS g (name, columns, states)
  LOOP
    EXECUTE format($view$
      CREATE OR REPLACE VIEW app.%I WITH (security_barrier = true) AS
        SELECT %s
        FROM app.fence f
        WHERE f.tenant = current_setting('app.tenant_id', true)
          AND sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8')) = ANY (ARRAY[f.seal, f.next_seal])
          AND CASE WHEN f.state = ANY (%L::text[])
            THEN now()::text = current_setting('app.tenant_at', true) AND current_setting('transaction_isolation') = 'read committed' END
        OFFSET 0$view$, v.name, v.columns, v.states);
  END LOOP;
END
$gate$;
GRANT SELECT ON app.readable TO app_tenant;
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
  may_read  text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])', key);
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
DROP VIEW app.readable;
DROP OPERATOR app.=== (uuid, uuid);
DROP OPERATOR app.!== (uuid, uuid);
