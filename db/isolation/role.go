package isolation

import "strings"

// noRole is the fault after which nothing else can be asked.
const noRole = "it does not exist"

// roles is what the five roles are, which concerns the whole server.
var roles = []check{
	{"role attributes", "run the SQL of `db bootstrap` again", `
		SELECT 'role ' || w.name, f.fault
		FROM (VALUES ('app_owner', true), ('app_tenant', true), ('app_control', true), ('app_mover', true), ('app_search', false)) AS w (name, login)
		LEFT JOIN pg_roles r ON r.rolname = w.name
		CROSS JOIN LATERAL (VALUES
		  (r.oid IS NULL, '` + noRole + `'),
		  (r.rolsuper, 'it is a superuser'),
		  (r.rolbypassrls, 'it bypasses row-level security'),
		  (r.rolcreaterole, 'it may create roles'),
		  (r.rolcreatedb, 'it may create databases'),
		  (r.rolreplication, 'it may replicate, and so read everything'),
		  (r.rolinherit, 'it inherits what it is a member of'),
		  (r.rolcanlogin AND NOT w.login, 'it may log in'),
		  (NOT r.rolcanlogin AND w.login, 'it may not log in')) AS f (holds, fault)
		WHERE f.holds`},
	{"role memberships", "run the SQL of `db bootstrap` again", `
		-- Only app_owner is a member, of app_search: to make the search functions, not to read what it reads. A superuser or
		-- somebody who was given the administration of our roles is the server's own business; one of our roles in another is
		-- ours.
		SELECT 'role ' || m.member::regrole, 'it is a member of ' || m.roleid::regrole
		FROM pg_auth_members m
		WHERE m.member::regrole::text ~ '^app_(owner|tenant|control|mover|search)$'
		  AND NOT (m.member = to_regrole('app_owner') AND m.roleid = to_regrole('app_search'))
		UNION ALL
		SELECT 'role app_owner', 'it is no member of app_search: it cannot make the search functions'
		WHERE NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = to_regrole('app_owner') AND m.roleid = to_regrole('app_search'))
		UNION ALL
		-- From Postgres 16 on that is said by each membership, and not only by the role.
		SELECT 'role app_owner', 'it inherits app_search: it reads what that may read'
		WHERE pg_has_role(to_regrole('app_owner'), to_regrole('app_search'), 'USAGE')`},
	{"role settings", "run the SQL of `db bootstrap` again", `
		SELECT 'role ' || w.role, CASE WHEN have.value IS NULL THEN 'it has no ' || w.name ELSE 'its ' || w.name || ' is ' || have.value END
		FROM (VALUES ` + settingRows() + `) AS w (role, name, pattern)
		LEFT JOIN LATERAL (
		  -- The role's own in this database comes first, then the role's own, then that of the database.
		  SELECT substr(c, length(w.name) + 2) AS value FROM pg_db_role_setting s, unnest(s.setconfig) c
		  WHERE s.setrole IN (0, to_regrole(w.role)) AND c ~ ('^' || w.name || '=')
		    AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
		    AND (s.setrole, s.setdatabase) <> (0, 0)
		  ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1) have ON true
		WHERE NOT coalesce(have.value ~ w.pattern, w.pattern = '^$')`},
	{"logged parameters", "ALTER ROLE app_tenant SET log_parameter_max_length = 0", `
		-- A token is a parameter of set_tenant: what the server logs of it opens a tenant to who reads the log.
		SELECT 'setting log_parameter_max_length', 'the server logs parameters of statements, and with them what opens tenants'
		WHERE current_setting('log_parameter_max_length') <> '0'
		  AND (current_setting('log_statement') = 'all' OR current_setting('log_duration') = 'on'
		    OR current_setting('log_min_duration_statement') <> '-1' OR current_setting('log_min_duration_sample') <> '-1')
		UNION ALL
		SELECT 'setting log_parameter_max_length_on_error', 'the server logs parameters of statements that fail'
		WHERE current_setting('log_parameter_max_length_on_error') <> '0'`},
}

// setting is what a role's setting must look like; ^$ stands for: not set.
type setting struct{ role, name, pattern string }

// A limit of time is one that is there, however long; the others are what the plans and the gate rest on. As replica, a role
// sets off no trigger and no foreign key.
var settings = []setting{
	{"app_tenant", "jit", "^(off|0|false|no)$"},
	{"app_tenant", "max_parallel_workers_per_gather", "^0$"},
	{"app_tenant", "random_page_cost", `^1(\.[0-9]+)?$`},
	{"app_tenant", "statement_timeout", limited},
	{"app_tenant", "lock_timeout", limited},
	{"app_tenant", "idle_in_transaction_session_timeout", limited},
	{"app_tenant", "search_path", "^$"},
	{"app_tenant", "row_security", "^$"},
	{"app_tenant", "default_transaction_isolation", "^$"},
	{"app_tenant", "role", "^$"},
	{"app_tenant", "session_replication_role", "^$"},
	{"app_control", "statement_timeout", limited},
	{"app_control", "lock_timeout", limited},
	{"app_control", "idle_in_transaction_session_timeout", limited},
	{"app_control", "session_replication_role", "^$"},
	{"app_mover", "idle_in_transaction_session_timeout", limited},
	{"app_mover", "session_replication_role", "^$"},
	{"app_owner", "session_replication_role", "^$"},
}

const limited = `^[1-9][0-9]*[a-z]*$`

func settingRows() string {
	rows := make([]string, len(settings))
	for i, s := range settings {
		rows[i] = "('" + s.role + "', '" + s.name + "', '" + s.pattern + "')"
	}
	return strings.Join(rows, ", ")
}
