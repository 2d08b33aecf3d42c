package dbtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
)

// Cutter breaks connections under COMMIT: when armed, the next COMMIT goes out whole or not at all, and no answer comes.
type Cutter struct {
	Forward bool // COMMIT reaches the server, which carries it out
	armed   atomic.Bool
}

// Arm lets the next COMMIT go unanswered.
func (k *Cutter) Arm() { k.armed.Store(true) }

// Cut opens the database another time, behind k. It is closed at the end of the test.
func (d *Database) Cut(t testing.TB, k *Cutter) *db.DB {
	t.Helper()
	return d.Tuned(t, func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &cut{Conn: conn, by: k}, err
		}
	})
}

// cut is one connection of a cutter.
type cut struct {
	net.Conn
	by     *Cutter
	broken atomic.Bool
}

// IsCommit tells whether a message of the protocol is COMMIT; BEGIN … READ COMMITTED contains the word too.
func IsCommit(b []byte) bool { return bytes.Contains(b, []byte("commit\x00")) }

// Write sends b, or keeps a COMMIT to itself.
func (c *cut) Write(b []byte) (int, error) {
	if !IsCommit(b) || !c.by.armed.Swap(false) {
		return c.Conn.Write(b)
	}
	c.broken.Store(true)
	if !c.by.Forward {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Read hears nothing more once a COMMIT was cut.
func (c *cut) Read(b []byte) (int, error) {
	if !c.broken.Load() {
		return c.Conn.Read(b)
	}
	if c.by.Forward {
		_, _ = c.Conn.Read(b) // the answer: it has been carried out, and nobody will hear of it
	}
	return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
}
