package isolation

import (
	"fmt"
	"strings"
)

// waysAround is the one table of what opens a way around the gate to the role that is connected. None may be open when a
// tenant is served.
var waysAround = []check{
	{"tenant role", "run the SQL of `db bootstrap` again and connect as app_tenant; a table of its own goes to app_owner", `
		-- pg_has_role counts what the role may become by SET ROLE as well as what it inherits.
		SELECT 'role ' || r.rolname AS object, f.fault
		FROM pg_roles r CROSS JOIN LATERAL (VALUES
		  (r.rolsuper,                      'is a superuser'),
		  (r.rolbypassrls,                  'bypasses row-level security'),
		  (r.rolcreaterole OR r.rolcreatedb OR r.rolreplication, 'may create roles or databases, or replicate'),
		  (EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid),     'owns tables'),
		  (EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')), 'is a member of another role'),
		  (has_database_privilege(r.oid, current_database(), 'TEMP'),   'may create temporary tables'),
		  (has_database_privilege(r.oid, current_database(), 'CREATE'), 'may create schemas'),
		  -- The gate, and these checks, mean the server's own functions by names without a schema.
		  (current_setting('session_replication_role') <> 'origin',     'writes as a replica does: no foreign key and no trigger is asked'),
		  ((current_schemas(true))[1] <> 'pg_catalog', 'finds what is in schema ' || (current_schemas(true))[1] || ' before what is the server''s own')
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
		-- The gate's own relations: app.readable, app.context and app.writable are for reading, all else is closed.
		SELECT 'relation ' || o.name, 'the tenant role may ' || p.privilege
		FROM objects o CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
		WHERE o.schema IN ('app', 'control') AND o.kind <> 'S'
		  AND NOT (p.privilege = 'SELECT' AND o.name IN ('app.readable', 'app.context', 'app.writable'))
		  AND (has_table_privilege(o.oid, p.privilege) OR p.privilege <> 'DELETE' AND has_any_column_privilege(o.oid, p.privilege))
		UNION ALL
		SELECT 'sequence ' || o.name, 'the tenant role may use it: it counts what other tenants do'
		FROM objects o WHERE CASE WHEN o.kind = 'S' THEN has_sequence_privilege(o.oid, 'USAGE, SELECT, UPDATE') END`},
	{"system grants", "REVOKE it", `
		-- What the server keeps for itself tells of every row: pg_statistic has samples of them. Its makers' own grants are in
		-- pg_init_privs; what has none there may be run by everybody, and read by nobody.
		SELECT 'relation ' || c.oid::regclass || coalesce('.' || g.attname, ''), CASE WHEN g.grantee = 0 THEN 'everybody' ELSE 'the tenant role' END || ' may ' || g.privilege_type || ', which the server does not give'
		FROM pg_class c CROSS JOIN LATERAL (
		  SELECT x.*, 0 AS attnum, NULL::name AS attname FROM aclexplode(c.relacl) x
		  UNION ALL
		  SELECT x.*, a.attnum, a.attname FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) g
		WHERE c.relnamespace::regnamespace::text ~ '^pg_' AND (g.grantee = 0 OR pg_get_userbyid(g.grantee) = current_user)
		  AND NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) y WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid
		    AND i.objsubid IN (0, g.attnum) AND (y.grantee, y.privilege_type) = (g.grantee, g.privilege_type))
		UNION ALL
		SELECT 'function ' || p.oid::regprocedure, CASE WHEN x.grantee = 0 THEN 'everybody' ELSE 'the tenant role' END || ' may run it, which the server does not give'
		FROM pg_proc p, aclexplode(p.proacl) x
		WHERE p.pronamespace::regnamespace::text ~ '^pg_' AND p.oid <> 'pg_advisory_xact_lock_shared(bigint)'::regprocedure
		  AND CASE WHEN x.grantee = 0
		    THEN EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
		      AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) y WHERE y.grantee = 0))
		    ELSE pg_get_userbyid(x.grantee) = current_user END
		UNION ALL
		SELECT 'setting ' || s.parname, CASE WHEN x.grantee = 0 THEN 'everybody' ELSE 'the tenant role' END || ' may ' || x.privilege_type || ' it'
		FROM pg_parameter_acl s, aclexplode(s.paracl) x WHERE x.grantee = 0 OR pg_get_userbyid(x.grantee) = current_user
		UNION ALL
		SELECT 'foreign server ' || s.srvname, 'the tenant role may use it' FROM pg_foreign_server s WHERE has_server_privilege(s.oid, 'USAGE')
		UNION ALL
		SELECT 'foreign-data wrapper ' || w.fdwname, 'the tenant role may use it' FROM pg_foreign_data_wrapper w WHERE has_foreign_data_wrapper_privilege(w.oid, 'USAGE')`},
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
		    AND regexp_replace(pg_get_function_sqlbody(f.oid), '\s+', ' ', 'g') ~ ('^BEGIN ATOMIC SELECT (j\.)?id FROM (' || f.pronamespace::regnamespace || '\.)?jobs j'
		      || ' WHERE \(\((j\.)?tenant_id = \( SELECT (c\.)?tenant_id FROM app\.context c\)\)'
		      || ' AND \((j\.)?search @@ websearch_to_tsquery\(''english''::regconfig, (search_jobs\.)?query\)\)\); END$'), false)
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
		SELECT 'operator app.===', 'it is not as listed, and every policy compares by it'
		WHERE NOT EXISTS (SELECT FROM pg_operator p WHERE p.oprnamespace::regnamespace::text = 'app' AND p.oprname = '===' AND p.oprcode = 'pg_catalog.uuid_eq'::regproc
		  AND p.oprrest = 'pg_catalog.nlikesel'::regproc AND NOT p.oprcanmerge AND NOT p.oprcanhash AND NOT EXISTS (SELECT FROM pg_amop a WHERE a.amopopr = p.oid))
		UNION ALL
		-- A policy that compares by it is printed like one that compares as listed.
		SELECT 'operator ' || p.oid::regoperator, 'it has the name of the one that the policies compare by'
		FROM pg_operator p WHERE p.oprnamespace::regnamespace::text = 'app' AND p.oprname = '===' AND (p.oprleft, p.oprright) <> ('uuid'::regtype, 'uuid'::regtype)
		UNION ALL
		-- The policies come first because of what it costs, and a query's own conditions come after it where it is no leak.
		SELECT 'function ' || f.oid::regprocedure, 'it is not as Postgres has it: the policies come first because it is cheap'
		FROM pg_proc f WHERE f.oid = 'pg_catalog.uuid_eq'::regproc AND NOT (f.procost <= 1 AND f.proleakproof)
		UNION ALL
		SELECT 'function ' || f.oid::regprocedure, 'it is not as Postgres has it: a query that calls it is cheaper than the policies, and comes before them'
		FROM pg_proc f WHERE f.oid <> 'pg_catalog.uuid_eq'::regproc AND f.proleakproof AND f.procost < 1
		UNION ALL
		SELECT 'column app.fence.tenant', 'it is not the tenant as text, by which the gate finds what opens it'
		WHERE NOT EXISTS (SELECT FROM objects o JOIN pg_attribute a ON a.attrelid = o.oid JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
		  WHERE o.name = 'app.fence' AND a.attname = 'tenant' AND a.attgenerated = 's' AND pg_get_expr(d.adbin, d.adrelid) = '(tenant_id)::text')
		UNION ALL
		-- Two rows of one tenant would make the policies raise, and what raises in a policy is asked like an oracle.
		SELECT 'column app.fence.' || k.name, 'no unique index is over it: the gate could find two tenants'
		FROM unnest(ARRAY['tenant_id', 'tenant', 'seal', 'next_seal']) AS k (name)
		WHERE NOT EXISTS (SELECT FROM objects o JOIN pg_attribute a ON a.attrelid = o.oid JOIN pg_index i ON i.indrelid = o.oid
		  WHERE o.name = 'app.fence' AND a.attname = k.name AND i.indnatts = 1 AND i.indkey[0] = a.attnum
		    AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL)
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

// gateViews is what the views of the gate show, and in which states.
var gateViews = []struct {
	name, columns string
	states        []string
}{
	{"app.readable", `(f\.)?tenant_id`, []string{"active", "copying", "read_only"}},
	{"app.context", `(f\.)?tenant_id, (f\.)?state`, []string{"active", "copying", "read_only"}},
	{"app.writable", `(f\.)?tenant_id, (f\.)?state`, []string{"active", "copying"}},
	{"app.moving", `(f\.)?tenant_id, (f\.)?state`, []string{"copying", "read_only", "incoming", "moved", "erasing"}},
}

// gateView is what such a view says, as a pattern: Postgres 16 prints it without the names of its tables.
const gateView = `^ SELECT %s FROM app\.fence f WHERE ` +
	`\(\((f\.)?tenant = current_setting\('app\.tenant_id'::text, true\)\)` +
	` AND \(sha256\(convert_to\(current_setting\('app\.tenant_token'::text, true\), 'UTF8'::name\)\) = ANY \(ARRAY\[(f\.)?seal, (f\.)?next_seal\]\)\)` +
	` AND CASE WHEN \((f\.)?state = ANY \('\{%s\}'::text\[\]\)\)` +
	` THEN \(\(\(now\(\)\)::text = current_setting\('app\.tenant_at'::text, true\)\)` +
	` AND \(current_setting\('transaction_isolation'::text\) = 'read committed'::text\)\) ELSE NULL::boolean END\) OFFSET 0;$`

// gate is gateViews as rows of SQL: name and pattern.
func gate() string {
	rows := make([]string, len(gateViews))
	for i, v := range gateViews {
		rows[i] = fmt.Sprintf("('%s', '%s')", v.name, strings.ReplaceAll(fmt.Sprintf(gateView, v.columns, strings.Join(v.states, ",")), "'", "''"))
	}
	return strings.Join(rows, ", ")
}
