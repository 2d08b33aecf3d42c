package sealed

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/wire"
)

// ControlTx is one transaction on the control plane. Its role has no right on any tenant table. The zero ControlTx
// refuses everything, and so does one that escaped its function.
type ControlTx struct {
	plane pgx.Tx
	stay  span
}

// Control runs fn in a transaction on the control plane and commits when it returns nil.
func (d *DB) Control(ctx context.Context, fn func(*ControlTx) error) (err error) {
	switch {
	case d == nil:
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	var conn *pgxpool.Conn
	tx := &ControlTx{}
	err = again(ctx, func(ctx context.Context) (err error) {
		conn, tx.plane, err = d.beginControl(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		failed := tx.stay.end()
		_ = tx.plane.Rollback(context.WithoutCancel(ctx)) // does nothing after COMMIT
		settle(conn, cmp.Or(failed, err))
	}()
	if err = fn(tx); err != nil {
		return err
	}
	if err = tx.stay.end(); err != nil {
		return err
	}
	return commit(ctx, tx.plane)
}

func (d *DB) beginControl(ctx context.Context) (_ *pgxpool.Conn, _ pgx.Tx, err error) {
	way := depart(ctx, "begin")
	defer func() { way.arrive(err) }()
	conn, err := acquire(ctx, d.control)
	if err != nil {
		return nil, nil, err
	}
	way.connected()
	tx, err := conn.BeginTx(ctx, writing)
	if err != nil {
		settle(conn, err)
		return nil, nil, fmt.Errorf("begin: %w", classify(err))
	}
	return conn, tx, nil
}

// hold is ErrClosed for a zero ControlTx and for one that escaped its function.
func (t *ControlTx) hold() (release func(), err error) {
	if t == nil || t.plane == nil {
		return nil, ErrClosed
	}
	return t.stay.hold()
}

// Peek reads one row of the control plane in one round trip, outside a transaction; ErrNotFound when there is none.
func Peek[T any](ctx context.Context, d *DB, name, sql string, into *T, args ...any) error {
	if isInWrite(ctx) {
		return ErrNested
	}
	way := depart(ctx, "peek")
	way.carries(1, func(int) string { return name })
	all, err := query[T](ctx, d.control, sql, args)
	way.arrive(err)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*into = all[0]
	return nil
}

// ControlList reads rows of the control plane.
func ControlList[T any](ctx context.Context, t *ControlTx, name, sql string, into *[]T, args ...any) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	way := depart(ctx, "control")
	way.carries(1, func(int) string { return name })
	rows, err := t.plane.Query(ctx, sql, args...)
	if err == nil {
		err = wire.Collect(rows, into)
	}
	way.arrive(err)
	if err != nil {
		return t.stay.fail(fmt.Errorf("%s: %w", name, classify(err)))
	}
	return nil
}

// Fenced reads as app_control in a place, outside a transaction: what is beside the fence there, for the control plane only.
func Fenced[T any](ctx context.Context, d *DB, where, name, sql string, into *[]T, args ...any) error {
	pool, err := d.fenceOf(where)
	if err != nil {
		return err
	}
	all, err := query[T](ctx, pool, sql, args)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", name, where, err)
	}
	*into = all
	return nil
}

// ControlGet reads one row of the control plane; ErrNotFound when there is none.
func ControlGet[T any](ctx context.Context, t *ControlTx, name, sql string, into *T, args ...any) error {
	var all []T
	if err := ControlList(ctx, t, name, sql, &all, args...); err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	*into = all[0]
	return nil
}

// ControlEvent is what a row of control.events says.
type ControlEvent struct {
	Name   string
	Person string    // Clerk user id, or empty
	Tenant uuid.UUID // or zero
	Detail map[string]any
}

// ControlChange is the only door for writing on the control plane: statements and their event in one round trip.
func ControlChange(ctx context.Context, t *ControlTx, e ControlEvent, statements ...Statement) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	b.Queue(insertEvent, id, e.Name, nonEmpty(e.Person), nonZero(e.Tenant), RequestID(ctx), detail(e.Detail))
	return t.stay.fail(execAll(ctx, t.plane, b, statements, e.Name))
}

const insertEvent = `
	INSERT INTO control.events (id, event, clerk_user_id, tenant_id, request_id, detail)
	VALUES ($1, $2, $3, $4, $5, $6)`

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
