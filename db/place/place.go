// Package place says where a tenant's rows live. It holds names and the drivers that choose them; it never opens a
// connection, begins a transaction or sets a tenant, so no driver can forget to.
package place

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// Main is the place that every installation has. The control plane lives there too.
const Main = "main"

// ErrUnknown says that a tenant's place is not configured, or that no driver knows its isolation model.
var ErrUnknown = errors.New("place: unknown place or isolation model")

// Model is a tenant's isolation model. Row-level security holds in all of them.
type Model string

// Shared keeps a tenant's rows in the common schema of a place.
const Shared Model = "shared"

// Tenant is what the registry knows of a tenant: enough to find its rows, never enough to open them.
type Tenant struct {
	ID    uuid.UUID
	Model Model
	Place string // a configured place's name
	Epoch int    // counts moves; a token opens one epoch only
}

// Home is where a tenant's rows live: names, never a pool.
type Home struct {
	Place  string
	Schema string
}

// TenantDriver is one isolation model.
type TenantDriver interface {
	// Home says where t's rows live. It returns ErrUnknown for a place that the driver does not serve.
	Home(ctx context.Context, t Tenant) (Home, error)
	// Provision makes t's home ready to be written: its schema, migrations and grants. It can be called again.
	Provision(ctx context.Context, t Tenant) error
}

// Drivers resolves a tenant through the driver of its isolation model. It is a TenantDriver itself.
type Drivers map[Model]TenantDriver

// Home asks the driver of t's isolation model.
func (d Drivers) Home(ctx context.Context, t Tenant) (Home, error) {
	driver, ok := d[t.Model]
	if !ok {
		return Home{}, ErrUnknown
	}
	return driver.Home(ctx, t)
}

// Provision asks the driver of t's isolation model.
func (d Drivers) Provision(ctx context.Context, t Tenant) error {
	driver, ok := d[t.Model]
	if !ok {
		return ErrUnknown
	}
	return driver.Provision(ctx, t)
}

// SharedDriver is the shared isolation model: every tenant of a place lives in its schema public.
type SharedDriver struct{ places []string }

// NewShared serves the given places.
func NewShared(places ...string) SharedDriver { return SharedDriver{places: places} }

// Home is the schema public of t's place.
func (s SharedDriver) Home(_ context.Context, t Tenant) (Home, error) {
	if !slices.Contains(s.places, t.Place) {
		return Home{}, ErrUnknown
	}
	return Home{Place: t.Place, Schema: "public"}, nil
}

// Provision checks the place only: a shared home is ready as soon as its place is migrated.
func (s SharedDriver) Provision(ctx context.Context, t Tenant) error {
	_, err := s.Home(ctx, t)
	return err
}
