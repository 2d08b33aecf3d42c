package sealed

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is one write transaction of one tenant. It can be neither committed nor kept by whoever gets it: Write commits when
// the function returns nil, and afterwards every use answers ErrClosed. The zero Tx does too.
type Tx struct {
	inner   pgx.Tx
	admit   admission
	audited bool
	locked  bool
	work    span
}

// writing is the isolation that the gate demands: an older snapshot could miss a flip of the fence.
var writing = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// Write runs fn in a transaction for a: BEGIN, the gate and the actor row in one round trip, then fn, then COMMIT. It
// rolls back when fn fails or panics, when a statement failed although fn did not say so, when there is no audit row,
// and when COMMIT itself fails; it returns ErrUnaudited when something was written without one, and ErrInDoubt when the
// connection broke under COMMIT, so that nobody here knows what became of it.
// It returns ErrRefused, ErrNotMember, ErrForbidden or ErrReadOnly without having called fn.
func (d *DB) Write(ctx context.Context, a Actor, fn func(context.Context, *Tx) error) error {
	switch {
	case d == nil || !a.valid():
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	var (
		conn *pgxpool.Conn
		tx   *Tx
	)
	err := d.insist(ctx, &a, func(ctx context.Context) (err error) {
		conn, tx, err = d.begin(ctx, a)
		return err
	})
	if err != nil {
		return err
	}
	return tx.run(ctx, conn, fn)
}

// run calls fn and ends the transaction and the use of conn, whatever fn does.
func (t *Tx) run(ctx context.Context, conn *pgxpool.Conn, fn func(context.Context, *Tx) error) (err error) {
	defer func() {
		failed := t.work.end()
		// Also on panic; it does nothing after COMMIT. A failed rollback closes the connection.
		_ = t.inner.Rollback(context.WithoutCancel(ctx))
		settle(conn, cmp.Or(failed, err))
	}()
	if err = fn(inWrite(ctx), t); err != nil {
		return err
	}
	if err = t.work.end(); err != nil {
		return err
	}
	if !t.audited {
		return t.checkUnwritten(ctx)
	}
	return commit(ctx, t.inner)
}

// commitTimeout is how long a COMMIT is waited for.
const commitTimeout = 10 * time.Second

// commit ends tx. Once COMMIT is under way it is not cancelled with its request: cutting it off would leave its outcome
// unknown.
func commit(ctx context.Context, tx pgx.Tx) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if tx.Conn().IsClosed() {
		return fmt.Errorf("commit: %w", ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", commitError(err))
	}
	return nil
}

// begin sends BEGIN, the gate and the actor row, and judges.
func (d *DB) begin(ctx context.Context, a Actor) (*pgxpool.Conn, *Tx, error) {
	conn, home, err := d.connect(ctx, a.tenant)
	if err != nil {
		return nil, nil, homeless(err)
	}
	tx := &Tx{admit: admission{actor: a}}
	b := &pgx.Batch{}
	b.BeginTx(writing)
	d.open(b, a.tenant, home, false)
	tx.admit.queue(b)
	results := conn.SendBatch(ctx, b)
	tx.inner = results.Tx()
	if err := results.Close(); err != nil {
		_ = tx.inner.Rollback(context.WithoutCancel(ctx))
		settle(conn, err)
		return nil, nil, fmt.Errorf("begin: %w", classify(err))
	}
	if err := tx.mayWrite(); err != nil {
		_ = tx.inner.Rollback(context.WithoutCancel(ctx))
		settle(conn, nil)
		return nil, nil, err
	}
	return conn, tx, nil
}

func (t *Tx) mayWrite() error {
	switch {
	case t.admit.err != nil:
		return t.admit.err
	case !mayWrite(t.admit.member.State):
		return ErrReadOnly
	}
	return nil
}

// Member is the actor as its tenant has it.
func (t *Tx) Member() Member {
	if t == nil {
		return Member{}
	}
	return t.admit.member
}

// Tenant is the id of the tenant that the transaction writes.
func (t *Tx) Tenant() uuid.UUID {
	if t == nil {
		return uuid.Nil
	}
	return t.admit.actor.tenant.ID
}

// hold is ErrClosed for a zero Tx and for one that escaped its function.
func (t *Tx) hold() (release func(), err error) {
	if t == nil || t.inner == nil {
		return nil, ErrClosed
	}
	return t.work.hold()
}

// Find reads at most one row in the transaction; ErrNotFound when there is none. $1 is the tenant, args begin at $2.
func Find[T any](ctx context.Context, t *Tx, name, sql string, into *T, args ...any) error {
	var all []T
	if err := FindAll(ctx, t, name, sql, &all, args...); err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	*into = all[0]
	return nil
}

// Lock is Find for a row that the transaction may change: nobody else changes it until the transaction ends.
func Lock[T any](ctx context.Context, t *Tx, name, sql string, into *T, args ...any) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	t.locked = true
	release()
	return Find(ctx, t, name, sql+" FOR NO KEY UPDATE", into, args...)
}

// FindAll reads rows in the transaction. $1 is the tenant, args begin at $2. A statement that writes is ErrUnaudited:
// Change is the door for it.
func FindAll[T any](ctx context.Context, t *Tx, name, sql string, into *[]T, args ...any) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	rows, err := t.inner.Query(ctx, sql, append([]any{t.Tenant()}, args...)...)
	if err == nil {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
	}
	if err == nil && !rows.CommandTag().Select() {
		err = ErrUnaudited
	}
	if err != nil {
		return t.work.fail(fmt.Errorf("%s: %w", name, classify(err)))
	}
	return nil
}
