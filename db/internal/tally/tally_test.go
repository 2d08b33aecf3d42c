package tally

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestAStatementSaysWhatItDoesToWhichTable(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT id FROM jobs WHERE tenant_id = $1":                                                           "select jobs",
		"select x, (SELECT count(*) FROM proposals p) FROM jobs":                                             "select jobs",
		"SELECT c.state, u.id FROM app.context c\n\tLEFT JOIN users u ON u.tenant_id = c.tenant_id":          "select users gate",
		"SELECT app.set_tenant($1, $2), set_config('transaction_read_only', 'on', true)":                     "",
		"begin isolation level read committed read write":                                                    "",
		"INSERT INTO jobs (id, title) SELECT n.id, n.title FROM unnest($2::uuid[], $3::text[]) AS n (id, t)": "insert jobs",
		"INSERT INTO users (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET name = excluded.name":             "insert users",
		"UPDATE ONLY jobs SET title = 'FROM users' WHERE id = $2":                                            "update jobs",
		"DELETE FROM imports WHERE id = $2":                                                                  "delete imports",
		"MERGE INTO jobs USING (SELECT FROM users) s ON true WHEN MATCHED THEN UPDATE SET x = 1":             "merge jobs",
		"SELECT id FROM jobs WHERE id = $2 FOR NO KEY UPDATE":                                                "select jobs",
		"WITH a AS (SELECT 1 FROM jobs), b AS MATERIALIZED (SELECT 1) SELECT * FROM b JOIN a ON true":        "select jobs",
		"WITH a AS (SELECT unnest($2)) INSERT INTO import_rows SELECT * FROM a":                              "insert import_rows",
		"WITH u AS (UPDATE jobs SET x = 1 RETURNING id) SELECT * FROM u":                                     "update jobs",
		"SELECT * FROM generate_series(1, 2) s LEFT JOIN analytics USING (at)":                               "select analytics",
		"SELECT extract(epoch FROM r.created_at) FROM jobs":                                                  "select jobs",
		"SELECT a IS DISTINCT FROM b FROM jobs":                                                              "select jobs",
		"SELECT pg_current_xact_id_if_assigned() IS NOT NULL":                                                "",
		"-- UPDATE users\nSELECT /* FROM users */ 1 FROM jobs":                                               "select jobs",
		"SELECT 'it''s FROM users' FROM jobs":                                                                "select jobs",
		`SELECT count(*) FROM "import_rows" WHERE "tenant_id" = $1`:                                          "select import_rows",
		`SELECT "x`:                      "",
		"SELECT 1 FROM control.registry": "",
		"":                               "",
		"SELECT 1 FROM " + strings.Repeat("x", 64): "",
		"SELECT 1 FROM": "",
		"SELECT '":      "",
	} {
		got := ""
		if s := New().statements.of(sql); s.target != nil {
			got = s.target.operation + " " + s.target.table
			if s.gate {
				got += " gate"
			}
		}
		if got != want {
			t.Errorf("%s\ngot %q, want %q", sql, got, want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add("WITH a AS (SELECT 1) UPDATE ONLY jobs SET x = 'y' -- z")
	f.Add("SELECT /*")
	f.Fuzz(func(t *testing.T, sql string) {
		s := New().statements.of(sql)
		if s.target != nil && (s.target.table == "" || len(s.target.table) > longestName || s.target.operation == "") {
			t.Errorf("%q: %+v", sql, *s.target)
		}
	})
}

func TestTextsWithoutEndAreNotRemembered(t *testing.T) {
	t.Parallel()
	tally := New()
	for i := range maxStatements + 100 {
		if s := tally.statements.of(fmt.Sprintf("SELECT %d FROM jobs", i)); s.target == nil || s.target.table != "jobs" {
			t.Fatalf("text %d: %+v", i, s)
		}
	}
	if n := tally.statements.n.Load(); n != maxStatements {
		t.Errorf("%d texts are remembered", n)
	}
}

// batch sends one statement's result through the tracer.
func (t *Tally) batch(tenant uuid.UUID, sql, tag string, took time.Duration, err error) {
	ctx := t.TraceBatchStart(In(context.Background(), tenant), nil, pgx.TraceBatchStartData{})
	visitOf(ctx).since = time.Now().Add(-took)
	t.TraceBatchQuery(ctx, nil, pgx.TraceBatchQueryData{SQL: sql, CommandTag: pgconn.NewCommandTag(tag), Err: err})
}

// The results of a batch come in one packet, so the time between two of them says nothing.
func TestAStatementOfABatchIsCountedWithTheTimeThatItWasWaitedFor(t *testing.T) {
	t.Parallel()
	tally := New()
	ctx := tally.TraceBatchStart(In(context.Background(), uuid.New()), nil, pgx.TraceBatchStartData{})
	time.Sleep(20 * time.Millisecond)
	for _, sql := range []string{"SELECT 1 FROM jobs", "INSERT INTO analytics"} {
		tally.TraceBatchQuery(ctx, nil, pgx.TraceBatchQueryData{SQL: sql, ReadStartTime: time.Now()})
	}
	counts, _ := tally.Drain()
	for _, c := range counts {
		if slow := c.Latency[15:]; c.Calls != 1 || !slices.Contains(slow, 1) {
			t.Errorf("%s of %s: %v", c.Operation, c.Table, c.Latency)
		}
	}
	if len(counts) != 2 {
		t.Errorf("counted %v", counts)
	}
}

func TestEachOutcomeIsCounted(t *testing.T) {
	t.Parallel()
	tally, tenant := New(), uuid.New()
	tally.batch(tenant, "SELECT 1 FROM jobs", "SELECT 50", 80*time.Millisecond, nil)
	tally.batch(tenant, "SELECT 2 FROM jobs", "SELECT 7", time.Hour, nil)
	tally.batch(tenant, "UPDATE jobs SET x = 1", "", 0, fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "42501"}))
	tally.batch(tenant, "UPDATE jobs SET x = 1", "", 0, errors.New("gone"))
	tally.batch(tenant, "SELECT FROM app.context c LEFT JOIN users u", "SELECT 0", 0, nil)
	tally.batch(tenant, "SELECT FROM app.context c LEFT JOIN users u", "SELECT 1", 0, nil)
	tally.batch(tenant, "SELECT FROM app.context c LEFT JOIN users u", "", 0, errors.New("gone"))
	tally.TraceBatchQuery(context.Background(), nil, pgx.TraceBatchQueryData{SQL: "SELECT 1 FROM jobs"}) // nobody's
	got := map[string]Count{}
	counts, lost := tally.Drain()
	for _, c := range counts {
		if c.Tenant != tenant || time.Since(c.Minute) > 2*time.Minute || c.Minute.Second() != 0 {
			t.Errorf("counted for %s at %s", c.Tenant, c.Minute)
		}
		got[c.Operation+" "+c.Table] = Count{Calls: c.Calls, Rows: c.Rows, RefusedWrites: c.RefusedWrites, RefusedContexts: c.RefusedContexts, Latency: c.Latency}
	}
	if len(got) != 3 || lost != 0 {
		t.Fatalf("counted %v, lost %d", got, lost)
	}
	jobs := got["select jobs"]
	if jobs.Calls != 2 || jobs.Rows != 57 || jobs.Latency[17] != 1 || jobs.Latency[Buckets-1] != 1 {
		t.Errorf("jobs: %+v", jobs)
	}
	if u := got["update jobs"]; u.Calls != 2 || u.RefusedWrites != 1 || u.Rows != 0 {
		t.Errorf("updates: %+v", u)
	}
	if g := got["select users"]; g.Calls != 3 || g.RefusedContexts != 1 || g.Rows != 1 {
		t.Errorf("the gate: %+v", g)
	}
	if again, _ := tally.Drain(); len(again) != 0 {
		t.Errorf("drained twice: %v", again)
	}
}

func TestAStatementOnItsOwnIsCountedWithItsTime(t *testing.T) {
	t.Parallel()
	tally, tenant := New(), uuid.New()
	ctx := tally.TraceQueryStart(In(context.Background(), tenant), nil, pgx.TraceQueryStartData{SQL: "SELECT 1 FROM jobs"})
	tally.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: pgconn.NewCommandTag("SELECT 3")})
	counts, _ := tally.Drain()
	if len(counts) != 1 || counts[0].Calls != 1 || counts[0].Rows != 3 || counts[0].Tenant != tenant {
		t.Errorf("counted %+v", counts)
	}
}

func TestNothingIsLostBetweenManyAndADrain(t *testing.T) {
	t.Parallel()
	tally, tenants := New(), []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	const each = 2000
	var all sync.WaitGroup
	for _, tenant := range tenants {
		for range 3 {
			all.Go(func() {
				for range each {
					tally.batch(tenant, "SELECT 1 FROM jobs", "SELECT 1", 0, nil)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	sum := map[uuid.UUID]int64{}
	drain := func() {
		counts, _ := tally.Drain()
		for _, c := range counts {
			sum[c.Tenant] += c.Calls
		}
	}
	for ended := false; !ended; drain() {
		select {
		case <-done:
			ended = true
		default:
		}
	}
	drain()
	for _, tenant := range tenants {
		if sum[tenant] != 3*each {
			t.Errorf("%d of %d were counted", sum[tenant], 3*each)
		}
	}
}

func TestWhatFindsNoRoomIsSaidToBeLost(t *testing.T) {
	t.Parallel()
	tally := New()
	var tenant uuid.UUID
	for i := range maxCells + 10 {
		tenant[0], tenant[1] = byte(i), byte(i>>8) // all in the shard of byte 15
		tally.batch(tenant, "SELECT 1 FROM jobs", "SELECT 1", 0, nil)
	}
	counts, lost := tally.Drain()
	if len(counts) != maxCells || lost != 10 {
		t.Errorf("%d counts, %d lost", len(counts), lost)
	}
}

// BenchmarkPage is what counting costs a page of four statements.
func BenchmarkPage(b *testing.B) {
	tally, tenant := New(), uuid.New()
	texts := []string{
		"SELECT app.set_tenant($1, $2), set_config('transaction_read_only', 'on', true)",
		"SELECT c.state, u.id, u.name, u.email, u.role FROM app.context c LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.clerk_id = $1",
		"SELECT " + strings.Repeat("column_name, ", 30) + " FROM jobs WHERE tenant_id = $1 ORDER BY posted_at DESC, id DESC LIMIT 51",
		"SELECT a.id FROM analytics a WHERE a.tenant_id = $1",
	}
	tag := pgconn.NewCommandTag("SELECT 50")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx := In(context.Background(), tenant)
			ctx = tally.TraceBatchStart(ctx, nil, pgx.TraceBatchStartData{})
			for _, sql := range texts {
				tally.TraceBatchQuery(ctx, nil, pgx.TraceBatchQueryData{SQL: sql, CommandTag: tag})
			}
			tally.TraceBatchEnd(ctx, nil, pgx.TraceBatchEndData{})
		}
	})
}
