-- migrate:up
-- The doctor compares what is recorded here with what the binary brings. It asks as app_control, in every place.
GRANT SELECT ON app.place_migrations TO app_control;

-- migrate:down
REVOKE SELECT ON app.place_migrations FROM app_control;
