// Package alert holds an organization's notices for its administrators and owners.
package alert

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Alert is one notice.
type Alert struct {
	ID        uuid.UUID  `db:"id"`
	Kind      string     `db:"kind"`  // attempts
	Count     int64      `db:"count"` // attempts within the hour before it was raised
	CreatedAt time.Time  `db:"created_at"`
	SeenAt    *time.Time `db:"seen_at"`
	SeenBy    string     `db:"seen_by"` // a member's name; empty as long as nobody has
}

// List queues the alerts since then, latest first, at most 50.
func List(v *db.View, since time.Time, into *[]Alert) {
	sealed.List(v, "alert.list", `
		SELECT a.id, a.kind, a.count, a.created_at, a.seen_at, coalesce(u.name, '') AS seen_by
		FROM alerts a LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.seen_by AND u.tenant_id = $1
		WHERE a.tenant_id = $1 AND a.created_at >= $2
		ORDER BY a.created_at DESC, a.id DESC LIMIT 50`, into, since)
}

// Raise raises an alert of count attempts, unless one waits to be seen already or the last one is less than an hour old.
// Only the worker may. It tells when the oldest alert was raised that waits to be seen, if there is one, and whether that
// is new.
func Raise(ctx context.Context, tx *db.Tx, count int64) (at *time.Time, raised bool, err error) {
	var known []struct {
		Waits bool      `db:"waits"`
		At    time.Time `db:"created_at"`
	}
	err = sealed.FindAll(ctx, tx, "alert.known", `
		SELECT seen_at IS NULL AS waits, created_at FROM alerts
		WHERE tenant_id = $1 AND (seen_at IS NULL OR created_at > now() - interval '1 hour')
		ORDER BY seen_at IS NULL DESC, created_at LIMIT 1`, &known)
	if err != nil {
		return nil, false, err
	}
	if len(known) > 0 {
		if known[0].Waits {
			at = &known[0].At
		}
		return at, false, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, false, err
	}
	now := time.Now()
	return &now, true, sealed.Change(ctx, tx, sealed.Event{Name: "isolation.alert", Entity: "organization", ID: tx.Tenant(), Detail: map[string]any{"attempts": count}},
		sealed.Exec("alert.raise", `INSERT INTO alerts (tenant_id, id, kind, count, created_at) VALUES ($1, $2, 'attempts', $3, $4)`, id, count, now))
}

// See marks every alert as seen by the member of tx, and tells how many that were. When there was none, nothing is
// written.
func See(ctx context.Context, tx *db.Tx) (int, error) {
	var open []struct {
		ID uuid.UUID `db:"id"`
	}
	err := sealed.FindAll(ctx, tx, "alert.open", `SELECT id FROM alerts WHERE tenant_id = $1 AND seen_at IS NULL`, &open)
	if err != nil || len(open) == 0 {
		return 0, err
	}
	return len(open), sealed.Change(ctx, tx,
		sealed.Event{Name: "isolation.alerts_seen", Entity: "organization", ID: tx.Tenant(), Detail: map[string]any{"alerts": len(open)}},
		sealed.Exec("alert.see", `UPDATE alerts SET seen_at = now(), seen_by = $2 WHERE tenant_id = $1 AND seen_at IS NULL`, tx.Member().ID))
}
