// Package tally counts the statements that tenants' transactions send: by tenant, minute, table and operation. It counts in
// memory, in the driver's tracer, and does nothing else: whoever stores the counts drains them. What is not said to be a
// tenant's, by In, is not counted.
package tally

import (
	"math/bits"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Buckets is how many buckets a histogram of latencies has. Bucket i counts what took less than 2^i microseconds and not
// less than half of that; the last one also what took longer.
const Buckets = 24

// Count is what was counted of one operation on one table in one minute of one tenant.
type Count struct {
	Tenant          uuid.UUID      `json:"-"`
	Minute          time.Time      `json:"minute"`
	Table           string         `json:"table_name"`
	Operation       string         `json:"operation"`
	Calls           int64          `json:"calls"`
	Rows            int64          `json:"rows"`             // returned or changed
	RefusedWrites   int64          `json:"refused_writes"`   // by a policy or a missing grant
	RefusedContexts int64          `json:"refused_contexts"` // the gate did not open
	Latency         [Buckets]int64 `json:"latency"`
}

// Add adds what o counted.
func (c *Count) Add(o *Count) {
	c.Calls += o.Calls
	c.Rows += o.Rows
	c.RefusedWrites += o.RefusedWrites
	c.RefusedContexts += o.RefusedContexts
	for i, n := range o.Latency {
		c.Latency[i] += n
	}
}

// A tally is sharded by tenant, so that statements of different tenants do not wait for each other, and bounded, so that
// a store that is away for hours costs memory of a known size: about 20 MB.
const (
	shards   = 64
	maxCells = 1024 // of a shard
)

// Tally is the counts of one process. It is made by New, and may be used by any number of goroutines.
type Tally struct {
	statements statements
	shards     [shards]shard
}

type shard struct {
	mu    sync.Mutex
	cells map[key]*Count
	lost  int64 // calls that found no room
	_     [64]byte
}

// key names a cell. Targets are made once for each table and operation, so their address names them.
type key struct {
	tenant uuid.UUID
	minute int64
	target *target
}

// New is a tally with nothing counted.
func New() *Tally {
	t := &Tally{}
	for i := range t.shards {
		t.shards[i].cells = map[key]*Count{}
	}
	return t
}

// outcome is what became of one statement.
type outcome struct {
	rows    int64
	refused bool // by a policy or a missing grant
	closed  bool // the gate did not open
	took    time.Duration
}

func (t *Tally) count(tenant uuid.UUID, target *target, now time.Time, o outcome) {
	k := key{tenant, now.Unix() / 60, target}
	s := &t.shards[tenant[15]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cell(k)
	if c == nil {
		s.lost++
		return
	}
	c.Calls++
	c.Rows += o.rows
	if o.refused {
		c.RefusedWrites++
	}
	if o.closed {
		c.RefusedContexts++
	}
	c.Latency[bucket(o.took)]++
}

func bucket(took time.Duration) int {
	return min(bits.Len64(uint64(max(took, 0).Microseconds())), Buckets-1)
}

// Drain returns everything that was counted since the last Drain, and how many calls were not, for want of room.
func (t *Tally) Drain() (all []Count, lost int64) {
	for i := range t.shards {
		cells, n := t.shards[i].take()
		lost += n
		for k, c := range cells {
			c.Tenant, c.Minute, c.Table, c.Operation = k.tenant, time.Unix(k.minute*60, 0).UTC(), k.target.table, k.target.operation
			all = append(all, *c)
		}
	}
	return all, lost
}

func (s *shard) take() (map[key]*Count, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cells, lost := s.cells, s.lost
	s.cells, s.lost = make(map[key]*Count, len(cells)), 0
	return cells, lost
}

// Refill gives back counts that were drained and could not be stored.
func (t *Tally) Refill(counts []Count) {
	for i := range counts {
		c := &counts[i]
		s := &t.shards[c.Tenant[15]%shards]
		s.add(key{c.Tenant, c.Minute.Unix() / 60, t.statements.target(target{c.Table, c.Operation})}, c)
	}
}

func (s *shard) add(k key, c *Count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.cell(k); have != nil {
		have.Add(c)
	} else {
		s.lost += c.Calls
	}
}

// cell is the cell of k, made where there is none; nil when there is no room for it.
func (s *shard) cell(k key) *Count {
	c := s.cells[k]
	if c == nil && len(s.cells) < maxCells {
		c = &Count{}
		s.cells[k] = c
	}
	return c
}
