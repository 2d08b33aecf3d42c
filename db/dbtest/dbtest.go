// Package dbtest gives tests a real, migrated database. A test takes a fresh tenant of the database that its package
// shares, so tests run in parallel and every test is an isolation test too; control and migration tests take a database
// of their own.
//
// POSTGRES_BIN chooses the server, as it does for the app: the directory of the Postgres programs to test on. Without it
// the newest that is installed is taken. `make test-18` runs the tests on a copy of Postgres 18.
package dbtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/db/organization"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/task"
)

// shared is the Postgres of this test process, with the database that its tests share.
var shared struct {
	once   sync.Once
	err    error
	server *Server
}

// Main runs a package's tests and stops their server afterwards. Every package that uses New needs it:
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		code = 1
	}
	os.Exit(code)
}

// Stop stops the server that the tests of this process share, for a package that cannot leave its TestMain to Main.
func Stop() error { return shared.server.stop() }

// Database is a migrated database of the tests' server.
type Database struct {
	DB     *db.DB
	Name   string
	Key    []byte // the seal key that it was opened with
	server *Server
}

// Open opens the database another time, with the given seal keys, newest first.
func (d *Database) Open(ctx context.Context, keys ...[]byte) (*db.DB, error) {
	o := db.Options{TenantURL: d.URL("app_tenant"), ControlURL: d.URL("app_control"), MaxConns: 16}
	for _, k := range keys {
		key, err := db.NewSealKey(k)
		if err != nil {
			return nil, err
		}
		o.Keys = append(o.Keys, key)
	}
	return db.Open(ctx, o)
}

// URL is the connection string of a role: one of ours, or postgres for what only a superuser sees.
func (d *Database) URL(role string) string { return d.server.pg.URL(role, d.Name) }

// Connect opens a plain connection as a role, closed at the end of the test.
func (d *Database) Connect(t testing.TB, role string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL(role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone: that is what some tests do
	return conn
}

// New is the database that the tests of this process share.
func New(t testing.TB) *Database {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = start() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.Database
}

// Own is a database of this test's own, for what concerns a whole database.
func Own(t testing.TB) *Database {
	t.Helper()
	server, name := New(t).server, "own_"+strings.ToLower(rand.Text())
	if err := server.clone(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	d, err := server.open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.DB.Close)
	return d
}

// Tenant is a fresh tenant with one member of each role.
type Tenant struct {
	db.Tenant
	Name    string
	DB      *db.DB
	Members map[db.Role]string // Clerk user ids
}

// NewTenant makes a tenant, active, with nothing in it but its members.
func (d *Database) NewTenant(t testing.TB) *Tenant {
	t.Helper()
	org := "org_" + rand.Text()
	n := &Tenant{Name: "Tenant " + org[4:12], DB: d.DB, Members: map[db.Role]string{}}
	for _, role := range []db.Role{db.Owner, db.Admin, db.Manager, db.MemberRole, db.Viewer} {
		n.Members[role] = "user_" + rand.Text()
	}
	if err := n.make(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *Tenant) make(ctx context.Context, org string) error {
	err := n.DB.Control(ctx, func(tx *db.ControlTx) (err error) {
		n.Tenant, err = control.Register(ctx, tx, org, n.Name, "", n.Members[db.Owner])
		for role, person := range n.Members {
			if err == nil {
				err = control.Enter(ctx, tx, person, n.ID, role)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := n.DB.RaiseFence(ctx, n.Tenant, place.Active); err != nil {
		return err
	}
	return task.New(n.DB).Do(ctx, n.Tenant, func(ctx context.Context, tx *db.Tx) error {
		if err := organization.Put(ctx, tx, n.Name); err != nil {
			return err
		}
		for role, person := range n.Members {
			if err := member.Put(ctx, tx, person, strings.ToLower(person)+"@example.com", "The "+string(role), role); err != nil {
				return err
			}
		}
		return nil
	})
}

// Actor is the member with a role.
func (n *Tenant) Actor(role db.Role) db.Actor { return db.NewMember(n.Tenant, n.Members[role], role) }

// Write runs fn in a transaction of the member with a role and fails the test when it fails.
func (n *Tenant) Write(t testing.TB, role db.Role, fn func(context.Context, *db.Tx) error) {
	t.Helper()
	if err := n.DB.Write(t.Context(), n.Actor(role), fn); err != nil {
		t.Fatal(err)
	}
}

// Read runs fn on a View of the member with a role and fails the test when it fails.
func (n *Tenant) Read(t testing.TB, role db.Role, fn func(*db.View) error) {
	t.Helper()
	if err := n.DB.Read(t.Context(), n.Actor(role), fn); err != nil {
		t.Fatal(err)
	}
}

// Token is what opens the tenant in SQL: what the application computes for set_tenant.
func (d *Database) Token(tenant uuid.UUID, epoch int) string {
	return token(d.Key, tenant, epoch)
}
