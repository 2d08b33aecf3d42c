package sealed

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/place"
)

// Event is what an audit row says: what happened ("job.triaged"), to which entity ("job"), and details that are safe to
// show to the tenant's own administrators.
type Event struct {
	Name   string
	Entity string
	ID     uuid.UUID // of the entity; zero when the event concerns many
	Detail map[string]any
	Once   uuid.UUID // key of the audit row: one row stands for all changes with this key. Zero: every change has its own
}

// Statement is one statement of a change.
type Statement struct {
	name  string
	sql   string
	args  []any
	exact error // returned unless exactly one row was affected; nil: any number
}

// Exec is a statement that may affect any number of rows. $1 is the tenant, args begin at $2.
func Exec(name, sql string, args ...any) Statement {
	return Statement{name: name, sql: sql, args: args}
}

// ExecOne is a statement that affects exactly one row, or the change fails with otherwise: ErrNotFound, ErrConflict.
func ExecOne(otherwise error, name, sql string, args ...any) Statement {
	return Statement{name: name, sql: sql, args: args, exact: otherwise}
}

// Change is the only door for writing: it sends statements and the audit row of e in one round trip.
func Change(ctx context.Context, t *Tx, e Event, statements ...Statement) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	if err := t.begin(ctx, nil); err != nil {
		return t.work.fail(err)
	}
	id, insert := e.Once, insertAudit+insertOnce
	if id == uuid.Nil {
		if id, err = uuid.NewV7(); err != nil {
			return err
		}
		insert = insertAudit
	}
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, append([]any{t.Tenant()}, s.args...)...)
	}
	b.Queue(insert, t.Tenant(), id, e.Name, t.actorID(), e.Entity, nonZero(e.ID), RequestID(ctx), detail(e.Detail))
	if err := execAll(t.counted(ctx), t.inner, b, statements, e.Name); err != nil {
		return t.work.fail(err)
	}
	t.audited = true
	return nil
}

const insertAudit = `
	INSERT INTO analytics (tenant_id, id, event, actor_id, entity, entity_id, request_id, detail)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// insertOnce leaves the row that is there as it is.
const insertOnce = ` ON CONFLICT (tenant_id, id) DO NOTHING`

// Past is an Event that happened outside the transaction that records it, and that may be recorded more than once.
type Past struct {
	Event
	Key       uuid.UUID // of the audit row: one that is there already stays as it is
	At        time.Time
	Person    string // Clerk user id of a member of this tenant; empty or anybody else: no actor
	RequestID string
}

// Recount is Change for what happened earlier. Only the worker may.
func Recount(ctx context.Context, t *Tx, e Past, statements ...Statement) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	if err := t.begin(ctx, nil); err != nil {
		return t.work.fail(err)
	}
	if !t.admit.actor.worker {
		return t.work.fail(ErrForbidden)
	}
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, append([]any{t.Tenant()}, s.args...)...)
	}
	b.Queue(insertPast, t.Tenant(), e.Key, e.Name, e.Person, e.Entity, nonZero(e.ID), e.RequestID, detail(e.Detail), e.At)
	if err := execAll(t.counted(ctx), t.inner, b, statements, e.Name); err != nil {
		return t.work.fail(err)
	}
	t.audited = true
	return nil
}

const insertPast = `
	INSERT INTO analytics (tenant_id, id, event, actor_id, entity, entity_id, request_id, detail, created_at)
	VALUES ($1, $2, $3, (SELECT u.id FROM users u WHERE u.tenant_id = $1 AND u.clerk_id = $4), $5, $6, $7, $8, $9)` + insertOnce

// execAll sends statements with their audit row behind them, and counts.
func execAll(ctx context.Context, tx pgx.Tx, b *pgx.Batch, statements []Statement, event string) (err error) {
	way := depart(ctx, "change")
	way.carries(len(statements), func(i int) string { return statements[i].name })
	defer func() { way.arrive(err) }()
	results := tx.SendBatch(ctx, b)
	affected := make([]int64, len(statements))
	for i := range statements {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close() // repeats err
			return fmt.Errorf("%s: %w", statements[i].name, classify(err))
		}
		affected[i] = tag.RowsAffected()
	}
	if err := results.Close(); err != nil {
		return fmt.Errorf("audit of %s: %w", event, classify(err))
	}
	for i, s := range statements {
		if s.exact != nil && affected[i] != 1 {
			return fmt.Errorf("%s: %w", s.name, s.exact)
		}
	}
	return nil
}

// checkUnwritten is asked of a transaction that recorded nothing. It is rolled back in any case, so a write without an
// audit row is never stored; here its author is told. After Lock the server cannot tell: locking a row takes a
// transaction id, as writing does.
func (t *Tx) checkUnwritten(ctx context.Context) error {
	if t.locked {
		return nil
	}
	var wrote bool
	if err := t.inner.QueryRow(ctx, "SELECT pg_current_xact_id_if_assigned() IS NOT NULL").Scan(&wrote); err != nil {
		return fmt.Errorf("audit check: %w", classify(err))
	}
	if wrote {
		return ErrUnaudited
	}
	return nil
}

func (t *Tx) actorID() *uuid.UUID { return nonZero(t.admit.member.ID) }

func nonZero(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func detail(d map[string]any) map[string]any {
	if d == nil {
		return map[string]any{}
	}
	return d
}

func mayWrite(s place.State) bool { return place.States[s].Write }
