-- migrate:up
-- A null tenant or token closes, like an empty one. Without coalesce the planner took the whole expression for null and left
-- out the calls of set_config, so that whatever tenant the transaction had opened before stayed open.
CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS $$
  SELECT set_config('app.tenant_id', coalesce(tenant::text, ''), true)
      || set_config('app.tenant_token', coalesce(token, ''), true)
      || set_config('app.tenant_at', now()::text, true)
      || pg_advisory_xact_lock_shared(hashtextextended(coalesce(tenant::text, ''), 0))::text
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS $$
  SELECT set_config('app.tenant_id', tenant::text, true)
      || set_config('app.tenant_token', token, true)
      || set_config('app.tenant_at', now()::text, true)
      || pg_advisory_xact_lock_shared(hashtextextended(tenant::text, 0))::text
$$;
