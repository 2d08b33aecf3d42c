// Package db is the face of everything that keeps data. A tenant query goes through a View or a Tx, both can be had only
// from a *DB and only with an Actor, and the queries themselves are the functions of the noun packages: outside db
// nobody can spell SQL.
package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/internal/tally"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
)

// The sealed types, under the names that everybody uses. No method can be added to an alias, so theirs are the only ones.

type (
	// DB is an open installation.
	DB = sealed.DB
	// Actor is who acts in a tenant.
	Actor = sealed.Actor
	// Member is the actor as its tenant's row has it.
	Member = sealed.Member
	// Role is what a member may do.
	Role = sealed.Role
	// View is what one page reads.
	View = sealed.View
	// Tx is one write transaction.
	Tx = sealed.Tx
	// ControlTx is one transaction on the control plane.
	ControlTx = sealed.ControlTx
	// SealKey is makes the tokens that open tenants.
	SealKey = sealed.SealKey
	// Pool is how a connection pool is at the moment.
	Pool = sealed.Pool
	// Tenant is a tenant as the registry knows it.
	Tenant = place.Tenant
)

// The roles, weakest first.
const (
	Viewer     = sealed.Viewer
	MemberRole = sealed.MemberRole
	Manager    = sealed.Manager
	Admin      = sealed.Admin
	Owner      = sealed.Owner
)

// What a transaction can answer.
var (
	ErrNotFound    = sealed.ErrNotFound
	ErrRefused     = sealed.ErrRefused
	ErrNotMember   = sealed.ErrNotMember
	ErrForbidden   = sealed.ErrForbidden
	ErrReadOnly    = sealed.ErrReadOnly
	ErrConflict    = sealed.ErrConflict
	ErrDuplicate   = sealed.ErrDuplicate
	ErrBadInput    = sealed.ErrBadInput
	ErrBusy        = sealed.ErrBusy
	ErrUnavailable = sealed.ErrUnavailable
	ErrInDoubt     = sealed.ErrInDoubt
	ErrClosed      = sealed.ErrClosed
	ErrNested      = sealed.ErrNested
	ErrNotLoaded   = sealed.ErrNotLoaded
	ErrUnaudited   = sealed.ErrUnaudited
	ErrDenied      = sealed.ErrDenied
	ErrWrongKey    = sealed.ErrWrongKey
)

// NewMember is the person with the Clerk user id clerkUser in t, with at least the role least. It is called in
// web/tenant.go only; a lint rule holds that.
func NewMember(t Tenant, clerkUser string, least Role) Actor {
	return sealed.NewMember(t, clerkUser, least)
}

// NewSealKey takes 32 bytes of a cryptographic random source.
func NewSealKey(raw []byte) (SealKey, error) { return sealed.NewSealKey(raw) }

// WithRequestID returns a context whose audit rows carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return sealed.WithRequestID(ctx, id)
}

// RequestID is the request id of ctx, or empty.
func RequestID(ctx context.Context) string { return sealed.RequestID(ctx) }

// Options says what Open connects to. The URLs are connection strings as pgx takes them.
type Options struct {
	TenantURL  string // logs in as app_tenant; may point at a pooler
	ControlURL string // logs in as app_control; direct
	Pooled     bool   // TenantURL is a pooler in transaction mode: no named prepared statements
	MaxConns   int32  // per pool; 0 is 16
	Keys       []SealKey
}

// Open connects, refuses an unsafe posture, and brings the seals in step with the keys. An error that wraps
// isolation.ErrUnsafe says why the database may not be served.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := ready(ctx, d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Examine connects and says what it finds, changing nothing. Unlike Open it looks at what may not be served as well.
func Examine(ctx context.Context, o Options) (isolation.Diagnosis, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return isolation.Diagnosis{}, err
	}
	defer d.Close()
	return isolation.Doctor(ctx, d, isolation.Options{Pooled: o.Pooled})
}

// Prove connects, proves the isolation and keeps the report. Like Examine it takes what may not be served as well.
func Prove(ctx context.Context, o Options, how isolation.ProofOptions) (isolation.Report, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return isolation.Report{}, err
	}
	defer d.Close()
	how.Pooled = o.Pooled
	r, err := isolation.Prove(ctx, d, how)
	if err != nil {
		return isolation.Report{}, err
	}
	return r, r.Save(ctx, d)
}

// Verify reads a signed report of a proof, as JSON or as a page, and tells whether one of o's keys has signed it. It asks
// no database.
func Verify(ctx context.Context, o Options, text []byte) (isolation.Report, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return isolation.Report{}, err
	}
	defer d.Close()
	return isolation.Verify(d, text)
}

// connect makes the pools, which connect when they are used.
func connect(ctx context.Context, o Options) (*DB, error) {
	so, err := o.sealed()
	if err != nil {
		return nil, err
	}
	return sealed.Open(ctx, so)
}

func ready(ctx context.Context, d *DB) error {
	findings, err := isolation.Posture(ctx, d)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return fmt.Errorf("%w:\n%s", isolation.ErrUnsafe, findings)
	}
	return d.Seal(ctx)
}

func (o Options) sealed() (sealed.Options, error) {
	tenant, err := poolConfig(o.TenantURL, o.MaxConns)
	if err != nil {
		return sealed.Options{}, fmt.Errorf("tenant database: %w", err)
	}
	if o.Pooled {
		// A pooler hands every transaction another server connection: descriptions may be kept, statements may not.
		tenant.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	ctl, err := poolConfig(o.ControlURL, o.MaxConns)
	if err != nil {
		return sealed.Options{}, fmt.Errorf("control database: %w", err)
	}
	counter := tally.New()
	tenant.ConnConfig.Tracer = counter
	return sealed.Options{
		Tally:    counter,
		Control:  ctl,
		Tenant:   map[string]*pgxpool.Config{place.Main: tenant},
		Drivers:  place.Drivers{place.Shared: place.NewShared(place.Main)},
		Keys:     o.Keys,
		Registry: func(ctx context.Context, d *DB, id uuid.UUID) (Tenant, error) { return control.Tenant(ctx, d, id) },
	}, nil
}

// poolConfig parses url without repeating it in the error: it may hold a password.
func poolConfig(url string, maxConns int32) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("not a connection string that pgx understands")
	}
	c.ConnConfig.ConnectTimeout = 5 * time.Second
	c.MaxConns = 16
	if maxConns > 0 {
		c.MaxConns = maxConns
	}
	return c, nil
}
