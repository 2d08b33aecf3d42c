package dbtest

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Wire counts round trips: how often something was sent and then waited for, on all connections together.
type Wire struct{ trips atomic.Int64 }

// Tune lets a pool dial through w, with one connection: what it has prepared is prepared for the next transaction too.
func (w *Wire) Tune(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &counted{Conn: conn, wire: w}, err
	}
	c.MaxConns = 1
}

// During counts the trips of fn once it is warm: pgx describes a statement when a connection meets it first.
func (w *Wire) During(t testing.TB, fn func() error) int64 {
	t.Helper()
	for range 2 {
		if err := fn(); err != nil {
			t.Fatal(err)
		}
	}
	before := w.trips.Load()
	if err := fn(); err != nil {
		t.Fatal(err)
	}
	return w.trips.Load() - before
}

// counted is one connection of a Wire.
type counted struct {
	net.Conn
	wire *Wire
	sent atomic.Bool // something that has not been answered yet
}

// Write begins a trip, or goes on with one that was not answered yet.
func (c *counted) Write(b []byte) (int, error) {
	c.sent.Store(true)
	return c.Conn.Write(b)
}

// Read ends the trip that was begun, with the first that comes back.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.sent.Swap(false) {
		c.wire.trips.Add(1)
	}
	return n, err
}
