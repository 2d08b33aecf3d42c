package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

// flat is the most that a latency may grow: as the size to this power. 0.05 is 1.6 times for 10,000 times the size.
const flat = 0.05

// sized is the same work at one size.
type sized struct {
	size int
	run  func(context.Context) error
}

// growth races the sizes of one kind against each other, interleaved, and prints how latency grows with them.
func growth(b *testing.B, title string, sizes []sized) {
	b.Helper()
	const laps, each = 60, 25
	took := make([][]float64, len(sizes))
	for _, s := range sizes {
		for range 200 { // warm
			if err := s.run(b.Context()); err != nil {
				b.Fatalf("%s at %d: %v", title, s.size, err)
			}
		}
	}
	for range laps {
		for i, s := range sizes {
			start := time.Now()
			for range each {
				if err := s.run(b.Context()); err != nil {
					b.Fatalf("%s at %d: %v", title, s.size, err)
				}
			}
			took[i] = append(took[i], float64(time.Since(start).Microseconds())/each)
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\tmedian µs\tof the smallest\t\n", title)
	for i, s := range sizes {
		slices.Sort(took[i])
		fmt.Fprintf(w, "%d\t%.0f\t%.2f\t\n", s.size, took[i][laps/2], took[i][laps/2]/took[0][laps/2])
	}
	fmt.Fprintf(w, "exponent\t%.3f\t%s\t\n", exponent(sizes, took), limit(exponent(sizes, took)))
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

func limit(e float64) string { return fmt.Sprintf("≤ %.2f %s", flat, said(e <= flat)) }

// exponent is the slope of the medians over the sizes, both as logarithms, by least squares.
func exponent(sizes []sized, took [][]float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i, s := range sizes {
		x, y := math.Log(float64(s.size)), math.Log(took[i][len(took[i])/2])
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// target is a tenant with a page to read.
type target struct {
	db.Tenant
	store *db.DB
	owner string
	job   uuid.UUID
}

func (t target) look(ctx context.Context) error {
	return t.store.Read(ctx, db.NewMember(t.Tenant, t.owner, db.Viewer), func(v *db.View) error {
		var j job.Job
		job.Get(v, t.job, &j)
		return v.Load()
	})
}

func (t target) list(ctx context.Context) error {
	var rows []job.Row
	err := t.store.Read(ctx, db.NewMember(t.Tenant, t.owner, db.Viewer), func(v *db.View) error {
		job.List(v, job.Filter{}, &rows)
		return v.Load()
	})
	if err == nil && len(rows) <= job.PageSize {
		return fmt.Errorf("a list of %d", len(rows))
	}
	return err
}

// fill gives a tenant jobs, past every policy.
const fill = `
	INSERT INTO jobs (tenant_id, id, external_key, title, description, posted_at, posted_at_source, skills)
	SELECT $1, gen_random_uuid(), 'bench-' || i, 'Engineer ' || i || ' for ' || (ARRAY['billing', 'search', 'mobile', 'data'])[1 + i % 4],
	       'We look for somebody who knows the trade, number ' || i, now() - i * interval '1 minute', 'source', '{go,postgres}'
	FROM generate_series(1, $2) i`

// crowd makes n more tenants: a fence, a member and three jobs each.
const crowd = `
	WITH t AS (SELECT gen_random_uuid() AS id FROM generate_series(1, $1)),
	  f AS (INSERT INTO app.fence (tenant_id, epoch, seal, state) SELECT id, 1, sha256(id::text::bytea), 'active' FROM t),
	  o AS (INSERT INTO tenants (id, name) SELECT id, 'Crowd' FROM t RETURNING id),
	  u AS (INSERT INTO users (tenant_id, id, clerk_id, email, name, role)
	        SELECT id, gen_random_uuid(), 'user_' || replace(id::text, '-', ''), 'x@example.com', 'X', 'owner' FROM o)
	INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source)
	SELECT id, gen_random_uuid(), 'crowd-' || i, 'Engineer', now() - i * interval '1 hour', 'source' FROM o, generate_series(1, 3) i`

// newTarget makes a tenant with rows jobs.
func newTarget(b *testing.B, d *dbtest.Database, super *pgx.Conn, rows int) target {
	b.Helper()
	n := d.NewTenant(b)
	t := target{Tenant: n.Tenant, store: d.DB, owner: n.Members[db.Owner]}
	run(b, super, fill, n.ID, rows)
	if err := super.QueryRow(b.Context(), "SELECT id FROM jobs WHERE tenant_id = $1 ORDER BY posted_at LIMIT 1", n.ID).Scan(&t.job); err != nil {
		b.Fatal(err)
	}
	return t
}

func run(b *testing.B, conn *pgx.Conn, sql string, args ...any) {
	b.Helper()
	if _, err := conn.Exec(b.Context(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTenants reads in databases of 10 to 100,000 tenants.
func BenchmarkTenants(b *testing.B) {
	var looks, lists []sized
	for _, size := range []int{10, 100, 1_000, 100_000} {
		d := dbtest.Own(b)
		super := d.Connect(b, "postgres")
		// The latency of reading is asked for: what is searched in is another benchmark's.
		run(b, super, "DROP INDEX jobs_search")
		run(b, super, crowd, size-1)
		t := newTarget(b, d, super, 1_000)
		run(b, super, "VACUUM (ANALYZE) jobs, users, tenants, app.fence")
		looks, lists = append(looks, sized{size, t.look}), append(lists, sized{size, t.list})
	}
	growth(b, "tenants: point look-up", looks)
	growth(b, "tenants: list of 50", lists)
}

// BenchmarkRows reads in tenants of 1,000 to 1,000,000 jobs of one database.
func BenchmarkRows(b *testing.B) {
	d := dbtest.Own(b)
	super := d.Connect(b, "postgres")
	run(b, super, "DROP INDEX jobs_search")
	var looks, lists []sized
	for _, size := range []int{1_000, 10_000, 100_000, 1_000_000} {
		t := newTarget(b, d, super, size)
		looks, lists = append(looks, sized{size, t.look}), append(lists, sized{size, t.list})
	}
	run(b, super, "VACUUM (ANALYZE) jobs")
	growth(b, "rows a tenant: point look-up", looks)
	growth(b, "rows a tenant: list of 50", lists)
}

// searchSlack is how many buffers a search may touch, relative to the same search without row-level security, beside the
// few that every search touches on its way through the function and the gate, whatever it finds.
const searchSlack = 1.05

// BenchmarkSearch counts the buffers of a search under row-level security, through the function that the app uses, and of
// the same search by a superuser, whom no policy binds. Twenty tenants have the same words.
func BenchmarkSearch(b *testing.B) {
	d := dbtest.Own(b)
	super := d.Connect(b, "postgres")
	var t target
	for range 20 {
		t = newTarget(b, d, super, 5_000)
	}
	run(b, super, "VACUUM (ANALYZE) jobs")
	tenant := d.Connect(b, "app_tenant")
	open := func(tx pgx.Tx) error {
		_, err := tx.Exec(b.Context(), "SELECT app.set_tenant($1, $2)", t.ID, d.Token(t.ID, t.Epoch))
		return err
	}
	const searched = "SELECT j.id FROM jobs j WHERE j.tenant_id = '%s' AND j.search @@ websearch_to_tsquery('english', '%s')"
	nothing := "thereisnosuchword"
	gate := buffers(b, tenant, open, fmt.Sprintf("SELECT search_jobs('%s')", nothing)) - buffers(b, super, nil, fmt.Sprintf(searched, t.ID, nothing))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nsearch, in buffers\twithout RLS\tthe app's function\tof it the gate\tpolicy and @@\tratio\tlimit\t\n")
	for _, words := range []string{"billing", "\"engineer 77\"", "engineer -mobile trade"} {
		plain := fmt.Sprintf(searched, t.ID, words)
		floor := buffers(b, super, nil, plain)
		ours := buffers(b, tenant, open, fmt.Sprintf("SELECT search_jobs('%s')", words))
		naive := buffers(b, tenant, open, plain)
		ratio := float64(ours-gate) / float64(floor)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.3f\t≤ %.2f %s\t\n", words, floor, ours, gate, naive, ratio, searchSlack, said(ratio <= searchSlack))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// buffers is how many a warm run of sql touches.
func buffers(b *testing.B, conn *pgx.Conn, open func(pgx.Tx) error, sql string) int {
	b.Helper()
	touched := 0
	for range 2 { // the first run fills the session's caches, whose look-ups count too
		tx, err := conn.BeginTx(b.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
		if err != nil {
			b.Fatal(err)
		}
		if open != nil {
			err = open(tx)
		}
		var explained []byte
		if err == nil {
			err = tx.QueryRow(b.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+sql).Scan(&explained)
		}
		if err != nil {
			b.Fatal(err)
		}
		var plans []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			} `json:"Plan"`
		}
		if err := json.Unmarshal(explained, &plans); err != nil {
			b.Fatal(err)
		}
		touched = plans[0].Plan.Hit + plans[0].Plan.Read
		if err := tx.Rollback(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return touched
}
