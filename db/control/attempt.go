package control

import (
	"context"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// TryKind is how somebody tried to reach another tenant's data.
type TryKind string

// The kinds of tries.
const (
	ForeignID    TryKind = "foreign_id"    // an id of another tenant's row, in an address or a form
	ForeignForm  TryKind = "form"          // a form drawn for a tenant that the person is not in
	Switching    TryKind = "switch"        // a switch to such a tenant
	RefusedWrite TryKind = "refused_write" // a change that a role or a policy refused, in the person's own tenant
)

// What is tried at: rows of these kinds, whole organizations, or a page that is about no row.
const (
	EntityJob          = "job"
	EntityProposal     = "proposal"
	EntityImport       = "import"
	EntitySearch       = "search"
	EntityUndo         = "undo"
	EntityNote         = "note"
	EntityMember       = "member"
	EntityOrganization = "organization"
	EntityPage         = "page"
)

// Try is one try, or several of the same.
type Try struct {
	Person    string    // Clerk user id
	Own       uuid.UUID // where the person was working; zero: nowhere
	Kind      TryKind
	Entity    string
	ID        uuid.UUID // of the row or organization; zero when there is none
	RequestID string    // of the first
	At        time.Time // of the first
	Count     int64
}

// Owners finds whose each try's id is: as often the zero id as there is no such row. It asks as app_control, in every place.
func Owners(ctx context.Context, d *sealed.DB, tries []Try) ([]uuid.UUID, error) {
	owners := make([]uuid.UUID, len(tries))
	kinds, ids := make([]string, len(tries)), make([]uuid.UUID, len(tries))
	for i, t := range tries {
		kinds[i], ids[i] = t.Entity, t.ID
		switch {
		case t.Kind == RefusedWrite:
			owners[i] = t.Own
		case t.Entity == EntityOrganization:
			owners[i] = t.ID
		}
	}
	var found []struct {
		I     int        `db:"i"`
		Owner *uuid.UUID `db:"owner"`
	}
	for _, name := range d.Places() {
		err := sealed.Fenced(ctx, d, name, "control.owners", `
			SELECT n.i, public.owner_of(n.kind, n.id) AS owner
			FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS n (kind, id, i)`, &found, kinds, ids)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Owner != nil && owners[f.I-1] == uuid.Nil {
				owners[f.I-1] = *f.Owner
			}
		}
	}
	return owners, nil
}

// attemptRows is how many rows with a person a tried tenant gets within ten minutes. What comes then is counted in rows
// without one.
const attemptRows = 50

// Grouped is the group that a try was counted in.
type Grouped struct {
	ID     uuid.UUID `db:"id"`
	Tenant uuid.UUID `db:"tenant_id"`
	New    bool      `db:"new"`
	Closes time.Time `db:"closes"` // when nothing is counted in it any more
}

// AddTries counts tries in the groups of the tenants that they were tried at, and returns the groups. owners says whose
// each try's id is. A try at a tenant that the person is in, or at none, is no attempt.
func AddTries(ctx context.Context, t *sealed.ControlTx, tries []Try, owners []uuid.UUID) ([]Grouped, error) {
	var all []Grouped
	for i, x := range tries {
		if owners[i] == uuid.Nil {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		var one []Grouped
		err = sealed.ControlStore(ctx, t, "control.add_try", `
			WITH tried AS (
			  SELECT r.tenant_id, date_bin('10 minutes', now(), 'epoch') AS period FROM control.registry r
			  WHERE r.tenant_id = $2 AND ($4 = 'refused_write' OR NOT EXISTS (
			    SELECT FROM control.directory d WHERE d.clerk_user_id = $3 AND d.tenant_id = $2))),
			     named AS (
			  SELECT t.*, CASE WHEN count(a.id) < $11 OR bool_or(a.clerk_user_id = $3) THEN $3 ELSE '' END AS person
			  FROM tried t LEFT JOIN control.attempts a ON a.tenant_id = t.tenant_id AND a.period = t.period AND a.clerk_user_id <> ''
			  GROUP BY t.tenant_id, t.period)
			INSERT INTO control.attempts AS a (id, tenant_id, period, clerk_user_id, kind, entity, own_tenant_id, entity_id, request_id, count, first_at, last_at)
			SELECT $1, n.tenant_id, n.period, n.person, $4, $5, CASE WHEN n.person <> '' THEN $6::uuid END, $7::uuid, $8, $9, $10, $10 FROM named n
			ON CONFLICT (tenant_id, period, clerk_user_id, kind, entity) DO UPDATE
			SET count = a.count + excluded.count, last_at = greatest(a.last_at, excluded.last_at)
			RETURNING id, tenant_id, xmax = 0 AS new, period + interval '10 minutes' AS closes`,
			&one, id, owners[i], x.Person, string(x.Kind), x.Entity, orNull(x.Own), orNull(x.ID), x.RequestID, x.Count, x.At, attemptRows)
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// Telling is what a tenant is told of a group of tries.
type Telling struct {
	Tenant    place.Tenant
	Person    string // for RefusedWrite only: somebody of the tenant's own
	Kind      TryKind
	Entity    string
	EntityID  uuid.UUID
	Count     int64 // how many are told now; 0: there is nothing to tell
	At        time.Time
	RequestID string
}

// Tell settles how many tries of a group its tenant is told of now: the first time those that there are by then; the
// second time, when the group is closed, the rest. Asked again it answers the same. sealed.ErrNotFound: the group is gone.
func Tell(ctx context.Context, t *sealed.ControlTx, attempt uuid.UUID, rest bool) (Telling, error) {
	var rows []struct {
		registered
		Person    string     `db:"clerk_user_id"`
		Kind      TryKind    `db:"kind"`
		Entity    string     `db:"entity"`
		EntityID  *uuid.UUID `db:"entity_id"`
		Count     int64      `db:"told"`
		At        time.Time  `db:"at"`
		RequestID string     `db:"request_id"`
	}
	err := sealed.ControlStore(ctx, t, "control.tell", `
		UPDATE control.attempts a SET
		  told_first = coalesce(a.told_first, a.count),
		  told_rest = CASE WHEN $2 THEN coalesce(a.told_rest, a.count - coalesce(a.told_first, a.count)) ELSE a.told_rest END
		FROM control.registry r
		WHERE a.id = $1 AND r.tenant_id = a.tenant_id
		RETURNING r.tenant_id, r.isolation, r.place, r.epoch, CASE a.kind WHEN 'refused_write' THEN a.clerk_user_id ELSE '' END AS clerk_user_id,
		          a.kind, a.entity, a.entity_id, a.request_id,
		          CASE WHEN $2 THEN a.told_rest ELSE a.told_first END AS told, CASE WHEN $2 THEN a.last_at ELSE a.first_at END AS at`,
		&rows, attempt, rest)
	if err != nil {
		return Telling{}, err
	}
	if len(rows) == 0 {
		return Telling{}, sealed.ErrNotFound
	}
	r := rows[0]
	told := Telling{Tenant: r.tenant(), Person: r.Person, Kind: r.Kind, Entity: r.Entity, Count: r.Count, At: r.At, RequestID: r.RequestID}
	if r.EntityID != nil {
		told.EntityID = *r.EntityID
	}
	return told, nil
}

// AlertThreshold is how many tries within an hour are worth an alert.
const AlertThreshold = 20

// Alarming lists which of some tenants were tried at least AlertThreshold times within the last hour and have no alert that
// waits to be seen, with how often.
func Alarming(ctx context.Context, t *sealed.ControlTx, tenants []uuid.UUID) (map[uuid.UUID]int64, error) {
	var rows []struct {
		Tenant uuid.UUID `db:"tenant_id"`
		Count  int64     `db:"count"`
	}
	err := sealed.ControlList(ctx, t, "control.alarming", `
		SELECT a.tenant_id, sum(a.count)::bigint AS count
		FROM control.attempts a JOIN control.registry r USING (tenant_id)
		WHERE a.tenant_id = ANY ($1) AND a.period > now() - interval '1 hour' AND r.alert_at IS NULL
		GROUP BY a.tenant_id HAVING sum(a.count) >= $2`, &rows, tenants, AlertThreshold)
	all := make(map[uuid.UUID]int64, len(rows))
	for _, r := range rows {
		all[r.Tenant] = r.Count
	}
	return all, err
}

// Alert sets the hint for the banner: when the tenant's alert was raised that waits to be seen.
func Alert(ctx context.Context, t *sealed.ControlTx, tenant uuid.UUID, at time.Time) error {
	return sealed.ControlRecord(ctx, t, sealed.Exec("control.alert", `
		UPDATE control.registry SET alert_at = least(alert_at, $2) WHERE tenant_id = $1`, tenant, at))
}

// AlertSeen takes the hint of an alert that was raised before then away.
func AlertSeen(ctx context.Context, t *sealed.ControlTx, tenant uuid.UUID, before time.Time) error {
	return sealed.ControlRecord(ctx, t, sealed.Exec("control.alert_seen", `
		UPDATE control.registry SET alert_at = NULL WHERE tenant_id = $1 AND alert_at <= $2`, tenant, before))
}
