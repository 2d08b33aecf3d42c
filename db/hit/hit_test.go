package hit_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/hit"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// count stores what was counted in one minute, past the worker.
func count(t *testing.T, d *dbtest.Database, n *dbtest.Tenant, minute time.Time, table, operation string, calls, rows, writes, contexts int, latency []int64) {
	t.Helper()
	_, err := d.Connect(t, "postgres").Exec(context.Background(), `
		INSERT INTO policy_hits (tenant_id, minute, table_name, operation, calls, rows, refused_writes, refused_contexts, latency)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, n.ID, minute, table, operation, calls, rows, writes, contexts, latency)
	if err != nil {
		t.Fatal(err)
	}
}

func TestHitsAreSummedUpByTableAndOperation(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	now := time.Now().UTC().Truncate(time.Minute)
	count(t, d, a, now.Add(-time.Minute), "jobs", "select", 90, 900, 0, 1, []int64{0, 0, 90})
	count(t, d, a, now.Add(-2*time.Minute), "jobs", "select", 10, 100, 0, 2, []int64{0, 0, 4, 0, 6})
	count(t, d, a, now.Add(-2*time.Minute), "jobs", "update", 1, 1, 3, 0, []int64{})
	count(t, d, a, now.Add(-26*time.Hour), "jobs", "select", 1000, 1000, 1000, 1000, []int64{1000})
	count(t, d, b, now.Add(-time.Minute), "jobs", "select", 5000, 5000, 5000, 5000, []int64{5000})
	var rows []hit.Row
	a.Read(t, db.Admin, func(v *db.View) error {
		hit.ByTable(v, now.Add(-24*time.Hour), &rows)
		return v.Load()
	})
	want := []hit.Row{
		{Table: "jobs", Operation: "select", Calls: 100, Rows: 1000, RefusedContexts: 3, P95: 16 * time.Microsecond},
		{Table: "jobs", Operation: "update", Calls: 1, Rows: 1, RefusedWrites: 3},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got  %+v\nwant %+v", rows, want)
	}
}

func TestHitsOverTimeHaveAPointForEveryStep(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	since := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	count(t, d, a, since, "jobs", "select", 1, 10, 0, 1, []int64{})
	count(t, d, a, since.Add(59*time.Minute), "jobs", "update", 2, 20, 5, 0, []int64{})
	count(t, d, a, since.Add(2*time.Hour), "users", "select", 4, 4, 0, 0, []int64{})
	count(t, d, b, since.Add(time.Hour), "jobs", "select", 100, 100, 100, 100, []int64{})
	var points []hit.Point
	a.Read(t, db.Admin, func(v *db.View) error {
		hit.OverTime(v, since, time.Hour, &points)
		return v.Load()
	})
	want := []hit.Point{{since, 3, 30, 6}, {since.Add(time.Hour), 0, 0, 0}, {since.Add(2 * time.Hour), 4, 4, 0}, {since.Add(3 * time.Hour), 0, 0, 0}}
	if !slices.EqualFunc(points, want, func(x, y hit.Point) bool {
		return x.At.Equal(y.At) && x.Calls == y.Calls && x.Rows == y.Rows && x.Refused == y.Refused
	}) {
		t.Errorf("got  %+v\nwant %+v", points, want)
	}
}
