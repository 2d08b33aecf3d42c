package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/alert"
	"upwork-ai-agent/db/control"
)

// Isolation is what an organization does about attempts on its data.
type Isolation struct{ db *db.DB }

// NewIsolation wires the rules.
func NewIsolation(d *db.DB) *Isolation { return &Isolation{db: d} }

// SeeAlerts marks the alerts of a's organization as seen, and takes the banner away. The rows of the organization go first:
// when it stops between the two, the banner stays, and seeing it again takes it away. It returns how many alerts that were.
func (i *Isolation) SeeAlerts(ctx context.Context, a db.Actor, tenant uuid.UUID) (seen int, err error) {
	start := time.Now()
	err = i.db.Write(ctx, a, func(ctx context.Context, tx *db.Tx) (err error) {
		seen, err = alert.See(ctx, tx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return seen, i.db.Control(ctx, func(tx *db.ControlTx) error { return control.AlertSeen(ctx, tx, tenant, start) })
}
