-- Roles: one login each, never SET ROLE at run time. Run once a cluster by its superuser; running it again mends
-- attributes, memberships and settings. Passwords are set apart from this file, because a file is no place for them.
DO $roles$
DECLARE
  ours CONSTANT text[] := ARRAY['app_owner', 'app_tenant', 'app_control', 'app_mover', 'app_search'];
  name text;
  setting text;
  revoke text;
BEGIN
  FOREACH name IN ARRAY ours LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I', name);
    END IF;
    EXECUTE format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', name);
    -- What must stay the server's: the gate and the policies are written for it, and as replica a role sets off no trigger and
    -- no foreign key.
    FOREACH setting IN ARRAY ARRAY['search_path', 'row_security', 'default_transaction_isolation', 'role', 'session_replication_role'] LOOP
      EXECUTE format('ALTER ROLE %I RESET %I', name, setting);
    END LOOP;
  END LOOP;
  -- They are members of nothing, but app_owner of app_search, below. Who is a member of them is the server's business. From
  -- Postgres 16 on each grantor's grant stands for itself, and says itself whether it inherits; before, it is one whose
  -- grantor may be gone.
  FOR revoke IN
    SELECT format('REVOKE %s FROM %s%s CASCADE', m.roleid::regrole, m.member::regrole,
      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' GRANTED BY ' || m.grantor::regrole END)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
    WHERE r.rolname = ANY (ours)
      AND NOT (r.rolname = 'app_owner' AND m.roleid = 'app_search'::regrole AND NOT m.admin_option
        AND coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AND NOT coalesce((to_jsonb(m) ->> 'inherit_option')::bool, false))
  LOOP
    EXECUTE revoke;
  END LOOP;
END
$roles$;

-- Owns the schemas; used for migrations and provisioning only. NOINHERIT: it is a member of app_search so that it can
-- create the search functions under SET LOCAL ROLE, but must not read what app_search may read.
ALTER ROLE app_owner LOGIN NOINHERIT;
GRANT app_search TO app_owner;

-- The role of every tenant query. Rows of one page never need a parallel plan or JIT, and a stuck query must not hold
-- a connection of the pool.
ALTER ROLE app_tenant LOGIN NOINHERIT;
ALTER ROLE app_tenant SET jit = off;
ALTER ROLE app_tenant SET max_parallel_workers_per_gather = 0;
-- What a tenant asks for is found by an index, and mostly in memory. By the server's default, which is for disks that turn,
-- each statement would read the whole fence as long as there are fewer than about 150 tenants.
ALTER ROLE app_tenant SET random_page_cost = 1.1;
ALTER ROLE app_tenant SET statement_timeout = '5s';
ALTER ROLE app_tenant SET lock_timeout = '2s';
ALTER ROLE app_tenant SET idle_in_transaction_session_timeout = '10s';

-- The control plane: registry, directory, sessions, and the fence of every place. Nothing on tenant tables.
ALTER ROLE app_control LOGIN NOINHERIT;
ALTER ROLE app_control SET jit = off;
ALTER ROLE app_control SET statement_timeout = '10s';
ALTER ROLE app_control SET lock_timeout = '5s';
ALTER ROLE app_control SET idle_in_transaction_session_timeout = '30s';

-- Moves, exports and restores, through a policy of its own over tenants in a moving state.
ALTER ROLE app_mover LOGIN NOINHERIT;
ALTER ROLE app_mover SET idle_in_transaction_session_timeout = '60s';

-- Owner of the search functions. Nobody logs in as it.
ALTER ROLE app_search NOLOGIN NOINHERIT;
