package control_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func person(n *dbtest.Tenant, role db.Role) control.Person {
	return control.Person{ClerkUser: n.Members[role], ClerkSession: "sess_x", Email: "x@example.com", Name: "X"}
}

// events lists what control.events says of a person, oldest first, with the request ids.
func events(t *testing.T, d *dbtest.Database, clerkUser string) []string {
	t.Helper()
	rows, err := d.Connect(t, "postgres").Query(t.Context(),
		"SELECT event || ' ' || request_id FROM control.events WHERE clerk_user_id = $1 AND event LIKE 'session.%' ORDER BY created_at, id", clerkUser)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func do(t *testing.T, d *dbtest.Database, fn func(context.Context, *db.ControlTx) error) error {
	t.Helper()
	ctx := db.WithRequestID(t.Context(), "r1")
	return d.DB.Control(ctx, func(tx *db.ControlTx) error { return fn(ctx, tx) })
}

func TestEveryChangeOfASessionLeavesItsEventInItsTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	n, other := d.NewTenant(t), d.NewTenant(t)
	p, sid, next := person(n, db.Owner), control.NewSID(), control.NewSID()
	if err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.SignIn(ctx, tx, sid, p, time.Now()) }); err != nil {
		t.Fatal(err)
	}
	err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error {
		_, err := control.Switch(ctx, tx, sid, next, p.ClerkUser, other.ID)
		return err
	})
	if !errors.Is(err, db.ErrNotFound) {
		t.Errorf("switching to a tenant that is not in the directory: %v", err)
	}
	err = do(t, d, func(ctx context.Context, tx *db.ControlTx) error {
		name, err := control.Switch(ctx, tx, sid, next, p.ClerkUser, n.ID)
		if name != n.Name {
			t.Errorf("switched to %q", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.SignOut(ctx, tx, next, p.ClerkUser) }); err != nil {
		t.Fatal(err)
	}
	want := []string{"session.signed_in r1", "session.switched r1", "session.signed_out r1"}
	if got := events(t, d, p.ClerkUser); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestASessionEndsWithItsTimeAndNobodyElseCanMoveIt(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	n := d.NewTenant(t)
	p, thief := person(n, db.Owner), person(n, db.Viewer)
	live, over := control.NewSID(), control.NewSID()
	for sid, at := range map[control.SID]time.Time{live: time.Now(), over: time.Now().Add(-control.Lifetime - time.Second)} {
		if err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.SignIn(ctx, tx, sid, p, at) }); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := control.LoadSession(t.Context(), d.DB, live, n.ID); err != nil || s.Tenant != n.Tenant || s.ClerkUser != p.ClerkUser || len(s.Organizations) != 1 {
		t.Errorf("session %+v, %v", s, err)
	}
	if s, err := control.LoadSession(t.Context(), d.DB, live, uuid.New()); err != nil || s.Tenant != (db.Tenant{}) {
		t.Errorf("an unknown tenant gives %+v, %v", s.Tenant, err)
	}
	for name, sid := range map[string]control.SID{"over": over, "unknown": control.NewSID()} {
		if _, err := control.LoadSession(t.Context(), d.DB, sid, n.ID); !errors.Is(err, db.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error {
		_, err := control.Switch(ctx, tx, live, control.NewSID(), thief.ClerkUser, n.ID)
		return err
	})
	if !errors.Is(err, db.ErrNotFound) {
		t.Errorf("another member moved the session: %v", err)
	}
}

// The switcher shows each of the nine organizations that were used last under its own name and role.
func TestTheSwitcherHasTheNineOrganizationsThatWereUsedLast(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	conn, p, sid := d.Connect(t, "postgres"), person(d.NewTenant(t), db.Owner), control.NewSID()
	if _, err := conn.Exec(t.Context(), "DELETE FROM control.directory WHERE clerk_user_id = $1", p.ClerkUser); err != nil {
		t.Fatal(err)
	}
	roles := []db.Role{db.Owner, db.Viewer, db.Admin}
	var want []control.Choice
	for i := range 11 {
		n := d.NewTenant(t)
		if _, err := conn.Exec(t.Context(), "INSERT INTO control.directory (clerk_user_id, tenant_id, role, last_used_at) VALUES ($1, $2, $3, now() - make_interval(hours => $4))",
			p.ClerkUser, n.ID, roles[i%len(roles)], i); err != nil {
			t.Fatal(err)
		}
		want = append(want, control.Choice{ID: n.ID, Name: n.Name, Role: roles[i%len(roles)]})
	}
	err := do(t, d, func(ctx context.Context, tx *db.ControlTx) error { return control.SignIn(ctx, tx, sid, p, time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	if s, err := control.LoadSession(t.Context(), d.DB, sid, uuid.Nil); err != nil || !slices.Equal(s.Organizations, want[:9]) {
		t.Errorf("%+v, %v\nwanted %+v", s.Organizations, err, want[:9])
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM control.directory WHERE clerk_user_id = $1", p.ClerkUser); err != nil {
		t.Fatal(err)
	}
	if s, err := control.LoadSession(t.Context(), d.DB, sid, uuid.Nil); err != nil || len(s.Organizations) != 0 {
		t.Errorf("%+v, %v", s.Organizations, err)
	}
}
