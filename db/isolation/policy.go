package isolation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"upwork-ai-agent/db/internal/sealed"
)

// policy is one row-level security policy, with its expressions as Postgres prints them, on one line.
type policy struct {
	Name  string `json:"name"`
	Cmd   string `json:"cmd"`
	Roles string `json:"roles"`
	Qual  string `json:"qual"`
	Check string `json:"check"`
	Kind  string `json:"kind"`
}

// listed are the policies that a table of a home must have, exactly: those of app.protect, and the additional ones.
// A further permissive policy would widen them all, because policies are OR-ed.
func listed(table, key string) []policy {
	over := func(view string) string {
		return fmt.Sprintf("(%s = ( SELECT %s.tenant_id FROM app.%s))", key, view, view)
	}
	first := func(view string) string {
		return fmt.Sprintf("(%s OPERATOR(app.===) ANY (ARRAY[( SELECT %s.tenant_id FROM app.%s)]))", key, view, view)
	}
	const tenant, permissive = "{app_tenant}", "PERMISSIVE"
	return append(slices.Clone(additional[table]),
		policy{"tenant_select", "SELECT", tenant, first("readable"), "", permissive},
		policy{"tenant_insert", "INSERT", tenant, "", over("writable"), permissive},
		policy{"tenant_update", "UPDATE", tenant, first("writable"), over("writable"), permissive},
		policy{"tenant_delete", "DELETE", tenant, first("writable"), "", permissive},
		policy{"mover", "ALL", "{app_mover}", first("moving"), over("moving"), permissive})
}

// additional are the policies beyond those of app.protect. app_search owns the search function and owner_of, and nothing
// else runs as it.
var additional = map[string][]policy{"jobs": {searching}, "proposals": {searching}, "imports": {searching},
	"saved_searches": {searching}, "undos": {searching}, "job_notes": {searching}, "users": {searching}}

var searching = policy{"search", "SELECT", "{app_search}", "true", "", "PERMISSIVE"}

type table struct {
	Schema   string   `db:"schema"`
	Name     string   `db:"name"`
	Kind     string   `db:"kind"` // pg_class.relkind
	Enabled  bool     `db:"enabled"`
	Forced   bool     `db:"forced"`
	Policies []policy `db:"policies"`
}

func tables(ctx context.Context, d *sealed.DB, place string) (Findings, error) {
	var all []table
	err := sealed.Catalog(ctx, d, place, `
		SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
		       (SELECT coalesce(json_agg(json_build_object('name', p.policyname, 'cmd', p.cmd, 'roles', p.roles::text,
		                 'qual', coalesce(p.qual, ''), 'check', coalesce(p.with_check, ''), 'kind', p.permissive)), '[]')
		        FROM pg_policies p WHERE p.schemaname = n.nspname AND p.tablename = c.relname) AS policies
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname NOT IN ('app', 'control') AND n.nspname !~ '^(pg_|information_schema$)'
		ORDER BY 1, 2`, &all)
	if err != nil {
		return nil, err
	}
	var found Findings
	for _, t := range all {
		if fault := t.fault(); fault != "" {
			found = append(found, Finding{place, "row-level security", "table " + t.Schema + "." + t.Name, fault, t.mend(fault)})
		}
	}
	if len(all) == 0 {
		found = append(found, Finding{place, "row-level security", "schema public", "has no tenant table", "run `migrate`"})
	}
	return found, nil
}

// key is the column that says whose a row is.
func (t table) key() string {
	if t.Name == "tenants" {
		return "id"
	}
	return "tenant_id"
}

// mend is what to do about a fault.
func (t table) mend(fault string) string {
	if t.Kind == "m" || t.Kind == "f" {
		return "drop it"
	}
	name := t.Schema + "." + t.Name
	do := []string{fmt.Sprintf("CALL app.protect('%s', '%s')", name, t.key())}
	if slices.Contains(History, t.Name) {
		do = append(do, "REVOKE UPDATE, DELETE ON "+name+" FROM app_tenant")
	}
	if slices.Contains(additional[t.Name], searching) && strings.Contains(fault, "policy "+searching.Name+" ") {
		do = append(do, "DROP POLICY IF EXISTS search ON "+name, "CREATE POLICY search ON "+name+" FOR SELECT TO app_search USING (true)")
	}
	return "as app_owner, " + strings.Join(do, " and ") + "; drop what else it has"
}

func (t table) fault() string {
	switch {
	case t.Kind == "m":
		return "a materialized view keeps a copy that row-level security does not cover"
	case t.Kind == "f":
		return "a foreign table's rows are elsewhere, where row-level security does not cover them"
	case !t.Enabled:
		return "row-level security is off"
	case !t.Forced:
		return "row-level security does not bind its owner (FORCE is off)"
	}
	return differences(listed(t.Name, t.key()), t.Policies)
}

// differences names what want and have do not share.
func differences(want, have []policy) string {
	var faults []string
	for _, h := range have {
		h.Qual, h.Check = oneLine(h.Qual), oneLine(h.Check)
		if !slices.Contains(want, h) {
			faults = append(faults, "policy "+h.Name+" is not as listed")
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h policy) bool { return h.Name == w.Name }) {
			faults = append(faults, "policy "+w.Name+" is missing")
		}
	}
	return strings.Join(faults, "; ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
