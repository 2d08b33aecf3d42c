package task_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/task"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// recorded is an installation of the test's own, with what its recorder logs.
func recorded(t *testing.T) (*dbtest.Database, *task.Recorder, *bytes.Buffer) {
	t.Helper()
	d, log := dbtest.Own(t), &bytes.Buffer{}
	return d, task.NewRecorder(d.DB, slog.New(slog.NewTextHandler(log, nil))), log
}

// settle stores what making the tenants has counted, and forgets it.
func settle(t *testing.T, d *dbtest.Database, r *task.Recorder) {
	t.Helper()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, d.Connect(t, "postgres"), "TRUNCATE policy_hits, control.activity")
}

func exec(t *testing.T, super *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := super.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

func number(t *testing.T, super *pgx.Conn, sql string, args ...any) (n int64) {
	t.Helper()
	if err := super.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return n
}

// hits are the tenant's own, by operation and table. Reading them is counted as well.
func hits(t *testing.T, n *dbtest.Tenant) map[string]hit.Row {
	t.Helper()
	var rows []hit.Row
	n.Read(t, db.Admin, func(v *db.View) error {
		hit.ByTable(v, time.Now().Add(-time.Hour), &rows)
		return v.Load()
	})
	all := map[string]hit.Row{}
	for _, r := range rows {
		if r.P95 <= 0 {
			t.Errorf("%s %s took no time", r.Operation, r.Table)
		}
		r.P95 = 0
		all[r.Operation+" "+r.Table] = r
	}
	return all
}

// list opens the jobs list once.
func list(v *db.View) error {
	var rows []job.Row
	job.List(v, job.Filter{}, &rows)
	return v.Load()
}

// falsify tries to change the audit, as SQL that got into a query would.
func falsify(ctx context.Context, tx *db.Tx) error {
	var none []struct{}
	return sealed.FindAll(ctx, tx, "falsify", "UPDATE analytics SET event = 'x' WHERE tenant_id = $1", &none)
}

const totals = "SELECT coalesce(sum(calls), 0)::bigint FROM control.activity WHERE tenant_id = $1"

func TestEachStatementIsCountedInItsTenantAndForTheOperator(t *testing.T) {
	t.Parallel()
	d, r, log := recorded(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	super := d.Connect(t, "postgres")
	settle(t, d, r)
	audited := number(t, super, "SELECT count(*) FROM analytics")

	for range 3 {
		a.Read(t, db.Viewer, list)
	}
	if err := d.DB.Write(t.Context(), a.Actor(db.Owner), falsify); !errors.Is(err, db.ErrDenied) {
		t.Fatalf("falsifying the audit: %v", err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	got := hits(t, a)
	for key, want := range map[string]hit.Row{
		"select jobs":      {Table: "jobs", Operation: "select", Calls: 3},
		"select users":     {Table: "users", Operation: "select", Calls: 4, Rows: 4},
		"update analytics": {Table: "analytics", Operation: "update", Calls: 1, RefusedWrites: 1},
	} {
		if got[key] != want {
			t.Errorf("%s: got %+v, want %+v", key, got[key], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("counted %v", got)
	}
	if other := hits(t, b); len(other) != 0 {
		t.Errorf("the other tenant is shown %v", other)
	}
	if n := number(t, super, totals, a.ID); n != 8 {
		t.Errorf("the operator is shown %d calls", n)
	}
	if n := number(t, super, "SELECT count(*) FROM analytics"); n != audited {
		t.Errorf("%d audit rows were added", n-audited)
	}
	if log.Len() > 0 {
		t.Error(log)
	}
}

func TestStoringIsNotCountedItself(t *testing.T) {
	t.Parallel()
	d, r, _ := recorded(t)
	a := d.NewTenant(t)
	settle(t, d, r)
	for range 3 {
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := number(t, d.Connect(t, "postgres"), "SELECT count(*) FROM policy_hits WHERE tenant_id = $1", a.ID); n != 0 {
		t.Errorf("an idle tenant has %d rows of hits", n)
	}
}

func TestAClosedTenantIsCountedForTheOperatorOnly(t *testing.T) {
	t.Parallel()
	d, r, log := recorded(t)
	a := d.NewTenant(t)
	super := d.Connect(t, "postgres")
	settle(t, d, r)
	if err := d.DB.SetState(t.Context(), a.Tenant, place.Suspended); err != nil {
		t.Fatal(err)
	}
	if err := d.DB.Read(t.Context(), a.Actor(db.Viewer), list); !errors.Is(err, db.ErrRefused) {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, super, "SELECT sum(refused_contexts)::bigint FROM control.activity WHERE tenant_id = $1", a.ID); n != 1 {
		t.Errorf("%d refused contexts", n)
	}
	if n := number(t, super, "SELECT count(*) FROM policy_hits WHERE tenant_id = $1", a.ID); n != 0 || log.Len() > 0 {
		t.Errorf("%d rows in the tenant; logged %s", n, log)
	}
}

// TestWhatCannotBeStoredIsStoredLaterAndOnce takes one of the two tables away by a lock that outlasts every statement.
func TestWhatCannotBeStoredIsStoredLaterAndOnce(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"control.activity", "policy_hits"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			d, r, _ := recorded(t)
			a := d.NewTenant(t)
			super := d.Connect(t, "postgres")
			settle(t, d, r)
			a.Read(t, db.Viewer, list)
			lock, err := super.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			exec(t, lock.Conn(), "LOCK TABLE "+table)
			if err := r.Flush(t.Context()); !errors.Is(err, db.ErrBusy) {
				t.Fatalf("stored under a lock: %v", err)
			}
			a.Read(t, db.Viewer, list)
			if err := lock.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := r.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := number(t, super, totals, a.ID); n != 4 {
				t.Errorf("the operator is shown %d calls", n)
			}
			if got := hits(t, a)["select jobs"]; got.Calls != 2 {
				t.Errorf("the tenant is shown %+v", got)
			}
		})
	}
}

func TestWhatCanNeverBeStoredIsDroppedAndSaid(t *testing.T) {
	t.Parallel()
	d, r, log := recorded(t)
	a := d.NewTenant(t)
	super := d.Connect(t, "postgres")
	settle(t, d, r)
	exec(t, super, "ALTER TABLE policy_hits ADD CHECK (calls < 0) NOT VALID")
	a.Read(t, db.Viewer, list)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "cannot be stored") || !strings.Contains(log.String(), a.ID.String()) {
		t.Errorf("logged %q", log)
	}
	log.Reset()
	if err := r.Flush(t.Context()); err != nil || log.Len() > 0 {
		t.Errorf("again: %v, %s", err, log)
	}
}

func TestOnlyTheWorkerStoresMeasurements(t *testing.T) {
	t.Parallel()
	n := dbtest.New(t).NewTenant(t)
	if err := sealed.Record(t.Context(), n.DB, n.Actor(db.Owner), hit.Forget()); !errors.Is(err, db.ErrForbidden) {
		t.Errorf("an owner: %v", err)
	}
	if err := sealed.Record(t.Context(), n.DB, db.Actor{}, hit.Forget()); !errors.Is(err, db.ErrRefused) {
		t.Errorf("nobody: %v", err)
	}
	if err := sealed.Record(t.Context(), n.DB, sealed.NewWorker(db.Tenant{ID: uuid.New(), Model: place.Shared, Place: place.Main, Epoch: 1}), hit.Forget()); !errors.Is(err, db.ErrRefused) {
		t.Errorf("the worker in a tenant that is none: %v", err)
	}
}

func TestTheLastMinuteIsStoredWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	d, r, _ := recorded(t)
	a := d.NewTenant(t)
	settle(t, d, r)
	a.Read(t, db.Viewer, list)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx)
	if got := hits(t, a)["select jobs"]; got.Calls != 1 {
		t.Errorf("the tenant is shown %+v", got)
	}
}
