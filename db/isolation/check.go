package isolation

import (
	"context"
	"fmt"
	"strings"

	"upwork-ai-agent/db/internal/sealed"
)

// check is one thing that must hold in a place. Its query names every object that breaks it, as columns object and fault;
// none in a sound installation. It may use the relations of found. What is under pg_catalog and information_schema is
// the server's own.
type check struct{ name, mend, sql string }

// found are the relations that the queries of checks may use: objects are those that are not the server's own, homes the
// tables of tenants, each with the column that says whose a row is.
const found = `
	WITH objects AS MATERIALIZED (
	  SELECT c.oid, n.nspname AS schema, n.nspname || '.' || c.relname AS name, c.relkind AS kind, c.relowner::regrole::text AS owner,
	         c.reloptions AS options, c.relrowsecurity AS secured, c.relacl AS acl
	  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^(pg_|information_schema$)'),
	homes AS MATERIALIZED (
	  SELECT o.oid, o.schema, o.name, a.attnum AS key
	  FROM objects o LEFT JOIN pg_attribute a ON a.attrelid = o.oid AND a.attname = CASE WHEN o.name ~ '\.tenants$' THEN 'id' ELSE 'tenant_id' END
	  WHERE o.schema NOT IN ('app', 'control') AND o.kind IN ('r', 'p'))`

// question puts all checks into one statement.
func question(checks []check) string {
	parts := make([]string, len(checks))
	for i, c := range checks {
		parts[i] = fmt.Sprintf("SELECT q.object, q.fault, %d AS number FROM (%s) AS q (object, fault)", i, c.sql)
	}
	return found + strings.Join(parts, "\nUNION ALL\n") + "\nORDER BY number, object, fault"
}

// broken is what a check found.
type broken struct {
	Object string `db:"object"`
	Fault  string `db:"fault"`
	Number int    `db:"number"`
}

// ask runs checks in a place, as the tenant role, in one statement.
func ask(ctx context.Context, d *sealed.DB, place string, checks []check) (Findings, error) {
	var all []broken
	if err := sealed.Catalog(ctx, d, place, question(checks), &all); err != nil {
		return nil, err
	}
	var findings Findings
	for _, b := range all {
		c := checks[b.Number]
		findings = append(findings, Finding{place, c.name, b.Object, b.Fault, c.mend})
	}
	return findings, nil
}
