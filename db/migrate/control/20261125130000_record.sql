-- migrate:up
-- As in the folder of the place.
GRANT SELECT ON control.control_migrations TO app_control;

-- migrate:down
REVOKE SELECT ON control.control_migrations FROM app_control;
