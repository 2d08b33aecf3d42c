-- Passwords of the roles, from the environment of psql, on the first start of the Postgres in compose.yaml. A password that
-- is missing is an error: the role would be without one. app_mover gets none, and cannot log in: nothing uses it there.
\getenv owner APP_OWNER_PASSWORD
\getenv tenant APP_TENANT_PASSWORD
\getenv control APP_CONTROL_PASSWORD
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE app_owner PASSWORD :'owner';
ALTER ROLE app_tenant PASSWORD :'tenant';
ALTER ROLE app_control PASSWORD :'control';
