package sealed

import (
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/place"
)

// Role is what a member may do in a tenant.
type Role string

// The roles, weakest first.
const (
	Viewer      Role = "viewer"
	MemberRole  Role = "member"
	Manager     Role = "manager"
	Admin       Role = "admin"
	Owner       Role = "owner"
	noRole      Role = ""
	anyRoleRank      = 0
)

var ranks = []Role{Viewer, MemberRole, Manager, Admin, Owner}

// AtLeast tells whether r includes what least may do. An unknown role includes nothing and is included in nothing.
func (r Role) AtLeast(least Role) bool {
	have, need := slices.Index(ranks, r), slices.Index(ranks, least)
	return need >= anyRoleRank && have >= need
}

// Actor is who does something in a tenant: a member with at least a certain role, or the worker. The zero Actor is
// nobody and is refused.
type Actor struct {
	tenant place.Tenant
	clerk  string
	least  Role
	worker bool
}

// NewMember is the person clerkUser in t, provided that the users row of t gives at least the role least.
// The session and the registry only say where to look; the row decides, in the transaction itself.
func NewMember(t place.Tenant, clerkUser string, least Role) Actor {
	return Actor{tenant: t, clerk: clerkUser, least: least}
}

// NewWorker is the background worker in t. It is made in db/task only.
func NewWorker(t place.Tenant) Actor { return Actor{tenant: t, worker: true} }

func (a Actor) valid() bool {
	return a.tenant.ID != uuid.Nil && a.worker != (a.clerk != "")
}

// Member is the actor as its tenant's row has it. The worker has no row: its ID is zero.
type Member struct {
	ID    uuid.UUID
	Name  string
	Email string
	Role  Role
	// State is the tenant's state: active, copying or read_only, the ones that may be read.
	State place.State
}

// actorRow is the second statement of every pipeline. No row: the context is refused, whatever the reason. A row
// without a user: not a member. Nothing else decides who may act here.
const actorRow = `
	SELECT c.state, u.id, u.name, u.email, u.role
	FROM app.context c
	LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.clerk_id = $1 AND u.removed_at IS NULL`

// admission reads the actor row of a pipeline and says whether the actor may go on.
type admission struct {
	actor  Actor
	member Member
	err    error
}

func (ad *admission) queue(b *pgx.Batch) {
	ad.member, ad.err = Member{}, ErrRefused
	b.Queue(actorRow, ad.actor.clerk).Query(ad.scan)
}

func (ad *admission) scan(rows pgx.Rows) error {
	if !rows.Next() {
		return nil
	}
	var (
		state             place.State
		id                *uuid.UUID
		name, email, role *string
	)
	if err := rows.Scan(&state, &id, &name, &email, &role); err != nil {
		return err
	}
	ad.member = Member{State: state}
	if id != nil {
		ad.member = Member{ID: *id, Name: *name, Email: *email, Role: Role(*role), State: state}
	}
	ad.err = ad.judge()
	return nil
}

func (ad *admission) judge() error {
	switch {
	case ad.actor.worker:
		return nil
	case ad.member.Role == noRole:
		return ErrNotMember
	case !ad.member.Role.AtLeast(ad.actor.least):
		return ErrForbidden
	}
	return nil
}
