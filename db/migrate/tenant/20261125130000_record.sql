-- migrate:up
-- As in the folder of the place. Each home has a record of its own.
DO $record$ BEGIN EXECUTE format('GRANT SELECT ON app.%I TO app_control', 'migrations_' || current_schema()); END $record$;

-- migrate:down
DO $record$ BEGIN EXECUTE format('REVOKE SELECT ON app.%I FROM app_control', 'migrations_' || current_schema()); END $record$;
