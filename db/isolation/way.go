package isolation

import (
	"fmt"
	"strings"
)

// waysAround is the one table of what opens a way around the gate to the role that is connected. None may be open when a
// tenant is served.
var waysAround = []check{
	{"tenant role", "connect as app_tenant, as `db bootstrap` makes it", `
		-- pg_has_role counts what the role may become by SET ROLE as well as what it inherits.
		SELECT 'role ' || r.rolname AS object, f.fault
		FROM pg_roles r CROSS JOIN LATERAL (VALUES
		  (r.rolsuper,                      'is a superuser'),
		  (r.rolbypassrls,                  'bypasses row-level security'),
		  (r.rolcreaterole OR r.rolcreatedb OR r.rolreplication, 'may create roles or databases, or replicate'),
		  (EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid),     'owns tables'),
		  (EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')), 'is a member of another role'),
		  (has_database_privilege(r.oid, current_database(), 'TEMP'),   'may create temporary tables'),
		  (has_database_privilege(r.oid, current_database(), 'CREATE'), 'may create schemas')
		) AS f (holds, fault)
		WHERE r.rolname = current_user AND f.holds`},
	{"tenant grants", "REVOKE it", `
		-- They act on every tenant's rows at once.
		SELECT 'table ' || o.name, 'the tenant role may ' || p.privilege
		FROM objects o CROSS JOIN unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
		WHERE o.kind IN ('r', 'p', 'v', 'm', 'f')
		  AND (has_table_privilege(o.oid, p.privilege) OR p.privilege = 'REFERENCES' AND has_any_column_privilege(o.oid, p.privilege))
		UNION ALL
		SELECT 'schema ' || n.nspname, 'the tenant role may create in it'
		FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'CREATE')
		UNION ALL
		SELECT 'schema control', 'the tenant role may use it'
		FROM pg_namespace n WHERE n.nspname = 'control' AND has_schema_privilege(n.oid, 'USAGE')
		UNION ALL
		-- The gate's own relations: app.context and app.writable are for reading, all else is closed.
		SELECT 'relation ' || o.name, 'the tenant role may ' || p.privilege
		FROM objects o CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
		WHERE o.schema IN ('app', 'control') AND o.kind <> 'S'
		  AND NOT (p.privilege = 'SELECT' AND o.name IN ('app.context', 'app.writable'))
		  AND (has_table_privilege(o.oid, p.privilege) OR p.privilege <> 'DELETE' AND has_any_column_privilege(o.oid, p.privilege))
		UNION ALL
		SELECT 'sequence ' || o.name, 'the tenant role may use it: it counts what other tenants do'
		FROM objects o WHERE CASE WHEN o.kind = 'S' THEN has_sequence_privilege(o.oid, 'USAGE, SELECT, UPDATE') END`},
	{"views", "ALTER VIEW … SET (security_invoker = true), or REVOKE it", `
		SELECT 'view ' || o.name, 'it reads with the rights of ' || o.owner || ', not with those of the tenant role'
		FROM objects o
		WHERE o.kind = 'v' AND o.schema NOT IN ('app', 'control')
		  AND (has_any_column_privilege(o.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(o.oid, 'DELETE'))
		  AND NOT coalesce((SELECT x.option_value::bool FROM pg_options_to_table(o.options) x WHERE x.option_name = 'security_invoker'), false)`},
	{"functions", "REVOKE EXECUTE on it from PUBLIC and app_tenant, or drop it", `
		SELECT 'function ' || f.oid::regprocedure, 'it runs with the rights of ' || f.proowner::regrole || ', and the tenant role can make it run'
		FROM pg_proc f
		WHERE f.prosecdef
		  AND (has_function_privilege(f.oid, 'EXECUTE') OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = f.oid))
		  AND NOT coalesce(f.proname = 'search_jobs' AND f.proowner::regrole::text = 'app_search' AND f.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
		    AND pg_get_functiondef(f.oid) ~ 'WHERE \(\(j\.tenant_id = \( SELECT c\.tenant_id\s+FROM app\.context c\)\) AND \(j\.search @@ ', false)
		UNION ALL
		SELECT 'function ' || f.oid::regprocedure, 'it is marked leakproof: it is shown rows before the policies are asked'
		FROM pg_proc f WHERE f.proleakproof AND f.pronamespace <> 'pg_catalog'::regnamespace`},
	{"rules", "drop the rule", `
		SELECT 'table ' || o.name, 'its rule ' || w.rulename || ' acts with the rights of ' || o.owner
		FROM pg_rewrite w JOIN objects o ON o.oid = w.ev_class WHERE o.kind IN ('r', 'p')`},
	{"gate", "restore it as the migrations of the place make it", `
		SELECT 'view ' || g.name, 'it does not say what the gate must say'
		FROM (VALUES ` + gate() + `) AS g (name, pattern)
		LEFT JOIN objects o ON o.name = g.name AND o.kind = 'v'
		WHERE NOT coalesce(regexp_replace(pg_get_viewdef(o.oid), '\s+', ' ', 'g') ~ g.pattern AND 'security_barrier=true' = ANY (o.options), false)
		UNION ALL
		-- For the transaction only: what is set for a session, the next client of a pooler finds.
		SELECT 'function app.set_tenant(uuid,text)', 'it does not say what the gate must say'
		WHERE NOT coalesce((SELECT regexp_replace(f.prosrc, '\s+', ' ', 'g') FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
		    WHERE n.nspname = 'app' AND f.proname = 'set_tenant' AND oidvectortypes(f.proargtypes) = 'uuid, text')
		  = ' SELECT set_config(''app.tenant_id'', coalesce(tenant::text, ''''), true) || set_config(''app.tenant_token'', coalesce(token, ''''), true)'
		    || ' || set_config(''app.tenant_at'', now()::text, true) || pg_advisory_xact_lock_shared(hashtextextended(coalesce(tenant::text, ''''), 0))::text ', false)
		UNION ALL
		SELECT 'table ' || o.name, 'row-level security is off' FROM objects o WHERE o.name = 'app.fence' AND NOT o.secured
		UNION ALL
		SELECT 'table app.fence', 'policy ' || p.policyname || ' is not as listed'
		FROM pg_policies p WHERE p.schemaname = 'app' AND p.tablename = 'fence' AND NOT (p.policyname = 'control' AND p.roles = '{app_control}')`},
}

// gateViews is what the views of the gate say, as patterns: Postgres 16 prints them without the names of their tables.
var gateViews = []struct{ name, pattern string }{
	{"app.opened", `^ SELECT (f\.)?tenant_id, (f\.)?state FROM app\.fence f WHERE ` +
		`\(\((f\.)?tenant = current_setting\('app\.tenant_id'::text, true\)\)` +
		` AND \(\((f\.)?seal = DIGEST\) OR \((f\.)?next_seal = DIGEST\)\)` +
		` AND \(\(now\(\)\)::text = current_setting\('app\.tenant_at'::text, true\)\)` +
		` AND \(current_setting\('transaction_isolation'::text\) = 'read committed'::text\)\);$`},
	{"app.context", stateView("active", "copying", "read_only")},
	{"app.writable", stateView("active", "copying")},
	{"app.moving", stateView("copying", "read_only", "incoming", "moved", "erasing")},
}

const digest = `sha256\(convert_to\(current_setting\('app\.tenant_token'::text, true\), 'UTF8'::name\)\)`

func stateView(states ...string) string {
	return `^ SELECT (opened\.)?tenant_id, (opened\.)?state FROM app\.opened WHERE \((opened\.)?state = ANY \(ARRAY\['` +
		strings.Join(states, `'::text, '`) + `'::text\]\)\);$`
}

// gate is gateViews as rows of SQL.
func gate() string {
	rows := make([]string, len(gateViews))
	for i, v := range gateViews {
		rows[i] = fmt.Sprintf("('%s', '%s')", v.name, strings.ReplaceAll(strings.ReplaceAll(v.pattern, "DIGEST", digest), "'", "''"))
	}
	return strings.Join(rows, ", ")
}
