package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/place"
)

// public are the answers that a person may get. A defect is none of them.
var public = []error{
	db.ErrNotFound, db.ErrRefused, db.ErrNotMember, db.ErrForbidden, db.ErrReadOnly, db.ErrConflict, db.ErrDuplicate,
	db.ErrBadInput, db.ErrBusy, db.ErrUnavailable, db.ErrInDoubt, db.ErrClosed, db.ErrNested, db.ErrNotLoaded, db.ErrUnaudited,
}

func TestEveryChangeLeavesOneAuditRowAndWhatFailsLeavesNone(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id, missing := importOne(t, n), uuid.New()
	cases := map[string]struct {
		do   func(context.Context, *db.Tx) error
		want error
		rows int
	}{
		"one change":            {move(job.Shortlisted, id), nil, 1},
		"two changes":           {then(move(job.Skipped, id), move(job.New, id)), nil, 2},
		"nothing":               {func(context.Context, *db.Tx) error { return nil }, nil, 0},
		"looking only":          {look(id), nil, 0},
		"holding a row only":    {lock(id), nil, 0},
		"a change that fails":   {move(job.Skipped, missing), db.ErrNotFound, 0},
		"the second one fails":  {then(move(job.Skipped, id), move(job.Skipped, missing)), db.ErrNotFound, 0},
		"fn fails afterwards":   {then(move(job.Skipped, id), fail(db.ErrConflict)), db.ErrConflict, 0},
		"a failure forgotten":   {then(move(job.Skipped, id), forget(move(job.Skipped, missing))), db.ErrNotFound, 0},
		"a bad value":           {move("nonsense", id), db.ErrBadInput, 0},
		"a bad value forgotten": {forget(move("nonsense", id)), db.ErrBadInput, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, state := events(t, dbtest.New(t), n.ID), triage(t, n, id)

			_ = expect(t, d.Write(t.Context(), n.Actor(db.MemberRole), c.do), c.want)

			if got := events(t, dbtest.New(t), n.ID) - before; got != c.rows {
				t.Errorf("%d audit rows, not %d", got, c.rows)
			}
			if got := triage(t, n, id); c.want != nil && got != state {
				t.Errorf("the job went from %s to %s", state, got)
			}
			whole(t, d, n)
		})
	}
}

func TestAWriteThatNobodyRecordedIsNotStored(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	const (
		plain  = `UPDATE jobs SET triage = 'skipped' WHERE tenant_id = $1 AND id = $2 RETURNING id`
		hidden = `WITH w AS (` + plain + `) SELECT id FROM w`
	)
	write := func(sql string) func(context.Context, *db.Tx) error {
		return func(ctx context.Context, tx *db.Tx) error {
			var rows []found
			return sealed.FindAll(ctx, tx, "sneak", sql, &rows, id)
		}
	}
	cases := map[string]struct {
		do   func(context.Context, *db.Tx) error
		want error
	}{
		"in the open":                      {write(plain), db.ErrUnaudited},
		"in the open, beside a change":     {then(move(job.Shortlisted, id), write(plain)), db.ErrUnaudited},
		"in the open, its error forgotten": {forget(write(plain)), db.ErrUnaudited},
		"hidden in a query":                {write(hidden), db.ErrUnaudited},
		"hidden, with the row held":        {then(lock(id), write(hidden)), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_ = expect(t, d.Write(t.Context(), n.Actor(db.MemberRole), c.do), c.want)
			if got := triage(t, n, id); got != job.New {
				t.Errorf("the job is %s", got)
			}
		})
	}
}

// then does one thing after the other, until one fails.
func then(all ...func(context.Context, *db.Tx) error) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		for _, do := range all {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// forget does something and loses its error.
func forget(do func(context.Context, *db.Tx) error) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error { _ = do(ctx, tx); return nil }
}

func fail(err error) func(context.Context, *db.Tx) error {
	return func(context.Context, *db.Tx) error { return err }
}

func lock(id uuid.UUID) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error { _, err := job.Lock(ctx, tx, id); return err }
}

type found struct {
	ID uuid.UUID `db:"id"`
}

func look(id uuid.UUID) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		var rows []found
		return sealed.FindAll(ctx, tx, "look", `SELECT id FROM jobs WHERE tenant_id = $1 AND id = $2`, &rows, id)
	}
}

func TestAConstraintThatFailsAtCommitIsADefectAndStoresNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	n := d.NewTenant(t)
	owner := d.Connect(t, "app_owner")
	if _, err := owner.Exec(t.Context(), `ALTER TABLE jobs ADD CONSTRAINT late UNIQUE (tenant_id, title) DEFERRABLE INITIALLY DEFERRED`); err != nil {
		t.Fatal(err)
	}
	before := events(t, d, n.ID)
	twin := func(key string) job.Job {
		return job.Job{ID: uuid.New(), Posting: job.Posting{ExternalKey: key, Title: "Twin", PostedAt: time.Now(), PostedAtSource: job.FromSource}}
	}

	err := n.DB.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		if err := job.Load(ctx, tx, []job.Job{twin("a"), twin("b")}); err != nil {
			t.Errorf("before the commit: %v", err)
			return err
		}
		return nil
	})

	if err == nil {
		t.Error("committed")
	}
	for _, answer := range public {
		if errors.Is(err, answer) {
			t.Errorf("a person would be told %q", answer)
		}
	}
	n.Read(t, db.Viewer, func(v *db.View) error {
		var rows []job.Row
		job.List(v, job.Filter{}, &rows)
		err := v.Load()
		if len(rows) != 0 {
			t.Errorf("%d jobs are stored", len(rows))
		}
		return err
	})
	if got := events(t, d, n.ID); got != before {
		t.Errorf("%d audit rows are stored", got-before)
	}
	whole(t, n.DB, n)
}

func TestTheStateOfATenantDecides(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	for state, may := range place.States {
		t.Run(string(state), func(t *testing.T) {
			if err := d.SetState(t.Context(), n.Tenant, state); err != nil {
				t.Fatal(err)
			}
			rows, changed := []job.Row(nil), false

			read := d.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
				job.List(v, job.Filter{}, &rows)
				return v.Load()
			})
			write := d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				err := move(job.Shortlisted, id)(ctx, tx)
				changed = err == nil
				return err
			})

			switch {
			case may.Write:
				_, _ = expect(t, read, nil), expect(t, write, nil)
			case may.Read:
				_, _ = expect(t, read, nil), expect(t, write, db.ErrReadOnly)
			default:
				_, _ = expect(t, read, db.ErrRefused), expect(t, write, db.ErrRefused)
			}
			if may.Read != (len(rows) == 1) || may.Write != changed {
				t.Errorf("%d jobs read, changed: %t", len(rows), changed)
			}
		})
	}
}

func TestAChangeOfStateWaitsForTheWritesUnderWay(t *testing.T) {
	t.Parallel()
	d, n := seam(t)
	id := importOne(t, n)
	var flip error
	flipped := make(chan struct{})

	err := d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		_ = tx.Member() // the first use begins it
		go func() { flip = d.SetState(t.Context(), n.Tenant, place.ReadOnly); close(flipped) }()
		select {
		case <-flipped:
			t.Error("the state changed under a write")
		case <-time.After(200 * time.Millisecond):
		}
		return move(job.Shortlisted, id)(ctx, tx)
	})

	<-flipped
	_, _ = expect(t, err, nil), expect(t, flip, nil)
	_ = expect(t, d.Write(t.Context(), n.Actor(db.MemberRole), move(job.Skipped, id)), db.ErrReadOnly)
	if got := triage(t, n, id); got != job.Shortlisted {
		t.Errorf("the job is %s", got)
	}
}

func TestARowThatIsHeldTooLongIsBusy(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	d := shared.Tuned(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["lock_timeout"] = "300ms"; c.MaxConns = 2 })
	n := shared.NewTenant(t)
	id := importOne(t, n)

	err := d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		if err := lock(id)(ctx, tx); err != nil {
			return err
		}
		// The outer context, as another request has it.
		_ = expect(t, d.Write(t.Context(), n.Actor(db.Manager), lock(id)), db.ErrBusy)
		_ = expect(t, d.Write(t.Context(), n.Actor(db.Manager), move(job.Skipped, id)), db.ErrBusy)
		return move(job.Shortlisted, id)(ctx, tx)
	})

	if err != nil || triage(t, n, id) != job.Shortlisted {
		t.Errorf("who held it: %v", err)
	}
	whole(t, d, n)
}
