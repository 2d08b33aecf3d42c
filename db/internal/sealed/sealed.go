// Package sealed is the seam that every query goes through. It holds the pools, the actor, the three kinds of
// transaction, and the only functions that can put SQL on them. Nobody outside db can import it, and its types carry no
// exported field and no method that takes SQL, so outside db nobody can spell a query.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/tally"
	"upwork-ai-agent/db/internal/wire"
	"upwork-ai-agent/db/place"
)

// Options says what Open connects to.
type Options struct {
	Control *pgxpool.Config            // app_control in the main place
	Tenant  map[string]*pgxpool.Config // app_tenant, by place
	Fence   map[string]*pgxpool.Config // app_control, by place; main falls back to Control
	Drivers place.Drivers
	Keys    []SealKey    // newest first, at least one
	Tally   *tally.Tally // the tracer of the Tenant pools; nil: nothing is counted

	// Registry reads a tenant's row of the registry again. It returns ErrRefused for a tenant that is not there.
	Registry func(context.Context, *DB, uuid.UUID) (place.Tenant, error)
}

// DB is a migrated installation: the control plane and every place.
type DB struct {
	control  *pgxpool.Pool
	tenant   map[string]*pgxpool.Pool
	fence    map[string]*pgxpool.Pool
	drivers  place.Drivers
	keys     []SealKey
	tally    *tally.Tally
	registry func(context.Context, *DB, uuid.UUID) (place.Tenant, error)
}

// Open makes the pools. It connects lazily: the first statement finds out whether the server is there.
func Open(ctx context.Context, o Options) (*DB, error) {
	if len(o.Keys) == 0 || slices.ContainsFunc(o.Keys, func(k SealKey) bool { return k.sealers == nil }) {
		return nil, errors.New("sealed: no seal key")
	}
	d := &DB{drivers: o.Drivers, keys: o.Keys, tally: o.Tally, registry: o.Registry, tenant: map[string]*pgxpool.Pool{}, fence: map[string]*pgxpool.Pool{}}
	var err error
	if d.control, err = newPool(ctx, o.Control); err != nil {
		return nil, err
	}
	d.fence[place.Main] = d.control
	for name, c := range o.Fence {
		if d.fence[name], err = newPool(ctx, c); err != nil {
			d.Close()
			return nil, err
		}
	}
	for name, c := range o.Tenant {
		if d.tenant[name], err = newPool(ctx, c); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

func newPool(ctx context.Context, c *pgxpool.Config) (*pgxpool.Pool, error) {
	c.ShouldPing = mustPing
	c.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		wire.RegisterUUID(conn.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	return pool, nil
}

// Close waits for running transactions and closes every pool.
func (d *DB) Close() {
	for _, p := range d.tenant {
		p.Close()
	}
	for _, p := range d.fence {
		p.Close()
	}
	d.control.Close()
}

// Ping tells whether the control plane and every place answer, in bounded time.
func (d *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	if err := d.control.Ping(ctx); err != nil {
		return classify(err)
	}
	for name, p := range d.tenant {
		if err := p.Ping(ctx); err != nil {
			return fmt.Errorf("place %s: %w", name, classify(err))
		}
	}
	return nil
}

// InUse counts the connections that are out of their pools right now. It is 0 when nothing runs.
func (d *DB) InUse() int {
	n := int(d.control.Stat().AcquiredConns())
	for _, p := range d.tenant {
		n += int(p.Stat().AcquiredConns())
	}
	return n
}

// Provision makes t's home ready to be written.
func (d *DB) Provision(ctx context.Context, t place.Tenant) error { return d.drivers.Provision(ctx, t) }

// connect takes a connection to t's home from its pool.
func (d *DB) connect(ctx context.Context, t place.Tenant) (*pgxpool.Conn, place.Home, error) {
	home, err := d.drivers.Home(ctx, t)
	if err != nil {
		return nil, home, err
	}
	pool, ok := d.tenant[home.Place]
	if !ok {
		return nil, home, place.ErrUnknown
	}
	conn, err := acquire(ctx, pool)
	return conn, home, err
}

// acquireTimeout is how long a request waits for a connection. Longer, and a crowd of them would only grow.
const acquireTimeout = 3 * time.Second

// acquire takes a connection, or answers ErrUnavailable in bounded time.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(limited)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %w", errNoConnection, err)
}

// errNoConnection is an ErrUnavailable for which trying again at once is of no use.
var errNoConnection = fmt.Errorf("no connection: %w", ErrUnavailable)

// maxBefore is how many statements go before those of a page: the gate, its search_path, and the actor.
const maxBefore = 3

// open queues what every tenant transaction starts with: the gate, and for a home outside public its search_path.
// It is the one place that begins a tenant's context; a driver never does.
func (d *DB) open(b *pgx.Batch, ad *admission, home place.Home, readOnly bool) {
	t := ad.actor.tenant
	token := d.keys[0].token(t.ID, t.Epoch)
	sql := "SELECT app.set_tenant($1, $2)"
	if readOnly {
		sql = "SELECT app.set_tenant($1, $2), set_config('transaction_read_only', 'on', true)"
	}
	b.Queue(sql, ad.tenant, token)
	if home.Schema != "public" {
		b.Queue("SELECT set_config('search_path', $1, true)", pgx.Identifier{home.Schema}.Sanitize())
	}
}

// Places lists the names of the configured places.
func (d *DB) Places() []string { return slices.Sorted(maps.Keys(d.tenant)) }

// Catalog reads a place's system catalogs as app_tenant. It opens no tenant, so a tenant table shows no row to it.
func Catalog[T any](ctx context.Context, d *DB, name, sql string, into *[]T, args ...any) error {
	pool, ok := d.tenant[name]
	if !ok {
		return place.ErrUnknown
	}
	all, err := query[T](ctx, pool, sql, args)
	if err != nil {
		return fmt.Errorf("catalog of %s: %w", name, err)
	}
	*into = all
	return nil
}
