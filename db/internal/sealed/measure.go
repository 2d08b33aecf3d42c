package sealed

import (
	"context"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/internal/tally"
	"upwork-ai-agent/db/place"
)

// This file is for measurements: what is counted of the statements, and the doors that store such counts. A measurement
// leaves no audit row, because nobody did anything, and is not counted itself, because it would never end.

// counted says that the next call into the driver is t's.
func (d *DB) counted(ctx context.Context, t place.Tenant) context.Context {
	if d.tally == nil {
		return ctx
	}
	return tally.In(ctx, t.ID)
}

func (t *Tx) counted(ctx context.Context) context.Context {
	if t.silent {
		return ctx
	}
	return t.store.counted(ctx, t.admit.actor.tenant)
}

// Drain takes what was counted since the last Drain, and how many calls found no room to be counted.
func Drain(d *DB) (counts []tally.Count, lost int64) {
	if d.tally == nil {
		return nil, 0
	}
	return d.tally.Drain()
}

// Record stores measurements in a's tenant, in one transaction. Only the worker may; $1 is the tenant.
func Record(ctx context.Context, d *DB, a Actor, statements ...Statement) error {
	switch {
	case d == nil || !a.valid():
		return ErrRefused
	case !a.worker:
		return ErrForbidden
	case isInWrite(ctx):
		return ErrNested
	}
	t := &Tx{store: d, ctx: inWrite(ctx), admit: newAdmission(a), silent: true, audited: true}
	return t.run(ctx, func(ctx context.Context, t *Tx) error {
		release, err := t.hold()
		if err != nil {
			return err
		}
		defer release()
		if err := t.begin(ctx, nil); err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, s := range statements {
			b.Queue(s.sql, append([]any{t.Tenant()}, s.args...)...)
		}
		return execAll(ctx, t.inner, b, statements, "a measurement")
	})
}

// ControlRecord stores measurements on the control plane.
func ControlRecord(ctx context.Context, t *ControlTx, statements ...Statement) error {
	release, err := t.hold()
	if err != nil {
		return err
	}
	defer release()
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	return t.stay.fail(execAll(ctx, t.plane, b, statements, "a measurement"))
}

// ControlStore stores a measurement on the control plane and reads what the statement returns.
func ControlStore[T any](ctx context.Context, t *ControlTx, name, sql string, into *[]T, args ...any) error {
	return ControlList(ctx, t, name, sql, into, args...)
}

// Refill gives back what was drained and could not be stored.
func Refill(d *DB, counts []tally.Count) {
	if d.tally != nil {
		d.tally.Refill(counts)
	}
}
