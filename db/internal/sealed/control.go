package sealed

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ControlTx is one transaction on the control plane. Its role has no right on any tenant table. The zero ControlTx
// refuses everything, and so does one that escaped its function.
type ControlTx struct {
	plane pgx.Tx
	ended atomic.Bool
}

// Control runs fn in a transaction on the control plane and commits when it returns nil.
func (d *DB) Control(ctx context.Context, fn func(*ControlTx) error) (err error) {
	switch {
	case d == nil:
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	conn, err := acquire(ctx, d.control)
	if err != nil {
		return err
	}
	defer func() { settle(conn, err) }()
	inner, err := conn.BeginTx(ctx, writing)
	if err != nil {
		return fmt.Errorf("begin: %w", classify(err))
	}
	tx := &ControlTx{plane: inner}
	defer func() {
		tx.ended.Store(true)
		_ = inner.Rollback(context.WithoutCancel(ctx)) // does nothing after COMMIT
	}()
	if err = fn(tx); err != nil {
		return err
	}
	if err = inner.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", commitError(err))
	}
	return nil
}

func (t *ControlTx) usable() error {
	if t == nil || t.plane == nil || t.ended.Load() {
		return ErrClosed
	}
	return nil
}

// Peek reads one row of the control plane in one round trip, outside a transaction; ErrNotFound when there is none.
func Peek[T any](ctx context.Context, d *DB, name, sql string, into *T, args ...any) error {
	if isInWrite(ctx) {
		return ErrNested
	}
	one, err := peek[T](ctx, d, sql, args)
	if disconnected(err) && ctx.Err() == nil {
		one, err = peek[T](ctx, d, sql, args) // a read can be sent twice
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, classify(err))
	}
	*into = one
	return nil
}

func peek[T any](ctx context.Context, d *DB, sql string, args []any) (one T, err error) {
	conn, err := acquire(ctx, d.control)
	if err != nil {
		return one, err
	}
	defer func() { settle(conn, err) }()
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return one, err
	}
	return pgx.CollectOneRow(rows, pgx.RowToStructByName[T])
}

// ControlList reads rows of the control plane.
func ControlList[T any](ctx context.Context, t *ControlTx, name, sql string, into *[]T, args ...any) error {
	if err := t.usable(); err != nil {
		return err
	}
	rows, err := t.plane.Query(ctx, sql, args...)
	if err == nil {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, classify(err))
	}
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
	if err := t.usable(); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	b.Queue(insertEvent, id, e.Name, nonEmpty(e.Person), nonZero(e.Tenant), RequestID(ctx), detail(e.Detail))
	return execAll(ctx, t.plane, b, statements, e.Name)
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
