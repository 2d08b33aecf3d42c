package task

import (
	"context"
	"errors"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/audit"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/organization"
)

// tell tells a tenant of a group of tries. Done again, it tells the same, and nothing is written twice.
func (r *Runner) tell(ctx context.Context, a tellAttempt) error {
	var t control.Telling
	err := r.store.Control(ctx, func(tx *db.ControlTx) (err error) {
		t, err = control.Tell(ctx, tx, a.Attempt, a.Rest)
		return err
	})
	if errors.Is(err, db.ErrNotFound) || err == nil && t.Count == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Do(ctx, t.Tenant, func(ctx context.Context, tx *db.Tx) error { return audit.Tell(ctx, tx, a.Attempt, a.Rest, t) })
}

// alarm raises an alert, and then sets the hint for the banner.
func (r *Runner) alarm(ctx context.Context, a raiseAlert) error {
	tenant, err := control.Tenant(ctx, r.store, a.Tenant)
	if err != nil {
		return err
	}
	var (
		at     *time.Time
		raised bool
	)
	err = r.Do(ctx, tenant, func(ctx context.Context, tx *db.Tx) (err error) {
		at, raised, err = alert.Raise(ctx, tx, a.Count)
		return err
	})
	if err != nil || at == nil {
		return err
	}
	if raised {
		r.log.WarnContext(ctx, "many attempts at a tenant's data", "tenant", a.Tenant, "attempts", a.Count)
	}
	return r.store.Control(ctx, func(tx *db.ControlTx) error { return control.Alert(ctx, tx, a.Tenant, *at) })
}

const (
	careBatch  = 100
	careBudget = longTimeout - time.Minute // the next round goes on where this one stopped
)

// tend visits the tenants that are due.
func (r *Runner) tend(ctx context.Context, _ tendTenants) error {
	for start := time.Now(); time.Since(start) < careBudget; {
		var due []db.Tenant
		err := r.store.Control(ctx, func(tx *db.ControlTx) (err error) {
			due, err = control.DueForCare(ctx, tx, careBatch)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for _, t := range due {
			if err := r.visit(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// visit deletes what t keeps no longer, measures it, and notes both. A tenant that cannot be visited is noted too, so that
// it does not keep the others waiting.
func (r *Runner) visit(ctx context.Context, t db.Tenant) error {
	size, err := r.care(ctx, t)
	if ctx.Err() != nil || errors.Is(err, db.ErrUnavailable) {
		return err
	}
	if err != nil && !closed(err) {
		r.log.WarnContext(ctx, "tenant not measured", "tenant", t.ID, "error", err)
	}
	return r.store.Control(ctx, func(tx *db.ControlTx) error { return control.Measured(ctx, tx, t.ID, size) })
}

func (r *Runner) care(ctx context.Context, t db.Tenant) (*control.Size, error) {
	if err := sealed.Record(ctx, r.store, sealed.NewWorker(t), hit.Forget()); err != nil {
		return nil, err
	}
	tables, err := organization.Tables(ctx, r.store, t.Place)
	if err != nil {
		return nil, err
	}
	whole := control.Size{}
	for _, k := range tables { // one at a time: each may take as long as a statement may
		var part []control.Size
		err := r.Look(ctx, t, func(v *db.View) error {
			organization.Measure(v, k, &part)
			return v.Load()
		})
		if err != nil {
			return nil, err
		}
		whole.Members, whole.Rows, whole.Bytes = whole.Members+part[0].Members, whole.Rows+part[0].Rows, whole.Bytes+part[0].Bytes
	}
	return &whole, nil
}

func (r *Runner) forget(ctx context.Context, _ forgetActivity) error {
	return r.store.Control(ctx, func(tx *db.ControlTx) error { return control.Forget(ctx, tx) })
}

// proofAge is how old the last proof is before the next one is made: a restart alone is no reason.
const proofAge = 50 * time.Minute

func (r *Runner) proof(ctx context.Context, _ proveIsolation) error {
	last, err := control.LatestProof(ctx, r.store)
	if err == nil && time.Since(last.At) < proofAge {
		return nil
	}
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return err
	}
	return r.prove(ctx)
}
