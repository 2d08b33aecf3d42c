package tally

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// visit is what a context carries: whose statements they are, since when they are under way and, for a statement on its own,
// which one it is. It belongs to one call into the driver, so nothing else changes it meanwhile.
type visit struct {
	tenant uuid.UUID
	now    *statement
	since  time.Time
}

type visitKey struct{}

// In says that what ctx is used for next, one call into the driver, is tenant's.
func In(ctx context.Context, tenant uuid.UUID) context.Context {
	return context.WithValue(ctx, visitKey{}, &visit{tenant: tenant})
}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// A Tally is the tracer of a tenant pool.
var (
	_ pgx.QueryTracer = (*Tally)(nil)
	_ pgx.BatchTracer = (*Tally)(nil)
)

// TraceQueryStart notes which statement is under way.
func (t *Tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if v := visitOf(ctx); v != nil {
		v.now, v.since = t.statements.of(data.SQL), time.Now()
	}
	return ctx
}

// TraceQueryEnd counts it.
func (t *Tally) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if v := visitOf(ctx); v != nil && v.now != nil {
		t.ended(v.tenant, v.now, v.since, data.CommandTag, data.Err)
	}
}

// TraceBatchStart notes when the batch sets out.
func (t *Tally) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	if v := visitOf(ctx); v != nil {
		v.since = time.Now()
	}
	return ctx
}

// TraceBatchQuery counts one statement of a batch, when its result has been read. Its time is what was waited for it, since the
// batch set out: results come together, so from the one before it there is often no time at all.
func (t *Tally) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if v := visitOf(ctx); v != nil {
		t.ended(v.tenant, t.statements.of(data.SQL), v.since, data.CommandTag, data.Err)
	}
}

// TraceBatchEnd does nothing.
func (t *Tally) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// insufficientPrivilege is what a policy's check and a missing grant answer.
const insufficientPrivilege = "42501"

func (t *Tally) ended(tenant uuid.UUID, s *statement, since time.Time, tag pgconn.CommandTag, err error) {
	if s.target == nil {
		return
	}
	now := time.Now()
	o := outcome{rows: tag.RowsAffected(), took: now.Sub(since)}
	if err != nil {
		var pg *pgconn.PgError
		o.refused = errors.As(err, &pg) && pg.Code == insufficientPrivilege
	}
	o.closed = s.gate && err == nil && o.rows == 0
	t.count(tenant, s.target, now, o)
}
