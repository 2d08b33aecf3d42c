package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/organization"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/task"
)

// Organizations keeps tenants in step with Clerk's organizations, and makes new ones.
type Organizations struct {
	db     *db.DB
	worker *task.Worker
	clerk  *clerk.Client
	log    *slog.Logger
}

// NewOrganizations wires the rules.
func NewOrganizations(d *db.DB, c *clerk.Client, log *slog.Logger) *Organizations {
	return &Organizations{db: d, worker: task.New(d), clerk: c, log: log}
}

// maxName is the longest name of an organization, in characters.
const maxName = 100

// SignIn brings the person of a verified token in step: their name, and which tenants they are in. It returns the tenant
// to begin with: wanted if they are in it, else the token's organization, else the one last used, else none. Authority is
// not decided here: each tenant's users row is written, and read again by every request.
func (o *Organizations) SignIn(ctx context.Context, claims *clerk.Claims, wanted uuid.UUID) (control.Person, uuid.UUID, error) {
	who, err := o.clerk.Person(ctx, claims.Subject)
	if err != nil {
		return control.Person{}, uuid.Nil, clerkError(err)
	}
	memberships, err := o.clerk.Memberships(ctx, claims.Subject)
	if err != nil {
		return control.Person{}, uuid.Nil, clerkError(err)
	}
	person := control.Person{ClerkUser: who.ID, ClerkSession: claims.SessionID, Email: who.Email, Name: displayName(who)}
	tenants, err := o.sync(ctx, person, memberships)
	if err != nil {
		return person, uuid.Nil, err
	}
	for _, t := range tenants {
		if t == wanted {
			return person, t, nil
		}
	}
	if t, ok := tenants[claims.OrgID]; ok {
		return person, t, nil
	}
	return person, o.lastUsed(ctx, person), nil
}

func displayName(p clerk.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// lastUsed is the tenant that the person worked in last; none when that cannot be told.
func (o *Organizations) lastUsed(ctx context.Context, p control.Person) uuid.UUID {
	var list []control.Organization
	err := o.db.Control(ctx, func(tx *db.ControlTx) error {
		return control.Organizations(ctx, tx, p.ClerkUser, "", &list)
	})
	if err != nil || len(list) == 0 {
		return uuid.Nil
	}
	return list[0].ID
}

// sync makes the person's directory and member rows say what Clerk says, and returns the tenants by organization.
func (o *Organizations) sync(ctx context.Context, p control.Person, memberships []clerk.Membership) (map[string]uuid.UUID, error) {
	var known []control.Known
	if err := o.db.Control(ctx, func(tx *db.ControlTx) error { return control.Directory(ctx, tx, p.ClerkUser, &known) }); err != nil {
		return nil, err
	}
	gone := map[string]control.Known{}
	for _, k := range known {
		gone[k.ClerkOrg] = k
	}
	tenants := map[string]uuid.UUID{}
	for _, m := range memberships {
		t, err := o.join(ctx, p, m, gone[m.OrganizationID])
		if err != nil {
			return nil, err
		}
		tenants[m.OrganizationID] = t.ID
		delete(gone, m.OrganizationID)
	}
	for _, k := range gone {
		if err := o.leave(ctx, p, k); err != nil {
			return nil, err
		}
	}
	return tenants, nil
}

// join makes p a member of the tenant of one membership. known is what the directory has of it, or zero. Every step can
// be done again, so whatever was interrupted is finished at the next sign-in.
func (o *Organizations) join(ctx context.Context, p control.Person, m clerk.Membership, known control.Known) (db.Tenant, error) {
	t := known.Tenant()
	if known.Name != clip(m.OrganizationName) || known.Slug != m.Slug {
		var err error
		if t, err = o.register(ctx, m.OrganizationID, m.OrganizationName, m.Slug, p.ClerkUser); err != nil {
			return t, err
		}
	}
	role, err := o.put(ctx, t, p, m)
	if unopened(err) {
		o.log.WarnContext(ctx, "tenant not in step", "tenant", t.ID, "cause", err)
		return t, nil
	}
	if err != nil || known.Role == string(role) {
		return t, err
	}
	return t, o.db.Control(ctx, func(tx *db.ControlTx) error { return control.Enter(ctx, tx, p.ClerkUser, t.ID, role) })
}

// unopened tells whether a tenant is closed at the moment: suspended, moving, erased. Its rows wait.
func unopened(err error) bool { return errors.Is(err, db.ErrRefused) || errors.Is(err, db.ErrReadOnly) }

// register makes the tenant of an organization known and its home ready.
func (o *Organizations) register(ctx context.Context, org, name, slug, person string) (t db.Tenant, err error) {
	err = o.db.Control(ctx, func(tx *db.ControlTx) (err error) {
		t, err = control.Register(ctx, tx, org, clip(name), slug, person)
		return err
	})
	if err != nil {
		return t, err
	}
	if err := o.db.Provision(ctx, t); err != nil {
		return t, err
	}
	if err := o.db.RaiseFence(ctx, t, place.Active); err != nil {
		return t, err
	}
	err = o.worker.Do(ctx, t, func(ctx context.Context, tx *db.Tx) error { return organization.Put(ctx, tx, clip(name)) })
	if unopened(err) {
		err = nil
	}
	return t, err
}

// put writes the member row when it says anything else, and returns the role that it says now.
func (o *Organizations) put(ctx context.Context, t db.Tenant, p control.Person, m clerk.Membership) (role db.Role, err error) {
	err = o.worker.Do(ctx, t, func(ctx context.Context, tx *db.Tx) error {
		old, err := member.Find(ctx, tx, p.ClerkUser)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return err
		}
		role = roleOf(m, p.ClerkUser, old)
		if err == nil && !old.Removed && old.Role == role && old.Name == p.Name && old.Email == strings.ToLower(p.Email) {
			return nil
		}
		return member.Put(ctx, tx, p.ClerkUser, p.Email, p.Name, role)
	})
	return role, err
}

// roles maps Clerk's role keys to ours. An unknown one gets the least.
var roles = map[string]db.Role{
	"org:admin": db.Admin, "org:manager": db.Manager, "org:member": db.MemberRole, "org:viewer": db.Viewer,
}

// roleOf is what a membership means here. Clerk has administrators only; the one who made the organization is its owner,
// and stays it as long as Clerk says administrator.
func roleOf(m clerk.Membership, person string, old member.Row) db.Role {
	role, ok := roles[m.Role]
	if !ok {
		return db.Viewer
	}
	if role == db.Admin && (m.CreatedBy == person || old.Role == db.Owner) {
		return db.Owner
	}
	return role
}

// leave takes away what Clerk no longer says. The member row goes first: it is the one that counts.
func (o *Organizations) leave(ctx context.Context, p control.Person, k control.Known) error {
	err := o.worker.Do(ctx, k.Tenant(), func(ctx context.Context, tx *db.Tx) error { return member.Remove(ctx, tx, p.ClerkUser) })
	if err != nil && !unopened(err) {
		return err
	}
	return o.db.Control(ctx, func(tx *db.ControlTx) error { return control.Leave(ctx, tx, p.ClerkUser, k.Tenant().ID) })
}

// Invitation is an organization that waits for a person's answer.
type Invitation struct {
	Organization string
	Role         db.Role
	URL          string // on Clerk's host, where it is accepted; may be empty
}

// Invitations lists what a person is invited to. It asks Clerk, which keeps them. It returns an Error with Unavailable when
// Clerk does not answer.
func (o *Organizations) Invitations(ctx context.Context, person string) ([]Invitation, error) {
	list, err := o.clerk.Invitations(ctx, person)
	if err != nil {
		return nil, clerkError(err)
	}
	all := make([]Invitation, len(list))
	for i, v := range list {
		all[i] = Invitation{Organization: v.OrganizationName, Role: roleOf(clerk.Membership{Role: v.Role}, person, member.Row{}), URL: v.URL}
	}
	return all, nil
}

// Create makes an organization at Clerk and its tenant here, with p as its owner. It returns an Error for a name that
// cannot be taken, and one with Unavailable when Clerk does not answer. When it is interrupted after Clerk has made the
// organization, the next sign-in finishes it.
func (o *Organizations) Create(ctx context.Context, p control.Person, name string) (uuid.UUID, error) {
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return uuid.Nil, field("name", "Give the organization a name.")
	case n > maxName:
		return uuid.Nil, field("name", "Keep the name under 100 characters.")
	}
	made, err := o.clerk.CreateOrganization(ctx, name, p.ClerkUser)
	if err != nil {
		return uuid.Nil, clerkError(err)
	}
	t, err := o.join(ctx, p, clerk.Membership{OrganizationID: made.ID, OrganizationName: made.Name, Slug: made.Slug,
		Role: "org:admin", CreatedBy: p.ClerkUser}, control.Known{})
	return t.ID, err
}

// OpenSession makes the server row of a new session, and ends the one that the same browser had before, if any. issued is
// when the token was that vouches for p: control.ErrEnded when p has signed out since.
func (o *Organizations) OpenSession(ctx context.Context, sid control.SID, before *control.SID, p control.Person, issued, now time.Time) error {
	return o.db.Control(ctx, func(tx *db.ControlTx) error {
		if err := control.Vouched(ctx, tx, p, issued); err != nil {
			return err
		}
		if before != nil {
			if err := control.Replace(ctx, tx, *before, p.ClerkUser); err != nil {
				return err
			}
		}
		return control.SignIn(ctx, tx, sid, p, now)
	})
}

// CloseSession ends a session here, which holds at once, and then at Clerk, so that its hosted pages ask again. When Clerk
// does not answer, the person is signed out of this app all the same.
func (o *Organizations) CloseSession(ctx context.Context, sid control.SID, p control.Person) error {
	err := o.db.Control(ctx, func(tx *db.ControlTx) error { return control.SignOut(ctx, tx, sid, p.ClerkUser) })
	if err != nil {
		return err
	}
	if err := o.clerk.RevokeSession(ctx, p.ClerkSession); err != nil {
		o.log.WarnContext(ctx, "session not ended at Clerk", "person", p.ClerkUser, "cause", err)
	}
	return nil
}

// MoveSession makes tenant the active one of a session, under a new id.
func (o *Organizations) MoveSession(ctx context.Context, from, to control.SID, person string, tenant uuid.UUID) error {
	return o.db.Control(ctx, func(tx *db.ControlTx) error {
		_, err := control.Switch(ctx, tx, from, to, person, tenant)
		return err
	})
}

// clip makes a name of Clerk's fit for our tables.
func clip(name string) string {
	r := []rune(strings.TrimSpace(name))
	if len(r) == 0 {
		return "Unnamed organization"
	}
	return string(r[:min(len(r), maxName)])
}

// clerkError is what a person is told when Clerk fails.
func clerkError(err error) error {
	var rejected *clerk.RejectedError
	if errors.As(err, &rejected) {
		return &Error{Code: Invalid, Message: rejected.Message, Fields: map[string]string{"name": rejected.Message}, Cause: err}
	}
	if errors.Is(err, clerk.ErrNotFound) {
		return &Error{Code: Refused, Message: "The sign-in service does not know you any more. Sign out, and sign in again.", Cause: err}
	}
	return &Error{Code: Unavailable, Message: "The sign-in service does not answer. Try again in a moment.", Cause: err}
}
