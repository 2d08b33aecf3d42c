// Package audit reads what was done in an organization. Nothing here writes: every change writes its own row, in its own
// transaction, on its way through the seam.
package audit

import (
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Entry is one row of the audit.
type Entry struct {
	ID        uuid.UUID      `db:"id"`
	Event     string         `db:"event"`
	Actor     string         `db:"actor"` // a member's name; empty for the worker
	Entity    string         `db:"entity"`
	EntityID  *uuid.UUID     `db:"entity_id"`
	RequestID string         `db:"request_id"`
	Detail    map[string]any `db:"detail"`
	CreatedAt time.Time      `db:"created_at"`
}

// Of queues what happened to one entity, latest first, at most 50. A change of many jobs names them in its detail; it is
// looked for among the latest 200 of those.
func Of(v *db.View, entity string, id uuid.UUID, into *[]Entry) {
	sealed.List(v, "audit.of", `
		SELECT a.id, a.event, coalesce(u.name, '') AS actor, a.entity, a.entity_id, a.request_id, a.detail, a.created_at
		FROM (
		  SELECT * FROM analytics WHERE tenant_id = $1 AND entity = $2 AND entity_id = $3
		  UNION ALL SELECT * FROM (
		    SELECT * FROM analytics WHERE tenant_id = $1 AND event IN ('jobs.triaged', 'jobs.assigned', 'jobs.undone')
		    ORDER BY created_at DESC LIMIT 200) s
		  WHERE $2 = 'job' AND s.detail->'ids' @> to_jsonb($3::uuid)) a
		LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.actor_id AND u.tenant_id = $1
		ORDER BY a.created_at DESC, a.id DESC LIMIT 50`, into, entity, id)
}
