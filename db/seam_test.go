package db_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/task"
)

// expect turns the error that is wanted into none, and everything else into a failure of the test.
func expect(t *testing.T, got, want error) error {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("answered %v, not %v", got, want)
	}
	return nil
}

// seam is an installation with one connection a pool, so that whoever keeps one is noticed, and a tenant in it.
func seam(t *testing.T) (*db.DB, *dbtest.Tenant) {
	t.Helper()
	shared := dbtest.New(t)
	d := shared.Tuned(t, func(c *pgxpool.Config) { c.MaxConns = 1 })
	n := shared.NewTenant(t)
	t.Cleanup(func() { whole(t, d, n) })
	return d, n
}

// whole fails the test when a connection is out of its pool, or the next transactions do not work.
func whole(t *testing.T, d *db.DB, n *dbtest.Tenant) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // that of the test is over
	defer cancel()
	for d.InUse() > 0 && ctx.Err() == nil { // pgx puts broken connections away in the background
		time.Sleep(time.Millisecond)
	}
	if got := d.InUse(); got != 0 {
		t.Errorf("%d connections are not back in their pools", got)
	}
	if err := d.Read(ctx, n.Actor(db.Viewer), func(v *db.View) error { return v.Load() }); err != nil && !errors.Is(err, db.ErrRefused) && !errors.Is(err, db.ErrNotMember) {
		t.Errorf("the next read: %v", err)
	}
	if err := d.Control(ctx, func(*db.ControlTx) error { return nil }); err != nil {
		t.Errorf("the next control transaction: %v", err)
	}
}

// triage is how a job stands.
func triage(t *testing.T, n *dbtest.Tenant, id uuid.UUID) job.Triage {
	t.Helper()
	var j job.Job
	n.Read(t, db.Viewer, func(v *db.View) error {
		job.Get(v, id, &j)
		return v.Load()
	})
	return j.Triage
}

// events counts the audit rows of a tenant, past row-level security.
func events(t *testing.T, d *dbtest.Database, tenant uuid.UUID) (n int) {
	t.Helper()
	conn := d.Connect(t, "postgres")
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM analytics WHERE tenant_id = $1", tenant).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func move(to job.Triage, id uuid.UUID) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error { return job.Move(ctx, tx, job.Job{ID: id}, to, "") }
}

func TestZeroValuesFailClosed(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	ctx := t.Context()
	untouched := []job.Row{{Title: "untouched"}}
	rows := slices.Clone(untouched)

	for name, v := range map[string]*db.View{"nil": nil, "zero": {}} {
		job.List(v, job.Filter{}, &rows)
		_ = expect(t, v.Load(), db.ErrClosed)
		if v.Member() != (db.Member{}) || v.Tenant() != uuid.Nil || rows[0].Title != "untouched" {
			t.Errorf("the %s View says something", name)
		}
	}
	for name, tx := range map[string]*db.Tx{"nil": nil, "zero": {}} {
		_ = expect(t, move(job.Skipped, uuid.New())(ctx, tx), db.ErrClosed)
		_, err := job.Lock(ctx, tx, uuid.New())
		_ = expect(t, err, db.ErrClosed)
		if tx.Member() != (db.Member{}) || tx.Tenant() != uuid.Nil {
			t.Errorf("the %s Tx says something", name)
		}
	}
	for _, tx := range []*db.ControlTx{nil, {}} {
		_ = expect(t, control.Enter(ctx, tx, n.Members[db.Viewer], n.ID, db.Owner), db.ErrClosed)
		_ = expect(t, control.Directory(ctx, tx, n.Members[db.Viewer], new([]control.Known)), db.ErrClosed)
	}
	actors := map[string]db.Actor{
		"the zero actor":          {},
		"nobody in a tenant":      db.NewMember(n.Tenant, "", db.Viewer),
		"somebody without tenant": db.NewMember(db.Tenant{}, n.Members[db.Owner], db.Viewer),
		"a tenant without a home": db.NewMember(db.Tenant{ID: n.ID}, "", db.Viewer),
	}
	for name, a := range actors {
		t.Run(name, func(t *testing.T) {
			_ = expect(t, d.Read(ctx, a, func(*db.View) error { t.Error("called"); return nil }), db.ErrRefused)
			_ = expect(t, d.Write(ctx, a, func(context.Context, *db.Tx) error { t.Error("called"); return nil }), db.ErrRefused)
		})
	}
	var none *db.DB
	_ = expect(t, none.Read(ctx, n.Actor(db.Owner), func(*db.View) error { t.Error("called"); return nil }), db.ErrRefused)
	_ = expect(t, none.Write(ctx, n.Actor(db.Owner), func(context.Context, *db.Tx) error { t.Error("called"); return nil }), db.ErrRefused)
	_ = expect(t, none.Control(ctx, func(*db.ControlTx) error { t.Error("called"); return nil }), db.ErrRefused)
}

func TestAPanicRollsBackAndGoesOn(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	person := "user_panicking"
	kinds := map[string]func(){
		"Write": func() {
			_ = d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				if err := move(job.Skipped, id)(ctx, tx); err != nil {
					t.Error(err)
				}
				panic("mid-air")
			})
		},
		"Read": func() {
			_ = d.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
				if err := v.Load(); err != nil {
					t.Error(err)
				}
				panic("mid-air")
			})
		},
		"Control": func() {
			_ = d.Control(t.Context(), func(tx *db.ControlTx) error {
				if err := control.Enter(t.Context(), tx, "user_panicking", n.ID, db.Owner); err != nil {
					t.Error(err)
				}
				panic("mid-air")
			})
		},
	}
	for name, run := range kinds {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() {
					if got := recover(); got != "mid-air" {
						t.Errorf("recovered %v", got)
					}
				}()
				run()
			}()
			whole(t, d, n)
		})
	}
	if got := triage(t, n, id); got != job.New {
		t.Errorf("the job is %s", got)
	}
	var known []control.Known
	if err := d.Control(t.Context(), func(tx *db.ControlTx) error { return control.Directory(t.Context(), tx, person, &known) }); err != nil || len(known) != 0 {
		t.Errorf("the directory has %d entries: %v", len(known), err)
	}
}

func TestATransactionInsideATransactionIsRefused(t *testing.T) {
	t.Parallel()
	d, n := seam(t) // with one connection, a nested transaction would wait for itself
	id := importOne(t, n)

	err := d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		_ = expect(t, d.Write(ctx, n.Actor(db.MemberRole), func(context.Context, *db.Tx) error { t.Error("called"); return nil }), db.ErrNested)
		_ = expect(t, d.Read(ctx, n.Actor(db.Viewer), func(*db.View) error { t.Error("called"); return nil }), db.ErrNested)
		_ = expect(t, d.Control(ctx, func(*db.ControlTx) error { t.Error("called"); return nil }), db.ErrNested)
		_, err := control.LoadSession(ctx, d, control.NewSID(), n.ID)
		_ = expect(t, err, db.ErrNested)
		_ = expect(t, task.New(d).Do(ctx, n.Tenant, func(context.Context, *db.Tx) error { t.Error("called"); return nil }), db.ErrNested)
		return move(job.Shortlisted, id)(ctx, tx)
	})

	if err != nil || triage(t, n, id) != job.Shortlisted {
		t.Errorf("the outer transaction: %v", err)
	}
}

func TestACancelledContextStoresNothing(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	steps := map[string]func(context.Context, context.CancelFunc) error{
		"before a read": func(ctx context.Context, cancel context.CancelFunc) error {
			cancel()
			return d.Read(ctx, n.Actor(db.Viewer), func(v *db.View) error { return v.Load() })
		},
		"before a write": func(ctx context.Context, cancel context.CancelFunc) error {
			cancel()
			return d.Write(ctx, n.Actor(db.MemberRole), func(context.Context, *db.Tx) error { return nil })
		},
		"before a control transaction": func(ctx context.Context, cancel context.CancelFunc) error {
			cancel()
			return d.Control(ctx, func(*db.ControlTx) error { t.Error("called"); return nil })
		},
		"before a page is loaded": func(ctx context.Context, cancel context.CancelFunc) error {
			return d.Read(ctx, n.Actor(db.Viewer), func(v *db.View) error { cancel(); return v.Load() })
		},
		"before a change": func(ctx context.Context, cancel context.CancelFunc) error {
			return d.Write(ctx, n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				cancel()
				return move(job.Skipped, id)(ctx, tx)
			})
		},
		"between a change and its commit": func(ctx context.Context, cancel context.CancelFunc) error {
			return d.Write(ctx, n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				defer cancel()
				return move(job.Skipped, id)(ctx, tx)
			})
		},
		"between a control change and its commit": func(ctx context.Context, cancel context.CancelFunc) error {
			return d.Control(ctx, func(tx *db.ControlTx) error {
				defer cancel()
				return control.Leave(ctx, tx, n.Members[db.Owner], n.ID)
			})
		},
	}
	for name, run := range steps {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_ = expect(t, run(ctx, cancel), context.Canceled)
			whole(t, d, n)
		})
	}
	if got := triage(t, n, id); got != job.New {
		t.Errorf("the job is %s", got)
	}
	var known []control.Known
	if err := d.Control(t.Context(), func(tx *db.ControlTx) error { return control.Directory(t.Context(), tx, n.Members[db.Owner], &known) }); err != nil || len(known) != 1 {
		t.Errorf("the directory has %d entries: %v", len(known), err)
	}
}

func TestAViewIsLoadedWhenItsFunctionReturns(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	importOne(t, n)
	var rows, more []job.Row
	cases := map[string]struct {
		page func(*db.View) error
		want error
	}{
		"neither queued nor loaded":         {func(*db.View) error { return nil }, db.ErrNotLoaded},
		"queued and not loaded":             {func(v *db.View) error { job.List(v, job.Filter{}, &rows); return nil }, db.ErrNotLoaded},
		"queued again after it was loaded":  {func(v *db.View) error { err := v.Load(); job.List(v, job.Filter{}, &rows); return err }, db.ErrNotLoaded},
		"its own error comes first":         {func(v *db.View) error { job.List(v, job.Filter{}, &rows); return db.ErrBadInput }, db.ErrBadInput},
		"nothing queued, to see the member": {func(v *db.View) error { return v.Load() }, nil},
		"loaded twice": {func(v *db.View) error {
			job.List(v, job.Filter{}, &rows)
			if err := v.Load(); err != nil {
				return err
			}
			job.List(v, job.Filter{}, &more)
			return v.Load()
		}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rows, more = nil, nil
			_ = expect(t, d.Read(t.Context(), n.Actor(db.Viewer), c.page), c.want)
			if c.want != nil && rows != nil || len(rows) != len(more) {
				t.Errorf("%d rows, then %d", len(rows), len(more))
			}
		})
	}
}
