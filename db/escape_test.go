package db_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

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
