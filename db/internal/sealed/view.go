package sealed

import (
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

// queued is one query with what becomes of its rows. scan must not fail for a missing row: any error in a batch makes
// pgx forget its prepared statements, so what is missing is reported by absent, after the batch.
type queued struct {
	name   string
	sql    string
	args   []any
	scan   func(pgx.Rows) error
	absent func() error
}

// Read runs fn on a View for a. fn queues and loads; Read refuses one that left the queue unsent.
func (d *DB) Read(ctx context.Context, a Actor, fn func(*View) error) error {
	switch {
	case d == nil || !a.valid():
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	v := &View{store: d, ctx: ctx, entry: admission{actor: a}}
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
	b := &pgx.Batch{}
	v.store.open(b, t, home, true)
	v.entry.queueMember(b)
	for _, q := range queue {
		b.Queue(q.sql, q.args...).Query(v.admitted(q.scan))
	}
	err = conn.SendBatch(v.store.counted(ctx, t), b).Close()
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
	t := v.entry.actor.tenant
	v.store.open(b, t, home, true)
	v.entry.queueActor(b)
	err := conn.SendBatch(v.store.counted(ctx, t), b).Close()
	if v.entry.err == nil {
		v.entry.err = ErrBusy // let in meanwhile: the rows were dropped
	}
	return err
}

// admitted drops the rows of whoever is not admitted, so that a forgotten error check shows nothing.
func (v *View) admitted(scan func(pgx.Rows) error) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		if v.entry.err != nil {
			return nil
		}
		return scan(rows)
	}
}

// firstAbsent is the first query that found nothing where something was needed, for an actor who was admitted.
func firstAbsent(refused error, queue []queued) error {
	if refused != nil {
		return nil
	}
	for _, q := range queue {
		if q.absent == nil {
			continue
		}
		if err := q.absent(); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
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
	found := false
	v.add(queued{name: name, sql: sql, args: args,
		scan: func(rows pgx.Rows) error {
			var one []T
			err := wire.Collect(rows, &one)
			if found = err == nil && len(one) > 0; found {
				*into = one[0]
			}
			return err
		},
		absent: func() error {
			if !found {
				return ErrNotFound
			}
			return nil
		}})
}

// List queues a query for all its rows. into is replaced. $1 is the tenant, args begin at $2.
func List[T any](v *View, name, sql string, into *[]T, args ...any) {
	v.add(queued{name: name, sql: sql, args: args, scan: func(rows pgx.Rows) error { return wire.Collect(rows, into) }})
}

// Values queues a query of one column. into is replaced. $1 is the tenant, args begin at $2.
func Values[T any](v *View, name, sql string, into *[]T, args ...any) {
	v.add(queued{name: name, sql: sql, args: args, scan: func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowTo[T])
		return err
	}})
}

// add binds the tenant as $1. On a View that is not in its function it is dropped; Load reports that.
func (v *View) add(q queued) {
	release, err := v.hold()
	if err != nil {
		return
	}
	defer release()
	q.args = append([]any{v.entry.actor.tenant.ID}, q.args...)
	v.queue = append(v.queue, q)
}
