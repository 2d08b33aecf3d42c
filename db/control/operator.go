package control

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// This file reads what an operator of the installation sees of all tenants: how they stand, never what is in them.

// TenantFilter chooses tenants. The zero filter is all of them, by name.
type TenantFilter struct {
	Query string      // a part of the name, or the whole id; empty: any
	State place.State // empty: any
	Sort  TenantSort  // unknown: by name
}

// TenantSort is an order of the list of tenants.
type TenantSort string

// The orders of the list of tenants. All but the first are largest, or latest, first.
const (
	ByName    TenantSort = "name"
	BySize    TenantSort = "size"
	ByCalls   TenantSort = "calls"
	ByRefused TenantSort = "refused"
	ByAge     TenantSort = "created"
)

// TenantLine is a tenant in the list.
type TenantLine struct {
	ID         uuid.UUID   `db:"tenant_id"`
	Name       string      `db:"name"`
	State      place.State `db:"state"`
	Isolation  place.Model `db:"isolation"`
	Place      string      `db:"place"`
	Epoch      int         `db:"epoch"`
	CreatedAt  time.Time   `db:"created_at"`
	Members    int         `db:"members"`
	Rows       int64       `db:"rows"`
	Bytes      int64       `db:"bytes"`       // of the rows, without indexes
	MeasuredAt *time.Time  `db:"measured_at"` // nil: not yet; then members, rows and bytes are 0
	Calls24h   int64       `db:"calls_24h"`
	Refused24h int64       `db:"refused_24h"` // writes and contexts
	LastActive *time.Time  `db:"last_active"` // to ten minutes; nil: not within 30 days
}

// TenantsLimit is how many tenants a list has at most.
const TenantsLimit = 200

// Tenants lists the tenants that f chooses, at most TenantsLimit.
func Tenants(ctx context.Context, t *sealed.ControlTx, f TenantFilter, into *[]TenantLine) error {
	return sealed.ControlList(ctx, t, "control.tenants", `
		SELECT r.tenant_id, r.name, coalesce(f.state, r.state) AS state, r.isolation, r.place, r.epoch, r.created_at,
		       coalesce(s.members, 0) AS members, coalesce(s.rows, 0) AS rows, coalesce(s.bytes, 0) AS bytes, s.measured_at,
		       coalesce(a.calls, 0) AS calls_24h, coalesce(a.refused, 0) AS refused_24h, l.period AS last_active
		FROM control.registry r
		LEFT JOIN app.fence f ON f.tenant_id = r.tenant_id AND r.place = 'main'
		LEFT JOIN control.sizes s ON s.tenant_id = r.tenant_id
		LEFT JOIN (
		  SELECT tenant_id, sum(calls)::bigint AS calls, sum(refused_writes + refused_contexts)::bigint AS refused
		  FROM control.activity WHERE period > now() - interval '24 hours' GROUP BY tenant_id) a ON a.tenant_id = r.tenant_id
		LEFT JOIN LATERAL (SELECT period FROM control.activity x WHERE x.tenant_id = r.tenant_id ORDER BY period DESC LIMIT 1) l ON true
		WHERE ($1 = '' OR position(lower($1) IN lower(r.name)) > 0 OR r.tenant_id::text = lower($1))
		  AND ($2 = '' OR coalesce(f.state, r.state) = $2)
		ORDER BY CASE $3 WHEN 'size' THEN s.bytes WHEN 'calls' THEN a.calls WHEN 'refused' THEN a.refused
		           WHEN 'created' THEN (extract(epoch FROM r.created_at) * 1000000)::bigint END DESC NULLS LAST,
		         lower(r.name), r.tenant_id
		LIMIT $4`, into, f.Query, string(f.State), string(f.Sort), TenantsLimit)
}

// ActivityPoint is what was counted from At on, until the next point.
type ActivityPoint struct {
	At      time.Time `db:"at"`
	Calls   int64     `db:"calls"`
	Rows    int64     `db:"rows"`
	Refused int64     `db:"refused"` // writes and contexts
}

// ActivityOverTime lists one point for each step from since until now, over all tenants, or one when tenant is not zero.
// Steps under ten minutes show gaps: activity is kept by ten minutes.
func ActivityOverTime(ctx context.Context, t *sealed.ControlTx, tenant uuid.UUID, since time.Time, step time.Duration, into *[]ActivityPoint) error {
	return sealed.ControlList(ctx, t, "control.activity_over_time", `
		SELECT s.at, coalesce(a.calls, 0) AS calls, coalesce(a.rows, 0) AS rows, coalesce(a.refused, 0) AS refused
		FROM generate_series($1::timestamptz, now(), $2::interval) AS s (at)
		LEFT JOIN (
		  SELECT date_bin($2, period, $1) AS at, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows,
		         sum(refused_writes + refused_contexts)::bigint AS refused
		  FROM control.activity WHERE period >= $1 AND ($3::uuid IS NULL OR tenant_id = $3) GROUP BY 1) a USING (at)
		ORDER BY s.at`, into, since, step, orNull(tenant))
}

// NoisyTenant is a tenant that is refused often, is tried often, or is busy.
type NoisyTenant struct {
	ID              uuid.UUID `db:"tenant_id"`
	Name            string    `db:"name"`
	Calls           int64     `db:"calls"`
	Rows            int64     `db:"rows"`
	RefusedWrites   int64     `db:"refused_writes"`
	RefusedContexts int64     `db:"refused_contexts"`
	Attempts        int64     `db:"attempts"` // on its data
}

// Noisy lists the limit noisiest tenants since then: what was refused and tried counts before what was merely done.
func Noisy(ctx context.Context, t *sealed.ControlTx, since time.Time, limit int, into *[]NoisyTenant) error {
	return sealed.ControlList(ctx, t, "control.noisy", `
		SELECT r.tenant_id, r.name, coalesce(a.calls, 0) AS calls, coalesce(a.rows, 0) AS rows,
		       coalesce(a.writes, 0) AS refused_writes, coalesce(a.contexts, 0) AS refused_contexts, coalesce(x.attempts, 0) AS attempts
		FROM control.registry r
		LEFT JOIN (
		  SELECT tenant_id, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows, sum(refused_writes)::bigint AS writes,
		         sum(refused_contexts)::bigint AS contexts
		  FROM control.activity WHERE period >= $1 GROUP BY tenant_id) a ON a.tenant_id = r.tenant_id
		LEFT JOIN (
		  SELECT tenant_id, sum(count)::bigint AS attempts
		  FROM control.attempts WHERE last_at >= $1 GROUP BY tenant_id) x ON x.tenant_id = r.tenant_id
		WHERE a.calls > 0 OR x.attempts > 0
		ORDER BY coalesce(a.writes, 0) + coalesce(a.contexts, 0) + coalesce(x.attempts, 0) DESC, coalesce(a.calls, 0) DESC, r.tenant_id
		LIMIT $2`, into, since, limit)
}

// AttemptLine is a group of like tries as the operator sees them: with the person.
type AttemptLine struct {
	ID        uuid.UUID  `db:"id"`
	FirstAt   time.Time  `db:"first_at"`
	LastAt    time.Time  `db:"last_at"`
	Tried     uuid.UUID  `db:"tenant_id"`
	TriedName string     `db:"tried_name"`
	Person    string     `db:"clerk_user_id"` // empty: the rest, of several persons
	Email     string     `db:"email"`         // as of the person's last sign-in
	Own       *uuid.UUID `db:"own_tenant_id"` // where the person was working
	OwnName   string     `db:"own_name"`
	Kind      string     `db:"kind"`
	Entity    string     `db:"entity"`
	EntityID  *uuid.UUID `db:"entity_id"` // of the first try
	Count     int64      `db:"count"`
	RequestID string     `db:"request_id"` // of the first try
}

// Attempts lists what was tried since then, latest first, at most 200 groups.
func Attempts(ctx context.Context, t *sealed.ControlTx, since time.Time, into *[]AttemptLine) error {
	return sealed.ControlList(ctx, t, "control.attempts", `
		SELECT a.id, a.first_at, a.last_at, a.tenant_id, r.name AS tried_name, a.clerk_user_id, coalesce(s.email, '') AS email,
		       a.own_tenant_id, coalesce(o.name, '') AS own_name, a.kind, a.entity, a.entity_id, a.count, a.request_id
		FROM control.attempts a
		JOIN control.registry r ON r.tenant_id = a.tenant_id
		LEFT JOIN control.registry o ON o.tenant_id = a.own_tenant_id
		LEFT JOIN LATERAL (
		  SELECT email FROM control.sessions x WHERE x.clerk_user_id = a.clerk_user_id ORDER BY created_at DESC LIMIT 1) s ON true
		WHERE a.last_at >= $1
		ORDER BY a.last_at DESC, a.id DESC LIMIT 200`, into, since)
}

// TaskFilter chooses tasks. The zero filter is all of them.
type TaskFilter struct {
	Before int64  // id of the last task of the page before; 0: from the latest on
	State  string // river's: available, scheduled, running, retryable, completed, cancelled, discarded; empty: any
	Kind   string // empty: any
}

// TaskLine is one task.
type TaskLine struct {
	ID          int64      `db:"id"`
	Kind        string     `db:"kind"`
	State       string     `db:"state"`
	Tenant      *uuid.UUID `db:"tenant_id"` // nil: of the installation
	TenantName  string     `db:"tenant_name"`
	Attempt     int        `db:"attempt"` // how often it was begun
	MaxAttempts int        `db:"max_attempts"`
	CreatedAt   time.Time  `db:"created_at"`
	ScheduledAt time.Time  `db:"scheduled_at"` // not begun before
	AttemptedAt *time.Time `db:"attempted_at"` // begun last
	FinalizedAt *time.Time `db:"finalized_at"`
	Error       string     `db:"error"` // of the last failure, for the operator; empty: none
}

// TasksPage is how many tasks a page of the list has.
const TasksPage = 50

// Tasks lists the tasks that f chooses, latest first: a page, and one more when there is a next one.
func Tasks(ctx context.Context, t *sealed.ControlTx, f TaskFilter, into *[]TaskLine) error {
	return sealed.ControlList(ctx, t, "control.tasks", `
		SELECT j.id, j.kind, j.state::text AS state, r.tenant_id, coalesce(r.name, '') AS tenant_name, j.attempt, j.max_attempts,
		       j.created_at, j.scheduled_at, j.attempted_at, j.finalized_at,
		       coalesce(j.errors[array_upper(j.errors, 1)]->>'error', '') AS error
		FROM control.river_job j
		LEFT JOIN control.registry r ON r.tenant_id::text = j.args->>'tenant'
		WHERE ($1 = '' OR j.state::text = $1) AND ($2 = '' OR j.kind = $2) AND ($3 = 0 OR j.id < $3)
		ORDER BY j.id DESC LIMIT $4`, into, f.State, f.Kind, f.Before, TasksPage+1)
}

// TaskCount is how many tasks of a kind are in a state.
type TaskCount struct {
	Kind  string `db:"kind"`
	State string `db:"state"`
	Count int64  `db:"count"`
}

// TaskCounts lists how many tasks of each kind are in each state. Finished tasks are kept for a day, failed ones a week.
func TaskCounts(ctx context.Context, t *sealed.ControlTx, into *[]TaskCount) error {
	return sealed.ControlList(ctx, t, "control.task_counts", `
		SELECT kind, state::text AS state, count(*) AS count FROM control.river_job GROUP BY 1, 2 ORDER BY 1, 2`, into)
}

func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
