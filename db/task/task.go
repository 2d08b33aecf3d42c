// Package task does what no member does: work of the system itself in a tenant. It is the only maker of worker actors, so
// only what it runs acts without a member's row.
package task

import (
	"context"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Worker runs tasks. Web handlers have none.
type Worker struct{ store *db.DB }

// New is the worker of d.
func New(d *db.DB) *Worker { return &Worker{store: d} }

// Do runs fn in one write transaction of t as the worker, now. Its audit rows name no member.
func (w *Worker) Do(ctx context.Context, t db.Tenant, fn func(context.Context, *db.Tx) error) error {
	return w.store.Write(ctx, sealed.NewWorker(t), fn)
}

// Look runs fn on a View of t as the worker.
func (w *Worker) Look(ctx context.Context, t db.Tenant, fn func(*db.View) error) error {
	return w.store.Read(ctx, sealed.NewWorker(t), fn)
}
