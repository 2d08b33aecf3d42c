package db_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

func TestACommitWithoutAnAnswerIsInDoubtAndNeverTriedAgain(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	for name, k := range map[string]*dbtest.Cutter{"carried out": {Forward: true}, "never arrived": {}} {
		t.Run(name, func(t *testing.T) {
			n := shared.NewTenant(t)
			d, id := shared.Cut(t, k), importOne(t, n)
			calls, rows, stored := 0, 0, job.New
			if k.Forward {
				rows, stored = 1, job.Shortlisted
			}
			before := events(t, shared, n.ID)
			k.Arm()

			err := d.Write(t.Context(), n.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
				calls++
				return move(job.Shortlisted, id)(ctx, tx)
			})

			_ = expect(t, err, db.ErrInDoubt)
			if errors.Is(err, db.ErrUnavailable) {
				t.Error("it promises that nothing was stored")
			}
			if got := events(t, shared, n.ID) - before; calls != 1 || got != rows || triage(t, n, id) != stored {
				t.Errorf("called %d times, %d audit rows, the job is %s", calls, got, triage(t, n, id))
			}
			whole(t, d, n)
		})
	}
}

func TestACommitOfTheControlPlaneWithoutAnAnswerIsInDoubt(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	n := shared.NewTenant(t)
	k := &dbtest.Cutter{Forward: true}
	d, sid := shared.Cut(t, k), control.NewSID()
	k.Arm()

	err := d.Control(t.Context(), func(tx *db.ControlTx) error {
		return control.SignIn(t.Context(), tx, sid, control.Person{ClerkUser: n.Members[db.Owner], ClerkSession: "sess_1"}, time.Now())
	})

	_ = expect(t, err, db.ErrInDoubt)
	if _, err := control.LoadSession(t.Context(), d, sid, n.ID); err != nil {
		t.Errorf("it was carried out, and there is no session: %v", err)
	}
}

func TestARequestThatIsGivenUpDoesNotCutItsCommitOff(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	n := shared.NewTenant(t)
	id := importOne(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	leave := &leaver{cancel: cancel}
	d := shared.Tuned(t, leave.tune)

	err := d.Write(ctx, n.Actor(db.MemberRole), move(job.Shortlisted, id))

	_ = expect(t, err, nil)
	if ctx.Err() == nil || triage(t, n, id) != job.Shortlisted {
		t.Errorf("given up: %v, the job is %s", ctx.Err(), triage(t, n, id))
	}
}

// leaver gives the request up when its COMMIT goes out.
type leaver struct {
	cancel context.CancelFunc
}

func (l *leaver) tune(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &leaving{Conn: conn, by: l}, err
	}
}

// leaving is one connection of a leaver.
type leaving struct {
	net.Conn
	by *leaver
}

func (c *leaving) Write(b []byte) (int, error) {
	if dbtest.IsCommit(b) {
		c.by.cancel()
	}
	return c.Conn.Write(b)
}
