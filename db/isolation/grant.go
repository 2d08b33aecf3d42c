package isolation

import (
	"fmt"
	"strings"
)

// History are the tables of a home that are written once: app_tenant may neither change nor delete what is in them, also
// where it runs SQL that is not ours.
var History = []string{"proposal_versions", "proposal_events", "analytics"}

// grants is what each of the roles may do, and nothing beyond: what has been granted to one of them, or to everybody, and
// is not in this list is a finding; so is what is in it and missing.
var grants = []check{
	{"grants", "REVOKE it", `
		SELECT 'relation ' || o.name || coalesce('.' || g.attname, ''),
		  CASE WHEN g.grantee = 0 THEN 'everybody' ELSE g.grantee::regrole::text END || ' may ' || g.privilege_type || CASE WHEN g.is_grantable THEN ' and grant it' ELSE '' END
		FROM objects o CROSS JOIN LATERAL (
		  SELECT x.*, NULL::name AS attname FROM aclexplode(o.acl) x
		  UNION ALL
		  SELECT x.*, a.attname FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = o.oid AND NOT a.attisdropped) g
		LEFT JOIN homes h ON h.oid = o.oid
		WHERE (g.grantee = 0 OR g.grantee::regrole::text IN ('app_tenant', 'app_control', 'app_mover', 'app_search')) AND (g.is_grantable OR NOT CASE
		  WHEN g.grantee = 0 THEN false
		  WHEN h.oid IS NOT NULL AND g.grantee = 'app_tenant'::regrole THEN g.privilege_type IN ('SELECT', 'INSERT')
		    OR g.privilege_type IN ('UPDATE', 'DELETE') AND NOT o.name ~ '\.(` + strings.Join(History, "|") + `)$'
		  WHEN h.oid IS NOT NULL AND g.grantee = 'app_mover'::regrole THEN g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
		  WHEN h.oid IS NOT NULL AND g.grantee = 'app_search'::regrole THEN g.privilege_type = 'SELECT' AND (o.name ~ '\.jobs$' OR coalesce(g.attname IN ('tenant_id', 'id'), false))
		    AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = o.oid AND 'app_search'::regrole = ANY (p.polroles))
		  WHEN g.grantee = 'app_tenant'::regrole THEN o.name IN ('app.readable', 'app.context', 'app.writable') AND g.privilege_type = 'SELECT'
		  WHEN g.grantee = 'app_mover'::regrole THEN o.name = 'app.moving' AND g.privilege_type = 'SELECT'
		  WHEN g.grantee = 'app_search'::regrole THEN o.name = 'app.context' AND g.privilege_type = 'SELECT'
		  WHEN o.kind = 'S' THEN o.schema = 'control'
		  WHEN o.schema = 'control' OR o.name = 'app.fence' THEN g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
		  ELSE o.schema = 'app' AND o.name ~ 'migrations' AND g.privilege_type = 'SELECT'
		END)
		UNION ALL
		SELECT 'schema ' || n.nspname, CASE WHEN x.grantee = 0 THEN 'everybody' ELSE x.grantee::regrole::text END || ' may ' || x.privilege_type
		FROM pg_namespace n, aclexplode(n.nspacl) x
		WHERE n.nspname !~ '^(pg_|information_schema$)' AND x.grantee <> n.nspowner
		  AND (x.grantee = 0 OR x.grantee::regrole::text IN ('app_tenant', 'app_control', 'app_mover', 'app_search'))
		  AND NOT (x.grantee <> 0 AND x.privilege_type = 'USAGE' AND CASE
		    WHEN n.nspname = 'app' THEN true
		    WHEN n.nspname = 'control' THEN x.grantee = 'app_control'::regrole
		    ELSE true END)
		UNION ALL
		SELECT 'database ' || d.datname, CASE WHEN x.grantee = 0 THEN 'everybody' ELSE x.grantee::regrole::text END || ' may ' || x.privilege_type
		FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
		WHERE d.datname = current_database() AND x.grantee <> d.datdba
		  AND (x.grantee = 0 OR x.grantee::regrole::text IN ('app_tenant', 'app_control', 'app_mover', 'app_search') AND x.privilege_type <> 'CONNECT')`},
	{"missing grants", "run the SQL of `db bootstrap` again, then `migrate`; if it stays, GRANT it", `
		SELECT 'relation ' || o.name, w.role || ' may not ' || w.privilege
		FROM objects o JOIN LATERAL (
		  SELECT r.role, p.privilege FROM (VALUES ('app_tenant'), ('app_mover')) AS r (role), unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
		  WHERE o.secured AND o.oid IN (SELECT h.oid FROM homes h) AND NOT (r.role = 'app_tenant' AND p.privilege IN ('UPDATE', 'DELETE') AND o.name ~ '\.(` + strings.Join(History, "|") + `)$')
		  UNION
		  SELECT v.role, 'SELECT' FROM (VALUES ('app.readable', 'app_tenant'), ('app.context', 'app_tenant'), ('app.writable', 'app_tenant'), ('app.moving', 'app_mover'), ('app.context', 'app_search'),
		    ('app.place_migrations', 'app_control'), ('app.migrations_public', 'app_control')) AS v (name, role) WHERE v.name = o.name
		  UNION ALL
		  SELECT 'app_control', p.privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege) WHERE o.name = 'app.fence'
		  UNION ALL
		  SELECT 'app_control', 'SELECT' WHERE o.schema = 'control' AND o.kind IN ('r', 'p')) w ON true
		WHERE NOT has_table_privilege(w.role, o.oid, w.privilege)
		UNION ALL
		SELECT 'function app.set_tenant(uuid,text)', r.role || ' may not run it' FROM (VALUES ('app_tenant'), ('app_mover')) AS r (role)
		WHERE NOT coalesce(has_function_privilege(r.role, to_regprocedure('app.set_tenant(uuid,text)'), 'EXECUTE'), false)
		UNION ALL
		SELECT 'function pg_advisory_xact_lock_shared(bigint)', 'app_tenant may not run it: no tenant can be opened'
		WHERE NOT has_function_privilege('app_tenant', 'pg_advisory_xact_lock_shared(bigint)', 'EXECUTE')`},
	{"public functions", "REVOKE EXECUTE ON it FROM PUBLIC", `
		SELECT 'function ' || p.oid::regprocedure, 'everybody may run it'
		FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE a.grantee = 0 AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema$)'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`},
	{"listed functions", "make it as its migration does, or drop it", `
		SELECT 'function ' || p.oid::regprocedure, CASE WHEN l.name IS NULL THEN 'it is not listed' ELSE 'its owner, volatility, search_path or SECURITY is not as listed' END
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		LEFT JOIN (VALUES ` + functionRows() + `) AS l (name, owner, volatility, definer, settings)
		  ON l.name = CASE n.nspname WHEN 'app' THEN 'app.' ELSE '' END || p.proname || '(' || oidvectortypes(p.proargtypes) || ')'
		WHERE n.nspname !~ '^(pg_|information_schema$)' AND n.nspname <> 'control'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
		  AND (p.proowner::regrole::text, p.provolatile::text, p.prosecdef, coalesce(array_to_string(p.proconfig, ';'), ''), p.proleakproof)
		    IS DISTINCT FROM (l.owner, l.volatility, l.definer, l.settings, false)`},
	{"default privileges", "ALTER DEFAULT PRIVILEGES FOR ROLE it REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC", `
		SELECT 'role ' || r.name, 'everybody may run each function that it will make'
		FROM (VALUES ('app_owner'), ('app_search')) AS r (name)
		WHERE NOT EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclrole = r.name::regrole AND d.defaclobjtype = 'f' AND d.defaclnamespace = 0
		  AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) x WHERE x.grantee = 0))`},
	{"outside functions", "as a superuser, run the SQL of `db bootstrap` again; where the server lets nobody do that, know that injected SQL could use it", `
		-- As cluster/database.sql, which says why.
		SELECT 'function ' || p.oid::regprocedure, 'the tenant role may run it: it reaches beyond row-level security'
		FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid <> 'pg_advisory_xact_lock_shared(bigint)'::regprocedure
		  AND (p.proname ~ '^(lo_|loread$|lowrite$)' OR p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^(query|table|cursor|schema|database)_to_xml'
		    OR p.proname ~ '^pg_stat_get_' OR p.proname IN ('pg_lock_status', 'ts_stat', 'currtid2', 'pg_notify', 'pg_cancel_backend', 'pg_terminate_backend')
		    OR p.proname = 'ts_rewrite' AND p.pronargs = 2)
		  AND has_function_privilege('app_tenant', p.oid, 'EXECUTE')`},
}

// function is a function of ours, outside the control plane: its name as in SQL, without the schema when it is a home's.
type function struct {
	name       string
	owner      string
	volatility string // pg_proc.provolatile
	definer    bool
	settings   string
}

// functions are all of them.
var functions = []function{
	{"app.set_tenant(uuid, text)", "app_owner", "v", false, ""},
	{"app.protect(regclass, name)", "app_owner", "v", false, ""},
	{"search_jobs(text)", "app_search", "s", true, "search_path=pg_catalog, pg_temp"},
	{"owner_of(text, uuid)", "app_search", "s", true, "search_path=pg_catalog, pg_temp"},
}

func functionRows() string {
	rows := make([]string, len(functions))
	for i, f := range functions {
		rows[i] = fmt.Sprintf("('%s', '%s', '%s', %t, '%s')", f.name, f.owner, f.volatility, f.definer, f.settings)
	}
	return strings.Join(rows, ", ")
}
