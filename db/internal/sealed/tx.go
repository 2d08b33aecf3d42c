package sealed

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/wire"
)

// Tx is one write transaction of one tenant. It can be neither committed nor kept by whoever gets it: Write commits when
// the function returns nil, and afterwards every use answers ErrClosed. The zero Tx does too.
type Tx struct {
	store   *DB
	ctx     context.Context
	conn    *pgxpool.Conn
	inner   pgx.Tx // nil until the first use
	refused error  // why it could not begin
	silent  bool   // its statements are not counted
	admit   admission
	audited bool
	locked  bool
	work    span
}

// writing is the isolation that the gate demands: an older snapshot could miss a flip of the fence.
var writing = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// Write runs fn in a transaction for a: BEGIN, the gate and the actor row go out in one round trip, together with the
// first read of fn when that comes first; then what else fn does, then COMMIT. It rolls back when fn fails or panics, when
// a statement failed although fn did not say so, when there is no audit row, and when COMMIT itself fails; it returns
// ErrUnaudited when something was written without one, and ErrInDoubt when the connection broke under COMMIT, so that
// nobody here knows what became of it.
//
// It returns ErrRefused, ErrNotMember, ErrForbidden or ErrReadOnly for whoever may not write, whatever fn says: fn may have
// been called, but every use of its Tx has failed with that, and no row was handed to it.
func (d *DB) Write(ctx context.Context, a Actor, fn func(context.Context, *Tx) error) error {
	switch {
	case d == nil || !a.valid():
		return ErrRefused
	case isInWrite(ctx):
		return ErrNested
	}
	t := &Tx{store: d, ctx: inWrite(ctx), admit: newAdmission(a)}
	return t.run(ctx, fn)
}

// run calls fn and ends the transaction and the use of its connection, whatever fn does.
func (t *Tx) run(ctx context.Context, fn func(context.Context, *Tx) error) (err error) {
	defer func() {
		failed := t.work.end()
		if t.inner == nil {
			return
		}
		// Also on panic; it does nothing after COMMIT. A failed rollback closes the connection.
		_ = t.inner.Rollback(context.WithoutCancel(ctx))
		settle(t.conn, cmp.Or(failed, err))
	}()
	err = fn(t.ctx, t)
	if refused := t.admitted(ctx); refused != nil {
		return refused // before anything that fn says
	}
	if err != nil {
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

// admitted is why the actor may not write, or nil. A transaction that was not used has not asked yet.
func (t *Tx) admitted(ctx context.Context) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	return t.begin(ctx, nil)
}

// commitTimeout is how long a COMMIT is waited for.
const commitTimeout = 10 * time.Second

// commit ends tx. Once COMMIT is under way it is not cancelled with its request: cutting it off would leave its outcome
// unknown.
func commit(ctx context.Context, tx pgx.Tx) (err error) {
	way := depart(ctx, "commit")
	defer func() { way.arrive(err) }()
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

// begin begins the transaction, once, with first behind the actor row unless it is nil. It returns what first failed with,
// or why there is no transaction.
func (t *Tx) begin(ctx context.Context, first *reading) error {
	if t.inner != nil || t.refused != nil {
		return t.refused
	}
	err := t.store.insist(ctx, &t.admit.actor, func(ctx context.Context) error { return t.open(ctx, first) })
	if t.inner == nil {
		t.refused = err
	}
	return err
}

// open sends BEGIN, the gate, the actor row and first, and judges.
func (t *Tx) open(ctx context.Context, first *reading) (err error) {
	way := depart(ctx, "begin")
	defer func() { way.arrive(err) }()
	a := t.admit.actor
	conn, home, err := t.store.connect(ctx, a.tenant)
	if err != nil {
		return homeless(err)
	}
	way.connected()
	b := &pgx.Batch{}
	b.BeginTx(writing)
	t.store.open(b, &t.admit, home, false)
	t.admit.queueActor(b)
	if first != nil {
		way.carries(1, func(int) string { return first.name })
		b.Queue(first.sql, first.args...).Query(func(rows pgx.Rows) error {
			if t.mayWrite() != nil {
				return nil // whatever was found is nothing to this actor
			}
			return first.scan(rows)
		})
	}
	results := conn.SendBatch(t.counted(ctx), b)
	inner := results.Tx()
	err = classify(results.Close())
	refused := t.mayWrite()
	if refused == nil && (err == nil || first != nil && !dead(err)) {
		t.conn, t.inner = conn, inner
		return err // of first: it ends like every statement that fails
	}
	_ = inner.Rollback(context.WithoutCancel(ctx))
	settle(conn, err)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return refused
}

func (t *Tx) mayWrite() error {
	switch {
	case t.admit.err != nil:
		return t.admit.err
	case !mayWrite(t.admit.state):
		return ErrReadOnly
	}
	return nil
}

// Member is the actor as its tenant has it; zero when the actor may not write, which the next statement and Write say.
func (t *Tx) Member() Member {
	if t == nil {
		return Member{}
	}
	release, err := t.hold()
	if err != nil {
		return Member{}
	}
	defer release()
	if t.work.fail(t.begin(t.ctx, nil)) != nil {
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
	if t == nil || t.store == nil {
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

// LockAll is Lock for any number of rows. A statement that orders them keeps two transactions from waiting for each other.
func LockAll[T any](ctx context.Context, t *Tx, name, sql string, into *[]T, args ...any) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	t.locked = true
	release()
	return FindAll(ctx, t, name, sql+" FOR NO KEY UPDATE", into, args...)
}

// FindAll reads rows in the transaction. $1 is the tenant, args begin at $2. A statement that writes is ErrUnaudited:
// Change is the door for it.
func FindAll[T any](ctx context.Context, t *Tx, name, sql string, into *[]T, args ...any) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	r := &reading{name: name, sql: sql, args: append([]any{t.Tenant()}, args...), scan: func(rows pgx.Rows) error {
		err := wire.Collect(rows, into)
		if err == nil && !rows.CommandTag().Select() {
			err = ErrUnaudited
		}
		return err
	}}
	if err := t.read(ctx, r); err != nil {
		return t.work.fail(fmt.Errorf("%s: %w", name, err))
	}
	return nil
}

// reading is one statement that reads.
type reading struct {
	name string
	sql  string
	args []any
	scan func(pgx.Rows) error
}

// read runs r: as a part of the first round trip when the transaction has not begun yet.
func (t *Tx) read(ctx context.Context, r *reading) error {
	if t.inner == nil {
		return t.begin(ctx, r)
	}
	way := depart(ctx, "find")
	way.carries(1, func(int) string { return r.name })
	rows, err := t.inner.Query(t.counted(ctx), r.sql, r.args...)
	if err == nil {
		err = r.scan(rows)
	}
	way.arrive(err)
	return classify(err)
}
