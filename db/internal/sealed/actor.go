package sealed

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/internal/wire"
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
	ID    uuid.UUID `db:"id"`
	Name  string    `db:"name"`
	Email string    `db:"email"`
	Role  Role      `db:"role"`
}

// actorRow tells everything about an actor. No row: the context is refused, whatever the reason. A row without a user: not
// a member. It looks at the gate twice, once by itself and once through the policy of users.
const actorRow = `
	SELECT c.state, u.id, u.name, u.email, u.role
	FROM app.context c
	LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.clerk_id = $1 AND u.removed_at IS NULL`

// memberRow is a third cheaper: it finds a member, who needs no more to read, and says nothing of anybody else.
const memberRow = `
	SELECT u.id, u.name, u.email, u.role FROM users u
	WHERE u.tenant_id = $1 AND u.clerk_id = $2 AND u.removed_at IS NULL`

// admission reads the actor of a pipeline, behind the gate, and says whether the actor may go on. Nothing else decides who may
// act in a tenant.
type admission struct {
	actor  Actor
	tenant any // the id of the actor's tenant, as every statement has it for an argument
	member Member
	state  place.State // of the tenant; known after actorRow only
	err    error
}

func newAdmission(a Actor) admission { return admission{actor: a, tenant: a.tenant.ID} }

// errNobody says that memberRow found no member: actorRow knows why.
var errNobody = fmt.Errorf("nobody: %w", ErrRefused)

// queueMember asks for a member who wants to read. readMember reads the answer.
func (ad *admission) queueMember(b *pgx.Batch) {
	if ad.actor.worker {
		ad.queueActor(b)
		return
	}
	ad.member, ad.err = Member{}, errNobody
	b.Queue(memberRow, ad.tenant, ad.actor.clerk)
}

func (ad *admission) readMember(rows pgx.Rows) error {
	if ad.actor.worker {
		return ad.readActor(rows)
	}
	var found []Member
	if err := wire.Collect(rows, &found); err != nil || len(found) == 0 {
		return err
	}
	ad.member = found[0]
	ad.err = ad.judge()
	return nil
}

// queueActor asks for everything.
func (ad *admission) queueActor(b *pgx.Batch) {
	ad.member, ad.err = Member{}, ErrRefused
	b.Queue(actorRow, ad.actor.clerk).Query(ad.readActor)
}

func (ad *admission) readActor(rows pgx.Rows) error {
	if !rows.Next() {
		return nil
	}
	var (
		id                *uuid.UUID
		name, email, role *string
	)
	if err := rows.Scan(&ad.state, &id, &name, &email, &role); err != nil {
		return err
	}
	if id != nil {
		ad.member = Member{ID: *id, Name: *name, Email: *email, Role: Role(*role)}
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
