-- Privileges of one place's database. Run once a database by a superuser; can be run again.
SET ROLE NONE; -- one that is set for the database would hold here as well, until it is reset below
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $database$
DECLARE
  reset text;
BEGIN
  EXECUTE format('ALTER DATABASE %I OWNER TO app_owner', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, app_tenant, app_control, app_mover, app_search CASCADE', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO app_tenant, app_control, app_mover', current_database());
  -- Nothing is said here, of a role or of all, that would come before what roles.sql says.
  FOR reset IN
    SELECT format(coalesce('ALTER ROLE ' || r.oid::regrole || ' IN ', 'ALTER ') || 'DATABASE %I RESET %I', d.datname, c.name)
    FROM pg_db_role_setting s
    JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
    LEFT JOIN pg_roles r ON r.oid = s.setrole,
    unnest(s.setconfig) AS set, split_part(set, '=', 1) AS c (name)
    WHERE (s.setrole = 0 OR r.rolname IN ('app_owner', 'app_tenant', 'app_control', 'app_mover', 'app_search'))
        AND c.name IN ('search_path', 'row_security', 'default_transaction_isolation', 'role', 'session_replication_role')
      OR r.rolname IN ('app_tenant', 'app_control', 'app_mover')
        AND c.name IN ('jit', 'max_parallel_workers_per_gather', 'random_page_cost', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
  LOOP
    EXECUTE reset;
  END LOOP;
END
$database$;
ALTER SCHEMA public OWNER TO app_owner;

-- By global default privileges, per creating role: a schema-level REVOKE would not take back what PUBLIC gets by
-- default.
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app_search REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What lies outside row-level security and is callable by everybody in a stock server: large objects, session-level
-- advisory locks, notifications, signals to other backends of the same role, functions that run a query given as text,
-- one that follows the versions of whichever row stands at a place, and what the server counts. The counters are an oracle: a policy looks the tenant up only when some row, of whichever
-- tenant, has passed the query's own filter, and pg_stat_get_xact_numscans tells whether it did; so do the predicate locks
-- of a serializable transaction. The application needs none of them as app_tenant, so injected SQL shall have none of
-- them either.
DO $outside$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
      AND (p.proname ~ '^(lo_|loread$|lowrite$)'
        OR p.proname ~ '^pg_(try_)?advisory_'
        OR p.proname ~ '^(query|table|cursor|schema|database)_to_xml'
        OR p.proname ~ '^pg_stat_get_'
        OR p.proname IN ('pg_lock_status', 'ts_stat', 'currtid2')
        OR (p.proname = 'ts_rewrite' AND p.pronargs = 2)
        OR p.proname IN ('pg_notify', 'pg_cancel_backend', 'pg_terminate_backend'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app_owner, app_control, app_mover', f);
    IF f::text ~ '^pg_(stat_get|lock)_' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pg_monitor', f);
    END IF;
  END LOOP;
END
$outside$;
-- The gate takes this one, on the tenant's own number.
GRANT EXECUTE ON FUNCTION pg_advisory_xact_lock_shared(bigint) TO app_tenant;
