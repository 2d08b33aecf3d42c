package control

import (
	"context"

	"upwork-ai-agent/db/internal/sealed"
)

// AttemptCount is how many tries of a kind there were.
type AttemptCount struct {
	Kind  TryKind `db:"kind"`
	Count int64   `db:"count"`
}

// AttemptCounts counts the tries at other tenants' data that were last made within the hour, of the whole installation.
func AttemptCounts(ctx context.Context, t *sealed.ControlTx, into *[]AttemptCount) error {
	return sealed.ControlList(ctx, t, "control.attempt_counts", `
		SELECT kind, sum(count)::bigint AS count FROM control.attempts
		WHERE last_at > now() - interval '1 hour' GROUP BY kind ORDER BY kind`, into)
}

// OpenAlerts counts the tenants with an alert that nobody there has seen.
func OpenAlerts(ctx context.Context, t *sealed.ControlTx) (int64, error) {
	var n struct {
		Count int64 `db:"count"`
	}
	err := sealed.ControlGet(ctx, t, "control.open_alerts", "SELECT count(*) AS count FROM control.registry WHERE alert_at IS NOT NULL", &n)
	return n.Count, err
}
