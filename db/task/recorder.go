package task

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/hit"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/internal/tally"
)

// Recorder stores what this process has counted of its statements: each tenant's minutes in the tenant, the totals for the
// operator on the control plane. Every process that serves has one, whether it runs tasks or not.
type Recorder struct {
	store *db.DB
	log   *slog.Logger
	// owed is what is on the control plane already and not yet in its tenant.
	owed map[hitKey]*tally.Count
}

type hitKey struct {
	tenant           uuid.UUID
	minute           int64
	table, operation string
}

// maxOwed is how many counts are kept while they cannot be stored: about 15 MB.
const maxOwed = 50_000

// NewRecorder is the recorder of d.
func NewRecorder(d *db.DB, log *slog.Logger) *Recorder {
	return &Recorder{store: d, log: log, owed: map[hitKey]*tally.Count{}}
}

const (
	recordEvery = time.Minute
	recordLast  = 5 * time.Second // how long the last time may take, while everything is stopping
)

// Run stores the counts every minute until ctx ends, and a last time then.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.report(ctx, r.Flush(ctx))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLast)
			defer cancel()
			r.report(last, r.Flush(last))
			return
		}
	}
}

func (r *Recorder) report(ctx context.Context, err error) {
	if err != nil {
		r.log.WarnContext(ctx, "policy hits not stored; they are kept for the next minute", "error", err, "kept", len(r.owed))
	}
}

// Flush stores everything that was counted up to now. What could not be stored is kept for the next time, as far as there
// is room; what is dropped is logged. It is not for use by several goroutines.
func (r *Recorder) Flush(ctx context.Context) error {
	counts, lost := sealed.Drain(r.store)
	if lost > 0 {
		r.log.WarnContext(ctx, "policy hits not counted for want of room", "calls", lost)
	}
	tenants, err := r.total(ctx, counts)
	if err != nil {
		sealed.Refill(r.store, counts)
		return err
	}
	r.owe(ctx, counts)
	return r.pay(ctx, tenants)
}

// total stores the operator's totals, and returns where the tenants live that anything is owed to.
func (r *Recorder) total(ctx context.Context, counts []tally.Count) (tenants map[uuid.UUID]db.Tenant, err error) {
	ids := map[uuid.UUID]bool{}
	for k := range r.owed {
		ids[k.tenant] = true
	}
	totals := map[hitKey]*control.Activity{}
	for _, c := range counts {
		ids[c.Tenant] = true
		k := hitKey{tenant: c.Tenant, minute: c.Minute.Unix()}
		if totals[k] == nil {
			totals[k] = &control.Activity{Tenant: c.Tenant, At: c.Minute}
		}
		a := totals[k]
		a.Calls, a.Rows = a.Calls+c.Calls, a.Rows+c.Rows
		a.RefusedWrites, a.RefusedContexts = a.RefusedWrites+c.RefusedWrites, a.RefusedContexts+c.RefusedContexts
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all := make([]control.Activity, 0, len(totals))
	for _, a := range totals {
		all = append(all, *a)
	}
	err = r.store.Control(ctx, func(tx *db.ControlTx) (err error) {
		if tenants, err = control.Registered(ctx, tx, slices.Collect(maps.Keys(ids))); err == nil && len(all) > 0 {
			err = control.AddActivity(ctx, tx, all)
		}
		return err
	})
	return tenants, err
}

// owe notes counts that are to be stored in their tenants.
func (r *Recorder) owe(ctx context.Context, counts []tally.Count) {
	dropped := int64(0)
	for _, c := range counts {
		k := hitKey{c.Tenant, c.Minute.Unix(), c.Table, c.Operation}
		switch known := r.owed[k]; {
		case known != nil:
			known.Add(&c)
		case len(r.owed) >= maxOwed:
			dropped += c.Calls
		default:
			r.owed[k] = &c
		}
	}
	if dropped > 0 {
		r.log.WarnContext(ctx, "policy hits dropped: too many wait to be stored", "calls", dropped)
	}
}

// pay stores in each tenant what is owed to it. A tenant that is closed or unknown gets nothing: the operator's totals have
// it. What a database that is away or busy kept from being stored stays owed.
func (r *Recorder) pay(ctx context.Context, tenants map[uuid.UUID]db.Tenant) error {
	due := map[uuid.UUID][]tally.Count{}
	for k, c := range r.owed {
		due[k.tenant] = append(due[k.tenant], *c)
	}
	var failed []error
	for id, counts := range due {
		err := sealed.Record(ctx, r.store, sealed.NewWorker(tenants[id]), hit.Store(counts))
		if passing(err) {
			failed = append(failed, err)
			continue
		}
		if err != nil && !closed(err) {
			r.log.ErrorContext(ctx, "policy hits of a tenant cannot be stored; dropped", "tenant", id, "error", err)
		}
		for _, c := range counts {
			delete(r.owed, hitKey{c.Tenant, c.Minute.Unix(), c.Table, c.Operation})
		}
	}
	return errors.Join(failed...)
}

// closed tells whether a tenant takes no writes as it stands: suspended, moving, erased, unknown.
func closed(err error) bool { return errors.Is(err, db.ErrRefused) || errors.Is(err, db.ErrReadOnly) }

// passing tells whether trying again later may help.
func passing(err error) bool {
	for _, e := range []error{db.ErrUnavailable, db.ErrBusy, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
