package db_test

import (
	"context"
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
)

// This file is about connections that die: before they are used, under a page, and under a write.

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
