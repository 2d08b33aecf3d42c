-- migrate:up
-- As app.protect makes them now, which says why. Tables that were made after its change have it already.
DO $first$
DECLARE
  p record;
BEGIN
  FOR p IN
    SELECT l.policyname, l.schemaname, l.tablename, CASE l.tablename WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key,
           CASE l.policyname WHEN 'tenant_select' THEN 'readable' WHEN 'mover' THEN 'moving' ELSE 'writable' END AS over
    FROM pg_policies l
    WHERE l.schemaname = current_schema() AND l.policyname IN ('tenant_select', 'tenant_update', 'tenant_delete', 'mover')
  LOOP
    EXECUTE format('ALTER POLICY %I ON %I.%I USING (%I OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.%I)]))',
                   p.policyname, p.schemaname, p.tablename, p.key, p.over);
  END LOOP;
END
$first$;

-- migrate:down
DO $first$
DECLARE
  p record;
BEGIN
  FOR p IN
    SELECT l.policyname, l.schemaname, l.tablename, CASE l.tablename WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key,
           CASE l.policyname WHEN 'tenant_select' THEN 'context' WHEN 'mover' THEN 'moving' ELSE 'writable' END AS over
    FROM pg_policies l
    WHERE l.schemaname = current_schema() AND l.policyname IN ('tenant_select', 'tenant_update', 'tenant_delete', 'mover')
  LOOP
    EXECUTE format('ALTER POLICY %I ON %I.%I USING (%I = (SELECT tenant_id FROM app.%I))', p.policyname, p.schemaname, p.tablename, p.key, p.over);
  END LOOP;
END
$first$;
