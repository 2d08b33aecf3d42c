-- migrate:up
-- So that it mends a table as well: what it had of these policies, however they read by then, goes first.
CREATE OR REPLACE PROCEDURE app.protect(target regclass, key name DEFAULT 'tenant_id') LANGUAGE plpgsql AS $$
DECLARE
  policy    name;
  may_read  text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])', key);
  may_touch text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)])', key);
  may_write text := format('%I = (SELECT tenant_id FROM app.writable)', key);
  may_take  text := format('%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.moving)])', key);
  may_move  text := format('%I = (SELECT tenant_id FROM app.moving)', key);
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  FOREACH policy IN ARRAY ARRAY['tenant_select', 'tenant_insert', 'tenant_update', 'tenant_delete', 'mover'] LOOP
    IF EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = target AND p.polname = policy) THEN
      EXECUTE format('DROP POLICY %I ON %s', policy, target);
    END IF;
  END LOOP;
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
