package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// newTenant makes a tenant of the given state and epoch with rows 0 and 1 in every tenant table, past every policy.
func newTenant(t *testing.T, d *dbtest.Database, state place.State, epoch int) tenant {
	t.Helper()
	n := tenant{id: uuid.New()}
	n.name, n.token = "Tenant "+n.id.String()[:8], d.Token(n.id, epoch)
	super := d.Connect(t, "postgres")
	mustExec(t, super, "INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, $2, sha256(convert_to($3, 'UTF8')), $4)",
		n.id, epoch, n.token, state)
	for _, m := range makers {
		for i := range 2 {
			if i > 0 && m.one {
				continue
			}
			sql, args := insert(m.table, m.row(n, i))
			mustExec(t, super, sql, args...)
		}
	}
	return n
}

// insert is the statement that inserts r.
func insert(table string, r row) (string, []any) {
	columns := slices.Sorted(maps.Keys(r))
	args, marks := make([]any, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		args[i], marks[i] = r[c], fmt.Sprintf("$%d", i+1)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(marks, ", ")), args
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

// scan reads all rows of one column.
func scan[T any](t *testing.T, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, sql string, args ...any) []T {
	t.Helper()
	rows, err := q.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return all
}

// outcome is everything that a statement tells whoever runs it.
type outcome struct {
	Rows string // what came back, as text
	Tag  string
	Code string // SQLSTATE
	Text string // message, detail, hint, constraint of the error
}

func (o outcome) String() string {
	if o.Code != "" {
		return o.Code + " " + o.Text
	}
	return o.Tag + " " + o.Rows
}

// run runs one statement and tells what it told, notices aside.
func run(ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, sql string, args ...any) outcome {
	rows, err := q.Query(ctx, sql, args...)
	var lines []string
	if err == nil {
		for rows.Next() {
			values, _ := rows.Values() // what cannot be decoded is a row all the same
			lines = append(lines, fmt.Sprint(values...))
		}
		rows.Close()
		err = rows.Err()
	}
	o := outcome{Rows: strings.Join(lines, "\n")}
	if err == nil {
		o.Tag = rows.CommandTag().String()
		return o
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return outcome{Code: "client", Text: err.Error()}
	}
	o.Code = pg.Code
	o.Text = strings.Join([]string{pg.Message, pg.Detail, pg.Hint, pg.SchemaName, pg.TableName, pg.ColumnName, pg.ConstraintName}, "|")
	return o
}

// begin begins a transaction as the application does.
func begin(t *testing.T, conn *pgx.Conn) pgx.Tx {
	t.Helper()
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// beginIn begins a transaction and opens n in it.
func beginIn(t *testing.T, conn *pgx.Conn, n tenant) pgx.Tx {
	t.Helper()
	tx := begin(t, conn)
	if o := run(t.Context(), tx, "SELECT app.set_tenant($1, $2)", n.id, n.token); o.Code != "" {
		t.Fatal(o)
	}
	return tx
}

// end rolls back.
func end(t *testing.T, tx pgx.Tx) {
	t.Helper()
	if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// checksum is the digest of every row of the given tenants in every table, read past every policy.
func checksum(t *testing.T, super *pgx.Conn, tenants ...tenant) string {
	t.Helper()
	ids := make([]uuid.UUID, len(tenants))
	for i, n := range tenants {
		ids[i] = n.id
	}
	parts := make([]string, len(makers))
	for i, m := range makers {
		parts[i] = fmt.Sprintf("SELECT '%[1]s' || t::text AS r FROM %[1]s t WHERE %[2]s = ANY($1)", m.table, key(m.table))
	}
	sums := scan[string](t, super, "SELECT count(*) || ' ' || md5(string_agg(r, E'\\n' ORDER BY r)) FROM ("+strings.Join(parts, " UNION ALL ")+") x", ids)
	return sums[0]
}
