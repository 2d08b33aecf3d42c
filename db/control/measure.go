package control

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// Activity is what a tenant's statements came to within one minute.
type Activity struct {
	Tenant          uuid.UUID `json:"tenant_id"`
	At              time.Time `json:"at"`
	Calls           int64     `json:"calls"`
	Rows            int64     `json:"rows"`
	RefusedWrites   int64     `json:"refused_writes"`
	RefusedContexts int64     `json:"refused_contexts"`
}

// AddActivity adds to the totals of ten minutes that the operator sees.
func AddActivity(ctx context.Context, t *sealed.ControlTx, all []Activity) error {
	return sealed.ControlRecord(ctx, t, sealed.Exec("control.add_activity", `
		INSERT INTO control.activity AS a (tenant_id, period, calls, rows, refused_writes, refused_contexts)
		SELECT n.tenant_id, date_bin('10 minutes', n.at, 'epoch'), sum(n.calls), sum(n.rows), sum(n.refused_writes), sum(n.refused_contexts)
		FROM jsonb_to_recordset($1) AS n (tenant_id uuid, at timestamptz, calls bigint, rows bigint, refused_writes bigint, refused_contexts bigint)
		GROUP BY 1, 2 ORDER BY 1, 2
		ON CONFLICT (tenant_id, period) DO UPDATE SET
		  calls = a.calls + excluded.calls, rows = a.rows + excluded.rows,
		  refused_writes = a.refused_writes + excluded.refused_writes, refused_contexts = a.refused_contexts + excluded.refused_contexts`, all))
}

// Registered is where the registry says that some tenants live. Those that it does not know are missing.
func Registered(ctx context.Context, t *sealed.ControlTx, ids []uuid.UUID) (map[uuid.UUID]place.Tenant, error) {
	var rows []registered
	err := sealed.ControlList(ctx, t, "control.registered", `
		SELECT tenant_id, isolation, place, epoch FROM control.registry WHERE tenant_id = ANY ($1)`, &rows, ids)
	all := make(map[uuid.UUID]place.Tenant, len(rows))
	for _, r := range rows {
		all[r.ID] = r.tenant()
	}
	return all, err
}

// Size is how much a tenant keeps.
type Size struct {
	Members int64 `db:"members"`
	Rows    int64 `db:"rows"`
	Bytes   int64 `db:"bytes"` // of the rows, without indexes
}

// DueForCare lists the tenants that the worker has not visited for a day, longest ago first.
func DueForCare(ctx context.Context, t *sealed.ControlTx, limit int) ([]place.Tenant, error) {
	var rows []registered
	err := sealed.ControlList(ctx, t, "control.due_for_care", `
		SELECT r.tenant_id, r.isolation, r.place, r.epoch
		FROM control.registry r LEFT JOIN control.sizes s USING (tenant_id)
		WHERE s.visited_at IS NULL OR s.visited_at < now() - interval '24 hours'
		ORDER BY s.visited_at NULLS FIRST, r.tenant_id LIMIT $1`, &rows, limit)
	all := make([]place.Tenant, len(rows))
	for i, r := range rows {
		all[i] = r.tenant()
	}
	return all, err
}

// Measured records a visit to a tenant, with its size, or without one when it could not be measured: it is closed, say. It
// keeps the size of the last time then.
func Measured(ctx context.Context, t *sealed.ControlTx, tenant uuid.UUID, s *Size) error {
	if s == nil {
		return sealed.ControlRecord(ctx, t, sealed.Exec("control.visited", `
			INSERT INTO control.sizes (tenant_id, visited_at) VALUES ($1, now())
			ON CONFLICT (tenant_id) DO UPDATE SET visited_at = now()`, tenant))
	}
	return sealed.ControlRecord(ctx, t, sealed.Exec("control.measured", `
		INSERT INTO control.sizes (tenant_id, members, rows, bytes, measured_at, visited_at) VALUES ($1, $2, $3, $4, now(), now())
		ON CONFLICT (tenant_id) DO UPDATE SET members = excluded.members, rows = excluded.rows, bytes = excluded.bytes,
		  measured_at = now(), visited_at = now()`, tenant, s.Members, s.Rows, s.Bytes))
}

// Forget deletes what the operator's pages show no more: activity of more than 30 days ago, attempts of more than 90.
func Forget(ctx context.Context, t *sealed.ControlTx) error {
	return sealed.ControlRecord(ctx, t,
		sealed.Exec("control.forget_activity", `DELETE FROM control.activity WHERE period < now() - interval '30 days'`),
		sealed.Exec("control.forget_attempts", `DELETE FROM control.attempts WHERE last_at < now() - interval '90 days'`))
}
