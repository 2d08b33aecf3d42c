package db_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

// cutter breaks connections under COMMIT: when armed, the next COMMIT goes out whole or not at all, and no answer comes.
type cutter struct {
	armed   atomic.Bool
	forward bool // COMMIT reaches the server, which carries it out
}

func (k *cutter) tune(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &cut{Conn: conn, by: k}, err
	}
}

// isCommit tells whether a message of the protocol is COMMIT; BEGIN … READ COMMITTED contains the word too.
func isCommit(b []byte) bool { return bytes.Contains(b, []byte("commit\x00")) }

// cut is one connection of a cutter.
type cut struct {
	net.Conn
	by     *cutter
	broken atomic.Bool
}

func (c *cut) Write(b []byte) (int, error) {
	if !isCommit(b) || !c.by.armed.Swap(false) {
		return c.Conn.Write(b)
	}
	c.broken.Store(true)
	if !c.by.forward {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *cut) Read(b []byte) (int, error) {
	if !c.broken.Load() {
		return c.Conn.Read(b)
	}
	if c.by.forward {
		_, _ = c.Conn.Read(b) // the answer: it has been carried out, and nobody will hear of it
	}
	return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
}

func TestACommitWithoutAnAnswerIsInDoubtAndNeverTriedAgain(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	for name, k := range map[string]*cutter{"carried out": {forward: true}, "never arrived": {}} {
		t.Run(name, func(t *testing.T) {
			n := shared.NewTenant(t)
			d, id := shared.Tuned(t, k.tune), importOne(t, n)
			calls, rows, stored := 0, 0, job.New
			if k.forward {
				rows, stored = 1, job.Shortlisted
			}
			before := events(t, shared, n.ID)
			k.armed.Store(true)

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
	k := &cutter{forward: true}
	d, sid := shared.Tuned(t, k.tune), control.NewSID()
	k.armed.Store(true)

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
	if isCommit(b) {
		c.by.cancel()
	}
	return c.Conn.Write(b)
}
