package sealed

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/wire"
	"upwork-ai-agent/db/place"
)

// View is what one page needs: queries are queued, then Load sends them in one pipeline behind the gate. It is one
// round trip, one implicit transaction, and read only. The zero View refuses everything.
type View struct {
	store  *DB
	ctx    context.Context
	entry  admission
	queue  []queued
	loaded bool
	visit  span
}

// queued is one query with what becomes of its rows.
type queued struct {
	name string
	sql  string
	args []any
	into result
}

// result is where the rows of a query go. Those of a pipeline that broke are dropped: who was let in then may be refused when Load
// asks once more.
type result interface {
	read(pgx.Rows) error // no error for a missing row: one that the server sends makes pgx forget its prepared statements
	absent() bool        // there had to be a row, and there was none
	drop()
}

type list[T any] struct{ into *[]T }

func (l list[T]) read(rows pgx.Rows) error { return wire.Collect(rows, l.into) }
func (l list[T]) absent() bool             { return false }
func (l list[T]) drop()                    { *l.into = nil }

type one[T any] struct {
	into  *T
	found bool
}

func (o *one[T]) read(rows pgx.Rows) error {
	var all []T
	err := wire.Collect(rows, &all)
	if o.found = err == nil && len(all) > 0; o.found {
		*o.into = all[0]
	}
	return err
}

func (o *one[T]) absent() bool { return !o.found }

func (o *one[T]) drop() {
	var none T
	*o.into = none
}

// Read runs fn on a View for a. fn queues and loads; Read refuses one that left the queue unsent.
func (d *DB) Read(ctx context.Context, a Actor, fn func(*View) error) error {
	switch {
	case d == nil || !a.valid():
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	v := &View{store: d, ctx: ctx, entry: newAdmission(a)}
	defer func() { _ = v.visit.end() }() // also on panic; a View has no failures of its own: Load returns them
	if err := fn(v); err != nil {
		return err
	}
	_ = v.visit.end()
	if !v.loaded || len(v.queue) > 0 {
		return ErrNotLoaded
	}
	return nil
}

// Load sends the queue. Afterwards the results are in their places and Member is known. It returns ErrRefused,
// ErrNotMember or ErrForbidden before any result counts, ErrNotFound when a queued Get found nothing, ErrBusy and
// ErrUnavailable when trying again may help.
func (v *View) Load() error {
	release, err := v.hold()
	if err != nil {
		return err
	}
	defer release()
	queue := v.queue
	v.queue, v.loaded = nil, true
	return v.store.insist(v.ctx, &v.entry.actor, func(ctx context.Context) error { return v.send(ctx, queue) })
}

// hold is ErrClosed for a zero View and for one that escaped its function.
func (v *View) hold() (release func(), err error) {
	if v == nil || v.store == nil {
		return nil, ErrClosed
	}
	return v.visit.hold()
}

// Member is the actor as its tenant has it; zero before Load.
func (v *View) Member() Member {
	if v == nil || v.entry.err != nil {
		return Member{}
	}
	return v.entry.member
}

// Tenant is the id of the tenant that the View reads.
func (v *View) Tenant() uuid.UUID {
	if v == nil {
		return uuid.Nil
	}
	return v.entry.actor.tenant.ID
}

func (v *View) send(ctx context.Context, queue []queued) error {
	t := v.entry.actor.tenant
	way := depart(ctx, "view")
	way.carries(len(queue), func(i int) string { return queue[i].name })
	conn, home, err := v.store.connect(ctx, t)
	if err != nil {
		way.arrive(err)
		return homeless(err)
	}
	way.connected()
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, maxBefore+len(queue))}
	v.store.open(b, &v.entry, home, true)
	v.entry.queueMember(b)
	for _, q := range queue {
		b.Queue(q.sql, q.args...)
	}
	results := conn.SendBatch(v.store.counted(ctx, t), b)
	gate := b.Len() - len(queue) - 1 // what goes before the member
	read, err := v.receive(results, gate, queue)
	err = cmp.Or(err, results.Close()) // Close repeats what the server says
	if err != nil {
		for _, q := range queue[:read] {
			q.into.drop()
		}
	}
	if err == nil && errors.Is(v.entry.err, errNobody) {
		err = v.reason(ctx, conn, home)
	}
	settle(conn, err)
	way.arrive(err)
	if err != nil {
		return fmt.Errorf("view of %d queries%s: %w", len(queue), names(queue), classify(err))
	}
	return errors.Join(v.entry.err, firstAbsent(v.entry.err, queue))
}

// reason asks why there is no such member: the tenant is closed, or the person is not in it.
func (v *View) reason(ctx context.Context, conn *pgxpool.Conn, home place.Home) error {
	b := &pgx.Batch{}
	v.store.open(b, &v.entry, home, true)
	v.entry.queueActor(b)
	err := conn.SendBatch(v.store.counted(ctx, v.entry.actor.tenant), b).Close()
	if v.entry.err == nil {
		v.entry.err = ErrBusy // let in meanwhile: the rows were dropped
	}
	return err
}

// receive reads what comes back: of the gate's statements, of the one about the member, and of the queue. The rows of whoever
// is not admitted are left where they are. It returns how many queries have been read, or begun to.
func (v *View) receive(results pgx.BatchResults, gate int, queue []queued) (read int, err error) {
	for range gate {
		if _, err := results.Exec(); err != nil {
			return 0, err
		}
	}
	if err := receive(results, v.entry.readMember); err != nil || v.entry.err != nil {
		return 0, err
	}
	for i := range queue {
		if err := receive(results, queue[i].into.read); err != nil {
			return i + 1, err
		}
	}
	return len(queue), nil
}

// receive reads the rows of one statement.
func receive(results pgx.BatchResults, read func(pgx.Rows) error) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := read(rows); err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// firstAbsent is the first query that found nothing where something was needed, for an actor who was admitted.
func firstAbsent(refused error, queue []queued) error {
	if refused != nil {
		return nil
	}
	for _, q := range queue {
		if q.into.absent() {
			return fmt.Errorf("%s: %w", q.name, ErrNotFound)
		}
	}
	return nil
}

func names(queue []queued) string {
	s := ""
	for _, q := range queue {
		s += " " + q.name
	}
	return s
}

// homeless hides which of a tenant's coordinates is wrong: to the outside it is refused like any other.
func homeless(err error) error {
	if errors.Is(err, place.ErrUnknown) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// Get queues a query of at most one row for into, a struct with a db tag a column. Load reports ErrNotFound when there
// is none. $1 is the tenant: it is bound here, never by the caller, so args begin at $2.
func Get[T any](v *View, name, sql string, into *T, args ...any) {
	v.add(queued{name: name, sql: sql, args: args, into: &one[T]{into: into}})
}

// List queues a query for all its rows. into is replaced. $1 is the tenant, args begin at $2.
func List[T any](v *View, name, sql string, into *[]T, args ...any) {
	v.add(queued{name: name, sql: sql, args: args, into: list[T]{into}})
}

// Values queues a query of one column. into is replaced. $1 is the tenant, args begin at $2.
func Values[T any](v *View, name, sql string, into *[]T, args ...any) {
	List(v, name, sql, into, args...)
}

// usualQueue is how many queries a page has, and mostly more than it has.
const usualQueue = 6

// add binds the tenant as $1. On a View that is not in its function it is dropped; Load reports that.
func (v *View) add(q queued) {
	release, err := v.hold()
	if err != nil {
		return
	}
	defer release()
	if v.queue == nil {
		v.queue = make([]queued, 0, usualQueue)
	}
	q.args = append(append(make([]any, 0, 1+len(q.args)), v.entry.tenant), q.args...)
	v.queue = append(v.queue, q)
}
