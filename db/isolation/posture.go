// Package isolation looks at a running installation and says whether its isolation holds.
package isolation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upwork-ai-agent/db/internal/sealed"
)

// ErrUnsafe says that a database may not be served. What it wraps lists the findings.
var ErrUnsafe = errors.New("the database does not keep tenants apart")

// Finding is one thing that is not as it must be, with how to mend it.
type Finding struct {
	Place  string
	Object string // a role, a table, a schema
	Fault  string
	Mend   string
}

// Findings is what a posture check found.
type Findings []Finding

// String is one line a finding.
func (f Findings) String() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = fmt.Sprintf("  %s: %s: %s. To mend it: %s.", x.Place, x.Object, x.Fault, x.Mend)
	}
	return strings.Join(lines, "\n")
}

// Posture checks, in every place, what must hold before a tenant is served: the server's version, the tenant role's
// attributes and grants, and that every table of a home is under the gate with exactly the listed policies. It reads
// catalogs only, as the tenant role itself.
func Posture(ctx context.Context, d *sealed.DB) (Findings, error) {
	var all Findings
	for _, name := range d.Places() {
		for _, check := range []func(context.Context, *sealed.DB, string) (Findings, error){version, role, tables, grants} {
			found, err := check(ctx, d, name)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// floors is the lowest minor version of each major that has the fixes of row-level security: CVE-2023-2455,
// CVE-2023-39418, CVE-2024-4317, CVE-2024-10976, CVE-2025-8713. Later majors have them from the start.
var floors = map[int]int{15: 14, 16: 10, 17: 6}

func version(ctx context.Context, d *sealed.DB, name string) (Findings, error) {
	var v []struct {
		Number int `db:"number"`
	}
	if err := sealed.Catalog(ctx, d, name, "SELECT current_setting('server_version_num')::int AS number", &v); err != nil {
		return nil, err
	}
	if Supported(v[0].Number) {
		return nil, nil
	}
	return Findings{{name, "server", fmt.Sprintf("Postgres %d.%d has known holes in row-level security", v[0].Number/10000, v[0].Number%10000),
		"upgrade to 15.14, 16.10, 17.6, 18 or later"}}, nil
}

// Supported tells whether a server_version_num is one that this software trusts.
func Supported(number int) bool {
	major, minor := number/10000, number%10000
	if floor, ok := floors[major]; ok {
		return minor >= floor
	}
	return major > 17
}

func role(ctx context.Context, d *sealed.DB, name string) (Findings, error) {
	var faults []struct {
		Role  string `db:"role"`
		Fault string `db:"fault"`
	}
	// pg_has_role counts what the role may become by SET ROLE as well as what it inherits.
	err := sealed.Catalog(ctx, d, name, `
		SELECT r.rolname AS role, f.fault
		FROM pg_roles r CROSS JOIN LATERAL (VALUES
		  (r.rolsuper,                      'is a superuser'),
		  (r.rolbypassrls,                  'bypasses row-level security'),
		  (r.rolcreaterole OR r.rolcreatedb OR r.rolreplication, 'may create roles or databases, or replicate'),
		  (EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid),     'owns tables'),
		  (EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')), 'is a member of another role'),
		  (has_database_privilege(r.oid, current_database(), 'TEMP'),   'may create temporary tables'),
		  (has_database_privilege(r.oid, current_database(), 'CREATE'), 'may create schemas')
		) AS f (holds, fault)
		WHERE r.rolname = current_user AND f.holds`, &faults)
	if err != nil {
		return nil, err
	}
	var found Findings
	for _, f := range faults {
		found = append(found, Finding{name, "role " + f.Role, f.Fault, "connect as app_tenant, as `db bootstrap` makes it"})
	}
	return found, nil
}

func grants(ctx context.Context, d *sealed.DB, name string) (Findings, error) {
	var faults []struct {
		Object string `db:"object"`
		Fault  string `db:"fault"`
	}
	err := sealed.Catalog(ctx, d, name, `
		SELECT 'table ' || c.oid::regclass AS object, 'app_tenant may ' || p.privilege AS fault
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
		WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)' AND has_table_privilege(c.oid, p.privilege)
		UNION ALL
		SELECT 'schema ' || n.nspname, 'app_tenant may create in it'
		FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'CREATE')
		UNION ALL
		SELECT 'schema control', 'app_tenant may use it'
		FROM pg_namespace n WHERE n.nspname = 'control' AND has_schema_privilege(n.oid, 'USAGE')
		UNION ALL
		SELECT 'table app.fence', 'app_tenant may read it'
		WHERE has_any_column_privilege('app.fence', 'SELECT')`, &faults)
	if err != nil {
		return nil, err
	}
	var found Findings
	for _, f := range faults {
		found = append(found, Finding{name, f.Object, f.Fault, "REVOKE it"})
	}
	return found, nil
}
