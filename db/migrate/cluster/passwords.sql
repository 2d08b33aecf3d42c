-- Passwords of the roles that log in, for psql (14 or newer): from the environment, so that no file has them. One that is not
-- set stays as it is. The server shall not log what is sent here.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
\getenv app_owner_password APP_OWNER_PASSWORD
\getenv app_tenant_password APP_TENANT_PASSWORD
\getenv app_control_password APP_CONTROL_PASSWORD
\getenv app_mover_password APP_MOVER_PASSWORD
\if :{?app_owner_password}
  ALTER ROLE app_owner PASSWORD :'app_owner_password';
\else
  \echo APP_OWNER_PASSWORD is not set: the password of app_owner stays as it is.
\endif
\if :{?app_tenant_password}
  ALTER ROLE app_tenant PASSWORD :'app_tenant_password';
\else
  \echo APP_TENANT_PASSWORD is not set: the password of app_tenant stays as it is.
\endif
\if :{?app_control_password}
  ALTER ROLE app_control PASSWORD :'app_control_password';
\else
  \echo APP_CONTROL_PASSWORD is not set: the password of app_control stays as it is.
\endif
\if :{?app_mover_password}
  ALTER ROLE app_mover PASSWORD :'app_mover_password';
\else
  \echo APP_MOVER_PASSWORD is not set: the password of app_mover stays as it is.
\endif
RESET log_statement;
RESET log_min_duration_statement;
RESET log_min_error_statement;
