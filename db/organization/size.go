package organization

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
)

// Kept is a table of a home, with what measures a tenant's rows in it.
type Kept struct {
	Table   string   `db:"name"`
	Key     string   `db:"key"` // the column that says whose row it is
	Columns []string `db:"columns"`
}

// Tables lists the tables in which tenants of a place keep rows, from the catalog, so that a new table is measured too.
func Tables(ctx context.Context, d *db.DB, place string) ([]Kept, error) {
	var all []Kept
	err := sealed.Catalog(ctx, d, place, `
		SELECT c.relname::text AS name, CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS key,
		       array_agg(a.attname::text ORDER BY a.attnum) AS columns
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		GROUP BY c.relname ORDER BY c.relname`, &all)
	return all, err
}

// rowHeader is what Postgres keeps beside each row's columns, in bytes.
const rowHeader = 28

// Measure queues how many rows the tenant has in a table, and how many bytes they take without indexes.
func Measure(v *db.View, k Kept, into *[]control.Size) {
	parts := make([]string, len(k.Columns))
	for i, c := range k.Columns {
		parts[i] = fmt.Sprintf("coalesce(pg_column_size(%s), 0)", pgx.Identifier{c}.Sanitize())
	}
	members := "0"
	if k.Table == "users" {
		members = "count(*) FILTER (WHERE removed_at IS NULL)"
	}
	sealed.List(v, "organization.measure", fmt.Sprintf(`
		SELECT %s::bigint AS members, count(*) AS rows, coalesce(sum(%d + %s), 0)::bigint AS bytes
		FROM %s WHERE %s = $1`, members, rowHeader, strings.Join(parts, " + "), pgx.Identifier{k.Table}.Sanitize(), pgx.Identifier{k.Key}.Sanitize()), into)
}
