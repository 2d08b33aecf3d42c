package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/wire"
)

type kind string

// grown adds what it scans to what it has.
type grown []any

// Scan implements sql.Scanner.
func (g *grown) Scan(v any) error {
	*g = append(*g, v)
	return nil
}

type Inner struct {
	Text string `db:"text"`
	Kind kind   `db:"kind"`
}

// everything has a field of each kind that the app's rows have.
type everything struct {
	Inner

	ID      uuid.UUID       `db:"id"`
	SomeID  *uuid.UUID      `db:"some_id"`
	IDs     []uuid.UUID     `db:"ids"`
	Texts   []string        `db:"texts"`
	Deep    []string        `db:"deep"`
	Big     int64           `db:"big"`
	SomeBig *int64          `db:"some_big"`
	Small   int             `db:"small"`
	Some    *int            `db:"some"`
	Truth   bool            `db:"truth"`
	Maybe   *bool           `db:"maybe"`
	At      time.Time       `db:"at"`
	SomeAt  *time.Time      `db:"some_at"`
	Name    *string         `db:"name"`
	Day     time.Time       `db:"day"`
	SomeDay *time.Time      `db:"some_day"`
	Raw     json.RawMessage `db:"raw"`
	JSON    map[string]int  `db:"json"`
	Short   []string        `db:"short"`
	Grown   grown           `db:"grown"`
	Hidden  string          `db:"-"`
}

// many are n rows of everything, with what may be NULL being so in some, and texts of every length about the largest that is
// cut from a piece.
const many = `
	SELECT repeat(chr(97 + i % 26), i * 37 % 700) AS text, 'k' || i % 3 AS kind, gen_random_uuid() AS id,
	       CASE WHEN i % 3 > 0 THEN gen_random_uuid() END AS some_id,
	       CASE i % 4 WHEN 1 THEN ARRAY[]::uuid[] WHEN 2 THEN ARRAY[gen_random_uuid(), gen_random_uuid()] END AS ids,
	       CASE WHEN i % 5 > 0 THEN ARRAY(SELECT repeat('é', k * 50) FROM generate_series(0, i % 5) k) END AS texts,
	       CASE WHEN i % 2 = 0 THEN ARRAY[ARRAY['a', 'b'], ARRAY['c', i::text]] END AS deep,
	       i::bigint * 5000000000 AS big, CASE WHEN i % 2 = 0 THEN -i::bigint END AS some_big, i AS small, CASE WHEN i % 3 = 0 THEN i END AS some,
	       i % 2 = 0 AS truth, CASE WHEN i % 4 > 0 THEN i % 4 = 1 END AS maybe,
	       '2026-01-01Z'::timestamptz + make_interval(secs => i) AS at, CASE WHEN i % 2 = 1 THEN now() END AS some_at,
	       CASE WHEN i % 3 = 1 THEN 'name ' || i END AS name, '2026-01-01'::date - i * i AS day, CASE WHEN i % 2 = 0 THEN '1900-02-28'::date + i END AS some_day, jsonb_build_array(i) AS raw,
	       CASE WHEN i % 3 > 0 THEN jsonb_build_object('k' || i, i) END AS json, CASE WHEN i % 9 = 0 THEN '{}' ELSE ARRAY['x' || i] END AS short, i AS grown
	FROM generate_series(1, $1) i`

// rowsOf is a connection with a temporary table of n rows.
func rowsOf(t *testing.T, d *dbtest.Database, n string) *pgx.Conn {
	t.Helper()
	conn := d.Connect(t, "postgres")
	wire.RegisterUUID(conn.TypeMap())
	if _, err := conn.Exec(t.Context(), "CREATE TEMP TABLE rows AS "+strings.Replace(many, "$1", n, 1)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func collect[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (all []T, err error) {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return all, wire.Collect(rows, &all)
}

const some = "SELECT * FROM rows WHERE small <= $1 ORDER BY small"

func TestRowsAreReadAsPgxReadsThem(t *testing.T) {
	t.Parallel()
	conn := rowsOf(t, dbtest.New(t), "300")
	for _, n := range []int{300, 0, 1, 7, 300} {
		rows, err := conn.Query(t.Context(), some, n)
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(rows, pgx.RowToStructByName[everything])
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect[everything](t, conn, some, n)
		if err != nil || got == nil || len(got) != n {
			t.Fatalf("%d rows of %d, %v", len(got), n, err)
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("row %d of %d\nis     %+v\nwanted %+v", i, n, got[i], want[i])
			}
		}
	}
}

// A struct is read from statements of any order and of other types.
func TestTheSameStructIsReadFromOtherColumns(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Connect(t, "postgres")
	type row struct {
		A string `db:"a"`
		B *int   `db:"b"`
		C string `db:"c"`
	}
	for _, sql := range []string{"SELECT 'x' AS a, 1 AS b, 'y' AS c", "SELECT 'y' AS c, 1 AS b, 'x' AS a", "SELECT 'x'::name AS a, 1::smallint AS b, 'y'::varchar AS c", "SELECT 'x' AS a, 1 AS b, 'y' AS c"} {
		got, err := collect[row](t, conn, sql)
		if err != nil || len(got) != 1 || got[0].A != "x" || *got[0].B != 1 || got[0].C != "y" {
			t.Errorf("%s: %+v, %v", sql, got, err)
		}
	}
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	if got, err := collect[row](t, conn, "SELECT 'x' AS a, 1 AS b, $1::uuid AS c", id); err != nil || len(got) != 1 || got[0].C != id {
		t.Errorf("an id as text: %+v, %v", got, err)
	}
}

func TestAColumnIsReadIntoValues(t *testing.T) {
	t.Parallel()
	conn := rowsOf(t, dbtest.New(t), "30")
	texts, err := collect[string](t, conn, "SELECT text FROM rows ORDER BY small")
	if err != nil || len(texts) != 30 || texts[1] != strings.Repeat("c", 74) {
		t.Errorf("%q, %v", texts, err)
	}
	ids, err := collect[uuid.UUID](t, conn, "SELECT id FROM rows")
	if err != nil || len(ids) != 30 || ids[29] == uuid.Nil {
		t.Errorf("%v, %v", ids, err)
	}
	times, err := collect[*time.Time](t, conn, "SELECT some_at FROM rows ORDER BY small")
	if err != nil || len(times) != 30 || times[0] == nil || times[1] != nil {
		t.Errorf("%v, %v", times, err)
	}
	for _, sql := range []string{"SELECT text, text AS more FROM rows", "SELECT FROM rows", "SELECT NULL::text", "SELECT 'x', 1"} {
		if got, err := collect[string](t, conn, sql); err == nil {
			t.Errorf("%s: %q", sql, got)
		}
	}
}

// NULL in a list is what NULL is by itself.
func TestNULLInAList(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Connect(t, "postgres")
	wire.RegisterUUID(conn.TypeMap())
	got, err := collect[[]uuid.UUID](t, conn, "SELECT ARRAY[NULL, '00000000-0000-0000-0000-000000000001'::uuid, NULL]")
	if want := []uuid.UUID{{}, {15: 1}, {}}; err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := collect[[]string](t, conn, "SELECT ARRAY['a', NULL]"); err == nil || !strings.Contains(err.Error(), "NULL") {
		t.Errorf("%q, %v", got, err)
	}
}

// upper scans itself, as a type of pgx.
type upper string

// ScanText implements pgtype.TextScanner.
func (u *upper) ScanText(v pgtype.Text) error {
	*u = upper(strings.ToUpper(v.String))
	return nil
}

func TestATypeThatScansItselfDoes(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Connect(t, "postgres")
	got, err := collect[upper](t, conn, "SELECT unnest(ARRAY['a', NULL, 'b'])")
	if err != nil || !reflect.DeepEqual(got, []upper{"A", "", "B"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// What was read stays as it is whatever is read later, by anybody: readers are used again, and what they cut from is not.
func TestNoResultChangesAnother(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	var wg sync.WaitGroup
	for range 4 {
		conn := rowsOf(t, d, "60")
		wg.Go(func() {
			var kept [][]everything
			for i := range 60 {
				all, err := collect[everything](t, conn, some, 60-i)
				if err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, all)
			}
			for _, all := range kept[1:] {
				if !reflect.DeepEqual(all, kept[0][:len(all)]) {
					t.Errorf("a list of %d rows has changed", len(all))
				}
			}
		})
	}
	wg.Wait()
}

// A list can be added to without writing into the next one, which lies behind it in the same piece.
func TestAListEndsWhereItEnds(t *testing.T) {
	t.Parallel()
	conn := rowsOf(t, dbtest.New(t), "20")
	all, err := collect[everything](t, conn, some, 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		_ = append(all[i].Texts, "more")
		_ = append(all[i].Short, "more")
	}
	again, err := collect[everything](t, conn, some, 20)
	if err != nil || !reflect.DeepEqual(all, again) {
		t.Errorf("adding to a list has changed another, %v", err)
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Connect(t, "postgres")
	type row struct {
		A string `db:"a"`
		B int    `db:"b"`
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT 'x' AS a", `no column for the field "b"`},
		{"SELECT 'x' AS a, 2 AS c", `no field for the column "c"`},
		{"SELECT", "no column for the field"},
		{"SELECT 'x' AS a, 1 AS b, 2 AS c", `no field for the column "c"`},
		{"SELECT 'x' AS a, 1 AS b, 2 AS b", `no field for the column "b"`},
		{"SELECT NULL::text AS a, 1 AS b", "NULL"},
		{"SELECT 'x' AS a, NULL::int AS b", "NULL"},
		{"SELECT 'x' AS a, 9223372036854775808 AS b", "b"},
		{"SELECT 'x' AS a, 1 / (2 - g) AS b FROM generate_series(1, 2) g", "division by zero"},
	} {
		for range 2 { // the second time by what is known from the first
			got, err := collect[row](t, conn, c.sql)
			if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("%s: %v, %v", c.sql, got, err)
			}
		}
		if got, err := collect[row](t, conn, "SELECT 'x' AS a, 1 AS b"); err != nil || len(got) != 1 || got[0] != (row{"x", 1}) {
			t.Errorf("after %s: %v, %v", c.sql, got, err)
		}
	}
}

// Not in parallel: what other tests allocate would be counted.
func TestAListIsAllocatedByThePiece(t *testing.T) {
	conn := rowsOf(t, dbtest.New(t), "100")
	const q = "SELECT text, kind, id, some_id, big, some_big, \"some\", maybe, at, short FROM rows WHERE length(text) < 500 AND small <= $1"
	type row struct {
		Inner

		ID      uuid.UUID  `db:"id"`
		SomeID  *uuid.UUID `db:"some_id"`
		Big     int64      `db:"big"`
		SomeBig *int64     `db:"some_big"`
		Some    *int       `db:"some"`
		Maybe   *bool      `db:"maybe"`
		At      time.Time  `db:"at"`
		Short   []string   `db:"short"`
	}
	of := func(n int) float64 {
		return testing.AllocsPerRun(20, func() {
			if _, err := collect[row](t, conn, q, n); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, all := of(1), of(100); all-few > 2*72 { // pgx allocates once for each array
		t.Errorf("%.0f allocations for a row and %.0f for 72", few, all)
	} else {
		t.Log(few, all)
	}
}
