package control

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// StateCount is how many organizations are in a state.
type StateCount struct {
	State place.State `db:"state"`
	Count int64       `db:"count"`
}

// CountStates counts the organizations by state, as Tenants tells it, for the operator. A state that none is in is left out.
func CountStates(ctx context.Context, t *sealed.ControlTx, into *[]StateCount) error {
	return sealed.ControlList(ctx, t, "control.states", `
		SELECT coalesce(f.state, r.state) AS state, count(*) AS count
		FROM control.registry r LEFT JOIN app.fence f ON f.tenant_id = r.tenant_id AND r.place = 'main'
		GROUP BY 1 ORDER BY count(*) DESC, 1`, into)
}

// Alerted is an organization with an alert that none of its administrators has seen.
type Alerted struct {
	ID   uuid.UUID `db:"tenant_id"`
	Name string    `db:"name"`
	At   time.Time `db:"alert_at"`
}

// AlertedTenants lists them, the longest waiting first, at most 20.
func AlertedTenants(ctx context.Context, t *sealed.ControlTx, into *[]Alerted) error {
	return sealed.ControlList(ctx, t, "control.alerted", `
		SELECT tenant_id, name, alert_at FROM control.registry WHERE alert_at IS NOT NULL ORDER BY alert_at, tenant_id LIMIT 20`, into)
}

// AttemptPoint is how many attempts on any organization there were from At on, until the next point.
type AttemptPoint struct {
	At    time.Time `db:"at"`
	Count int64     `db:"count"`
}

// AttemptsOverTime lists one point for each step since then in which something was tried. An attempt counts in the step in
// which its ten minutes began.
func AttemptsOverTime(ctx context.Context, t *sealed.ControlTx, since time.Time, step time.Duration, into *[]AttemptPoint) error {
	return sealed.ControlList(ctx, t, "control.attempts_over_time", `
		SELECT date_bin($2, period, $1) AS at, sum(count)::bigint AS count
		FROM control.attempts WHERE last_at >= $1 AND period >= $1 GROUP BY 1 ORDER BY 1`, into, since, step)
}
