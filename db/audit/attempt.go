package audit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
)

// Attempt is a group of like tries to get at this organization's data from outside, or to change it without the right.
type Attempt struct {
	At       time.Time  `db:"at"`     // of the first
	Kind     string     `db:"kind"`   // foreign_id, switch, form, refused_write
	Entity   string     `db:"entity"` // job, proposal, import, organization, page
	EntityID *uuid.UUID `db:"entity_id"`
	Count    int64      `db:"count"`
	Actor    string     `db:"actor"` // a member's name, for refused_write; never that of somebody else
}

// Attempted is the event of a group of tries.
const Attempted = "isolation.attempt"

// Attempts queues what was tried since then, latest first, at most 200 groups. A group is told in up to two rows of the
// audit: its first try at once, and the rest when its ten minutes are over.
func Attempts(v *db.View, since time.Time, into *[]Attempt) {
	sealed.List(v, "audit.attempts", `
		SELECT min(a.created_at) AS at, a.detail->>'kind' AS kind, a.entity,
		       (array_agg(a.entity_id ORDER BY a.created_at, a.id))[1] AS entity_id,
		       sum((a.detail->>'count')::bigint)::bigint AS count, coalesce(max(u.name), '') AS actor
		FROM analytics a LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.actor_id AND u.tenant_id = $1
		WHERE a.tenant_id = $1 AND a.event = '`+Attempted+`' AND a.created_at >= $2
		GROUP BY a.detail->>'attempt', a.detail->>'kind', a.entity
		ORDER BY at DESC, kind, a.entity LIMIT 200`, into, since)
}

// Point is how many attempts there were from At on, until the next Point.
type Point struct {
	At    time.Time `db:"at"`
	Count int64     `db:"count"`
}

// AttemptsOverTime queues one Point for each step from since until now, also where nothing was tried.
func AttemptsOverTime(v *db.View, since time.Time, step time.Duration, into *[]Point) {
	sealed.List(v, "audit.attempts_over_time", `
		SELECT s.at, coalesce(a.count, 0) AS count
		FROM generate_series($2::timestamptz, now(), $3::interval) AS s (at)
		LEFT JOIN (
		  SELECT date_bin($3, created_at, $2) AS at, sum((detail->>'count')::bigint)::bigint AS count
		  FROM analytics WHERE tenant_id = $1 AND event = '`+Attempted+`' AND created_at >= $2 GROUP BY 1) a USING (at)
		ORDER BY s.at`, into, since, step)
}

// Tell records what the tenant of tx is told of a group of tries, once however often it is told: the first time, and with
// rest a second time. The worker does it.
func Tell(ctx context.Context, tx *db.Tx, attempt uuid.UUID, rest bool, t control.Telling) error {
	part := "first"
	if rest {
		part = "rest"
	}
	return sealed.Recount(ctx, tx, sealed.Past{
		Event: sealed.Event{Name: Attempted, Entity: t.Entity, ID: t.EntityID,
			Detail: map[string]any{"kind": t.Kind, "count": t.Count, "attempt": attempt}},
		Key: uuid.NewSHA1(attempt, []byte(part)), At: t.At, Person: t.Person, RequestID: t.RequestID,
	})
}
