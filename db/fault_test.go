package db_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
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

// fleet is an installation with many warm connections that one can tell from all others.
type fleet struct {
	*db.DB
	shared *dbtest.Database
	name   string
}

const warm = 6 // connections of a pool

func newFleet(t *testing.T) (*fleet, *dbtest.Tenant) {
	t.Helper()
	f := &fleet{shared: dbtest.New(t), name: "fleet " + uuid.NewString()[:8]}
	f.DB = f.shared.Tuned(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = f.name; c.MaxConns = warm })
	return f, f.shared.NewTenant(t)
}

// warmUp opens every connection of both pools and leaves them idle.
func (f *fleet) warmUp(t *testing.T, n *dbtest.Tenant) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var out atomic.Int32
	everyone := make(chan struct{})
	wait := func() error {
		if out.Add(1) == 2*warm {
			close(everyone)
		}
		select {
		case <-everyone:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var done sync.WaitGroup
	for range warm {
		done.Go(func() {
			_ = expect(t, f.Write(ctx, n.Actor(db.Viewer), func(_ context.Context, tx *db.Tx) error {
				tx.Member() // its first use begins it, and takes the connection
				return wait()
			}), nil)
		})
		done.Go(func() { _ = expect(t, f.Control(ctx, func(*db.ControlTx) error { return wait() }), nil) })
	}
	done.Wait()
}

// kill ends the server's side of every connection, and tells how many there were.
func (f *fleet) kill(t *testing.T) (killed int) {
	t.Helper()
	conn := f.shared.Connect(t, "postgres")
	err := conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = $1`, f.name).Scan(&killed)
	if err != nil {
		t.Fatal(err)
	}
	return killed
}

func TestWhoMeetsADeadConnectionGetsALivingOne(t *testing.T) {
	t.Parallel()
	f, n := newFleet(t)
	id := importOne(t, n)
	sid := control.NewSID()
	signIn := func(sid control.SID) error {
		return f.Control(t.Context(), func(tx *db.ControlTx) error {
			return control.SignIn(t.Context(), tx, sid, control.Person{ClerkUser: n.Members[db.Owner], ClerkSession: "sess_1"}, time.Now())
		})
	}
	if err := signIn(sid); err != nil {
		t.Fatal(err)
	}
	calls := 0
	cases := map[string]func() error{
		"a page": func() error {
			var j job.Job
			return f.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error { calls++; job.Get(v, id, &j); return v.Load() })
		},
		"a session": func() error {
			calls++
			_, err := control.LoadSession(t.Context(), f.DB, sid, n.ID)
			return err
		},
		"a write": func() error {
			return f.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error { calls++; return move(job.Shortlisted, id)(ctx, tx) })
		},
		"a control transaction": func() error { calls++; return signIn(control.NewSID()) },
	}
	for name, do := range cases {
		t.Run(name, func(t *testing.T) {
			f.warmUp(t, n)
			if got := f.kill(t); got != 2*warm {
				t.Fatalf("%d connections were warm", got)
			}
			calls = 0
			before := events(t, f.shared, n.ID)

			_ = expect(t, do(), nil)

			wrote := 0
			if name == "a write" {
				wrote = 1
			}
			if got := events(t, f.shared, n.ID) - before; calls != 1 || got != wrote {
				t.Errorf("called %d times, %d audit rows", calls, got)
			}
			whole(t, f.DB, n)
		})
	}
}

// The second try of a page may be refused what the first had let in.
func TestWhatABrokenPipelineHasReadIsDropped(t *testing.T) {
	t.Parallel()
	f, n := newFleet(t)
	conn := f.shared.Connect(t, "postgres")
	type text struct {
		Text string `db:"text"`
	}
	var (
		many   []text
		single text
		done   sync.WaitGroup
	)
	done.Go(func() {
		err := f.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
			const large = "SELECT repeat('x', 10000) AS text FROM users u WHERE u.tenant_id = $1" // more than the server keeps back
			sealed.List(v, "many", large, &many)
			sealed.Get(v, "single", large+" LIMIT 1", &single)
			sealed.List(v, "more", large, &[]text{})
			sealed.List(v, "asleep", "SELECT pg_sleep(30)::text AS text FROM users u WHERE u.tenant_id = $1 AND u.clerk_id = $2 AND u.removed_at IS NULL", &[]text{}, n.Members[db.Viewer])
			return v.Load()
		})
		_ = expect(t, err, db.ErrNotMember)
	})
	for asleep := false; !asleep; {
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep')", f.name).Scan(&asleep); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "UPDATE users SET removed_at = now() WHERE tenant_id = $1 AND clerk_id = $2", n.ID, n.Members[db.Viewer]); err != nil {
		t.Fatal(err)
	}
	f.kill(t)
	done.Wait()
	if len(many) > 0 || single.Text != "" {
		t.Errorf("kept %d rows and %d bytes", len(many), len(single.Text))
	}
}

func TestAConnectionThatDiesUnderAWriteStoresNothingAndIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	f, n := newFleet(t)
	id := importOne(t, n)
	cases := map[string]func(context.Context, *db.Tx) error{
		"before its change": func(ctx context.Context, tx *db.Tx) error {
			_ = tx.Member() // the first use begins it
			f.kill(t)
			return move(job.Skipped, id)(ctx, tx)
		},
		"before its commit": func(ctx context.Context, tx *db.Tx) error { defer f.kill(t); return move(job.Skipped, id)(ctx, tx) },
	}
	for name, do := range cases {
		t.Run(name, func(t *testing.T) {
			calls, before := 0, events(t, f.shared, n.ID)

			err := f.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error { calls++; return do(ctx, tx) })

			_ = expect(t, err, db.ErrUnavailable)
			if got := events(t, f.shared, n.ID) - before; calls != 1 || got != 0 || triage(t, n, id) != job.New {
				t.Errorf("called %d times, %d audit rows, the job is %s", calls, got, triage(t, n, id))
			}
			whole(t, f.DB, n)
		})
	}
}
