package job

import (
	"context"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Lock reads a job and holds its row until the transaction ends; db.ErrNotFound when the tenant has none of that id.
func Lock(ctx context.Context, tx *db.Tx, id uuid.UUID) (Job, error) {
	var j Job
	err := sealed.Lock(ctx, tx, "job.lock", `
		SELECT `+columns+` FROM jobs WHERE tenant_id = $1 AND id = $2`, &j, id)
	return j, err
}

// Move changes the triage of a job that the transaction holds. The caller has asked CanMove.
func Move(ctx context.Context, tx *db.Tx, j Job, to Triage, reason string) error {
	return sealed.Change(ctx, tx,
		sealed.Event{Name: "job.triaged", Entity: "job", ID: j.ID, Detail: map[string]any{"from": j.Triage, "to": to, "title": j.Title}},
		sealed.ExecOne(db.ErrNotFound, "job.move", `
			UPDATE jobs SET triage = $3, skip_reason = $4, version = version + 1 WHERE tenant_id = $1 AND id = $2`, j.ID, to, reason))
}
