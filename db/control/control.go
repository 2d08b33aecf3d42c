// Package control holds what is known before a tenant is: the registry of tenants, the directory of who may look where,
// the sessions, and the events of all that. Its role has no right on any tenant table.
package control

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// registered is how a tenant stands in the registry.
type registered struct {
	ID        uuid.UUID   `db:"tenant_id"`
	Isolation place.Model `db:"isolation"`
	Place     string      `db:"place"`
	Epoch     int         `db:"epoch"`
}

func (r registered) tenant() place.Tenant {
	return place.Tenant{ID: r.ID, Model: r.Isolation, Place: r.Place, Epoch: r.Epoch}
}

// Tenant is where the registry says that id lives; sealed.ErrRefused when it is not there.
func Tenant(ctx context.Context, d *sealed.DB, id uuid.UUID) (place.Tenant, error) {
	var r registered
	err := sealed.Peek(ctx, d, "control.tenant", `
		SELECT tenant_id, isolation, place, epoch FROM control.registry WHERE tenant_id = $1`, &r, id)
	if errors.Is(err, sealed.ErrNotFound) {
		return place.Tenant{}, sealed.ErrRefused
	}
	return r.tenant(), err
}

// Choice is an entry of a person's directory as the switcher shows it. It grants nothing.
type Choice struct {
	ID   uuid.UUID   `db:"tenant_id"`
	Name string      `db:"name"`
	Role sealed.Role `db:"role"`
}

// Organization is a Choice with what the page of all of them says.
type Organization struct {
	Choice

	State    place.State `db:"state"`
	LastUsed *time.Time  `db:"last_used_at"`
}

// Organizations lists the organizations of a person whose name contains search (any, when empty), last used first. At
// most 500: a person with more finds the others by searching.
func Organizations(ctx context.Context, t *sealed.ControlTx, person, search string, into *[]Organization) error {
	return sealed.ControlList(ctx, t, "control.organizations", `
		SELECT r.tenant_id, r.name, d.role, r.state, d.last_used_at
		FROM control.directory d JOIN control.registry r USING (tenant_id)
		WHERE d.clerk_user_id = $1 AND ($2 = '' OR position(lower($2) IN lower(r.name)) > 0)
		ORDER BY d.last_used_at DESC NULLS LAST, r.name, r.tenant_id
		LIMIT 500`, into, person, search)
}

// Register makes the tenant of a Clerk organization known, or renames it. It returns the tenant as the registry has it.
func Register(ctx context.Context, t *sealed.ControlTx, clerkOrg, name, slug, person string) (place.Tenant, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return place.Tenant{}, err
	}
	err = sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "organization.registered", Person: person, Detail: map[string]any{"organization": clerkOrg}},
		sealed.Exec("control.register", `
			INSERT INTO control.registry (tenant_id, clerk_org_id, name, slug, state) VALUES ($1, $2, $3, nullif($4, ''), 'active')
			ON CONFLICT (clerk_org_id) DO UPDATE SET name = excluded.name, slug = excluded.slug`, id, clerkOrg, name, slug))
	if err != nil {
		return place.Tenant{}, err
	}
	var r registered
	err = sealed.ControlGet(ctx, t, "control.registered", `
		SELECT tenant_id, isolation, place, epoch FROM control.registry WHERE clerk_org_id = $1`, &r, clerkOrg)
	return r.tenant(), err
}

// Known is a tenant as the registry lists it, with the Clerk organization it belongs to.
type Known struct {
	registered
	ClerkOrg string `db:"clerk_org_id"`
	Name     string `db:"name"`
	Slug     string `db:"slug"`
	Role     string `db:"role"` // of the person asked for
}

// Tenant is where the tenant lives.
func (k Known) Tenant() place.Tenant { return k.tenant() }

// Directory lists every tenant in which person is expected to be, for the synchronization with Clerk.
func Directory(ctx context.Context, t *sealed.ControlTx, person string, into *[]Known) error {
	return sealed.ControlList(ctx, t, "control.directory", `
		SELECT r.tenant_id, r.isolation, r.place, r.epoch, coalesce(r.clerk_org_id, '') AS clerk_org_id, r.name,
		       coalesce(r.slug, '') AS slug, d.role
		FROM control.directory d JOIN control.registry r USING (tenant_id)
		WHERE d.clerk_user_id = $1
		ORDER BY r.tenant_id`, into, person)
}

// Enter puts a tenant in a person's directory, or changes the role shown there.
func Enter(ctx context.Context, t *sealed.ControlTx, person string, tenant uuid.UUID, role sealed.Role) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "directory.entered", Person: person, Tenant: tenant, Detail: map[string]any{"role": role}},
		sealed.Exec("control.enter", `
			INSERT INTO control.directory (clerk_user_id, tenant_id, role) VALUES ($1, $2, $3)
			ON CONFLICT (clerk_user_id, tenant_id) DO UPDATE SET role = excluded.role`, person, tenant, role))
}

// Leave takes a tenant out of a person's directory.
func Leave(ctx context.Context, t *sealed.ControlTx, person string, tenant uuid.UUID) error {
	return sealed.ControlChange(ctx, t, sealed.ControlEvent{Name: "directory.left", Person: person, Tenant: tenant},
		sealed.Exec("control.leave", `DELETE FROM control.directory WHERE clerk_user_id = $1 AND tenant_id = $2`, person, tenant))
}

// Empty tells whether there is no tenant yet.
func Empty(ctx context.Context, d *sealed.DB) (bool, error) {
	var r struct {
		Empty bool `db:"empty"`
	}
	err := sealed.Peek(ctx, d, "control.empty", `SELECT NOT EXISTS (SELECT FROM control.registry) AS empty`, &r)
	return r.Empty, err
}
