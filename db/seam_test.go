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
	"upwork-ai-agent/db/member"
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

func TestATxThatEscapedIsClosedWhileItsConnectionServesAnotherTenant(t *testing.T) {
	t.Parallel()
	d, a := seam(t) // one connection: that of the escaped transaction is the next one's
	b := dbtest.New(t).NewTenant(t)
	id, other := importOne(t, a), importOne(t, b)
	ends := map[string]error{"committed": nil, "rolled back": db.ErrConflict}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var escaped *db.Tx
			err := d.Write(t.Context(), a.Actor(db.MemberRole), func(_ context.Context, tx *db.Tx) error { escaped = tx; return end })
			_ = expect(t, err, end)

			err = d.Write(t.Context(), b.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				_ = expect(t, move(job.Skipped, id)(ctx, escaped), db.ErrClosed)
				_ = expect(t, move(job.Skipped, other)(ctx, escaped), db.ErrClosed)
				done := make(chan error)
				go func() {
					_, err := job.Lock(ctx, escaped, id)
					done <- err
				}()
				return expect(t, <-done, db.ErrClosed)
			})

			if err != nil {
				t.Error(err)
			}
			if got := triage(t, a, id); got != job.New {
				t.Errorf("its job is %s", got)
			}
			if got := triage(t, b, other); got != job.New {
				t.Errorf("the other tenant's job is %s", got)
			}
		})
	}
}

func TestAStatementInAnotherGoroutineEndsBeforeItsTransaction(t *testing.T) {
	t.Parallel()
	d, a := seam(t)
	b := dbtest.New(t).NewTenant(t)
	id := importOne(t, a)
	for range 20 {
		done := make(chan error)
		err := d.Write(t.Context(), a.Actor(db.MemberRole), func(_ context.Context, tx *db.Tx) error {
			first := make(chan struct{}, 1)
			go func() {
				var err error
				for err == nil {
					_, err = job.Lock(t.Context(), tx, id)
					select {
					case first <- struct{}{}:
					default:
					}
				}
				done <- err
			}()
			<-first
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // the connection is another tenant's now
			if err := d.Read(t.Context(), b.Actor(db.Viewer), func(v *db.View) error { return v.Load() }); err != nil {
				t.Fatal(err)
			}
		}
		_ = expect(t, <-done, db.ErrClosed)
	}
}

func TestAViewAndAControlTxThatEscapedAreClosed(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	importOne(t, n)
	var (
		view  *db.View
		plane *db.ControlTx
		rows  []job.Row
	)
	if err := d.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error { view = v; return v.Load() }); err != nil {
		t.Fatal(err)
	}
	if err := d.Control(t.Context(), func(tx *db.ControlTx) error { plane = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	use := func() (load, write, read error) {
		job.List(view, job.Filter{}, &rows)
		return view.Load(), control.Leave(t.Context(), plane, n.Members[db.Owner], n.ID),
			control.Directory(t.Context(), plane, n.Members[db.Owner], new([]control.Known))
	}

	here := make([]error, 3)
	here[0], here[1], here[2] = use()
	there := make([]error, 3)
	done := make(chan struct{})
	go func() { there[0], there[1], there[2] = use(); close(done) }()
	<-done

	for _, err := range slices.Concat(here, there) {
		_ = expect(t, err, db.ErrClosed)
	}
	if len(rows) != 0 {
		t.Error("an escaped View has read")
	}
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

func TestWhoIsNotAdmittedSeesNothingAndWritesNothing(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	stranger := dbtest.New(t).NewTenant(t)
	id := importOne(t, n)
	viewer, owner := n.Members[db.Viewer], n.Members[db.Owner]
	cases := map[string]struct {
		who  db.Actor
		want error
	}{
		"a viewer where members may":               {db.NewMember(n.Tenant, viewer, db.MemberRole), db.ErrForbidden},
		"an admin where the owner may":             {db.NewMember(n.Tenant, n.Members[db.Admin], db.Owner), db.ErrForbidden},
		"the owner where nobody said who may":      {db.NewMember(n.Tenant, owner, ""), db.ErrForbidden},
		"the owner where an unknown role may":      {db.NewMember(n.Tenant, owner, "god"), db.ErrForbidden},
		"a person of no tenant":                    {db.NewMember(n.Tenant, "user_nobody", db.Viewer), db.ErrNotMember},
		"the owner of another tenant":              {db.NewMember(n.Tenant, stranger.Members[db.Owner], db.Viewer), db.ErrNotMember},
		"a member by another spelling of the name": {db.NewMember(n.Tenant, owner+" ", db.Viewer), db.ErrNotMember},
		"a tenant that nobody knows":               {db.NewMember(db.Tenant{ID: uuid.New(), Model: n.Model, Place: n.Place, Epoch: 1}, owner, db.Viewer), db.ErrRefused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rows, j := []job.Row{{Title: "untouched"}}, job.Job{ID: uuid.Max}
			load := func(forget bool) func(v *db.View) error {
				return func(v *db.View) error {
					job.List(v, job.Filter{}, &rows)
					job.Get(v, id, &j)
					err := v.Load()
					if v.Member() != (db.Member{}) {
						t.Errorf("a member: %+v", v.Member())
					}
					if forget {
						return nil
					}
					return err
				}
			}

			_ = expect(t, d.Read(t.Context(), c.who, load(false)), c.want)
			if err := d.Read(t.Context(), c.who, load(true)); err != nil { // a page that forgets the error
				t.Error(err)
			}
			for name, use := range uses(id, &j) {
				err := d.Write(t.Context(), c.who, func(ctx context.Context, tx *db.Tx) error {
					_ = expect(t, use(ctx, tx), c.want)
					return nil // it forgets the error
				})
				if !errors.Is(err, c.want) {
					t.Errorf("%s: answered %v", name, err)
				}
			}
			_ = expect(t, d.Write(t.Context(), c.who, func(context.Context, *db.Tx) error { return errors.New("of the function") }), c.want)

			if len(rows) != 1 || rows[0].Title != "untouched" || j.ID != uuid.Max {
				t.Errorf("has read %v and %v", rows, j)
			}
		})
	}
}

func TestAChangeOfMembershipHoldsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	person := n.Members[db.MemberRole]
	writes := func() error { return d.Write(t.Context(), n.Actor(db.MemberRole), move(job.Shortlisted, id)) }
	reads := func() error {
		return d.Read(t.Context(), db.NewMember(n.Tenant, person, db.Viewer), func(v *db.View) error { return v.Load() })
	}
	worker := func(fn func(context.Context, *db.Tx) error) {
		if err := task.New(d).Do(t.Context(), n.Tenant, fn); err != nil {
			t.Fatal(err)
		}
	}
	put := func(role db.Role) func(context.Context, *db.Tx) error {
		return func(ctx context.Context, tx *db.Tx) error {
			return member.Put(ctx, tx, person, "a@example.com", "A", role)
		}
	}
	_, _ = expect(t, writes(), nil), expect(t, reads(), nil)

	worker(put(db.Viewer))
	_, _ = expect(t, writes(), db.ErrForbidden), expect(t, reads(), nil)

	worker(func(ctx context.Context, tx *db.Tx) error { return member.Remove(ctx, tx, person) })
	_, _ = expect(t, writes(), db.ErrNotMember), expect(t, reads(), db.ErrNotMember)

	worker(put(db.MemberRole))
	_, _ = expect(t, writes(), nil), expect(t, reads(), nil)
}

// uses are the ways to begin a transaction. None of them hands anything to whoever may not write.
func uses(id uuid.UUID, j *job.Job) map[string]func(context.Context, *db.Tx) error {
	return map[string]func(context.Context, *db.Tx) error{
		"a read": func(ctx context.Context, tx *db.Tx) error {
			found, err := job.Lock(ctx, tx, id)
			if found.ID != uuid.Nil {
				*j = found
			}
			return err
		},
		"a change": func(ctx context.Context, tx *db.Tx) error {
			return job.Move(ctx, tx, job.Job{ID: id}, job.Archived, "")
		},
		"the member, then a read": func(ctx context.Context, tx *db.Tx) error {
			if m := tx.Member(); m != (db.Member{}) {
				*j = job.Job{}
			}
			_, err := job.Lock(ctx, tx, id)
			return err
		},
	}
}
