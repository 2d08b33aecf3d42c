package sealed

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is how a connection pool is at the moment.
type Pool struct {
	Role                string // the login: app_tenant or app_control
	Place               string
	Acquired, Idle, Max int
	Waits, Canceled     int64         // since the start: waited for a connection, gave up waiting
	Waited              time.Duration // all together
}

// Pools are the connection pools, in a fixed order. That of the main place's app_control serves the control plane too.
func (d *DB) Pools() []Pool {
	var all []Pool
	for _, name := range slices.Sorted(maps.Keys(d.fence)) {
		all = append(all, newPoolState("app_control", name, d.fence[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(d.tenant)) {
		all = append(all, newPoolState("app_tenant", name, d.tenant[name]))
	}
	return all
}

func newPoolState(role, name string, p *pgxpool.Pool) Pool {
	s := p.Stat()
	return Pool{Role: role, Place: name, Acquired: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Max: int(s.MaxConns()),
		Waits: s.EmptyAcquireCount(), Canceled: s.CanceledAcquireCount(), Waited: s.EmptyAcquireWaitTime()}
}
