package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

var (
	older  = bytes.Repeat([]byte{7}, 32) // what dbtest opens databases with
	newer  = bytes.Repeat([]byte{8}, 32)
	others = bytes.Repeat([]byte{9}, 32)
)

// process opens d as another process does that has these keys, newest first.
func process(t *testing.T, d *dbtest.Database, keys ...[]byte) *dbtest.Database {
	t.Helper()
	opened, err := d.Open(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return &dbtest.Database{DB: opened, Name: d.Name, Key: keys[0]}
}

// A key that was never made must not seal: everybody knows 32 zeros.
func TestOpeningNeedsSealKeys(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for name, keys := range map[string][]db.SealKey{"none": nil, "one that was never made": {{}}} {
		opened, err := db.Open(t.Context(), db.Options{TenantURL: d.URL("app_tenant"), ControlURL: d.URL("app_control"), Keys: keys})
		if err == nil {
			opened.Close()
			t.Errorf("opened with %s", name)
		}
	}
}

// opens checks that a process can read and write in every one of the tenants, or in none.
func opens(t *testing.T, name string, p *dbtest.Database, want bool, tenants ...*dbtest.Tenant) {
	t.Helper()
	for i, n := range tenants {
		read := p.DB.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error { return v.Load() })
		write := p.DB.Write(t.Context(), n.Actor(db.Viewer), func(context.Context, *db.Tx) error { return nil })
		for _, err := range []error{read, write} {
			if want && err != nil || !want && !errors.Is(err, db.ErrRefused) {
				t.Errorf("%s, tenant %d: %v", name, i, err)
			}
		}
	}
}

// fence is how the rows of the fence are stored: a row that is written anew lies elsewhere.
type fence struct {
	id         uuid.UUID
	seal, next []byte
	at         string
}

func fences(t *testing.T, d *dbtest.Database) (all []fence) {
	t.Helper()
	rows, err := d.Connect(t, "postgres").Query(t.Context(), "SELECT tenant_id, seal, next_seal, ctid::text || xmin::text FROM app.fence ORDER BY tenant_id")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var f fence
		if err := rows.Scan(&f.id, &f.seal, &f.next, &f.at); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if rows.Err() != nil || len(all) == 0 {
		t.Fatalf("no fences: %v", rows.Err())
	}
	return all
}

func same(a, b []fence) bool {
	return slices.EqualFunc(a, b, func(x, y fence) bool {
		return x.id == y.id && bytes.Equal(x.seal, y.seal) && bytes.Equal(x.next, y.next) && x.at == y.at
	})
}

func TestAKeyIsRolledOutWithNoTenantClosed(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	first := d.NewTenant(t)
	old := d

	both := process(t, d, newer, older)
	second := both.NewTenant(t)
	late := old.NewTenant(t) // an old process is still serving
	opens(t, "old beside both", old, true, first, second, late)
	opens(t, "both beside old", both, true, first, second, late)

	process(t, d, older) // an old process starts again, in the middle of it
	opens(t, "old, after a start of old", old, true, first, second, late)
	opens(t, "both, after a start of old", both, true, first, second, late)
	opens(t, "old, after both has mended", old, true, first, second, late)

	process(t, d, newer, older)
	last := process(t, d, newer)
	third := last.NewTenant(t)
	beside := both.NewTenant(t) // a process of the step before is still serving
	opens(t, "last", last, true, first, second, late, third, beside)
	opens(t, "both beside last", both, true, first, second, late, third, beside)
	opens(t, "old after last", old, false, first, second, late, third)

	process(t, d, newer)
	opens(t, "last, once no other is left", last, true, first, second, late, third, beside)
	opens(t, "old, once no other is left", old, false, first, second, late, third, beside)
}

func TestAStartWithTheSameKeysDoesNotTouchTheFence(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	d.NewTenant(t)
	for name, keys := range map[string][][]byte{"one key": {older}, "two keys": {newer, older}} {
		t.Run(name, func(t *testing.T) {
			process(t, d, keys...)
			before := fences(t, d)
			process(t, d, keys...)
			if !same(before, fences(t, d)) {
				t.Error("the fence was written")
			}
		})
	}
}

func TestARefusalWhileKeysAreRolledOutDoesNotTouchTheFenceOfWhoIsSealedRight(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	both := process(t, d, newer, older)
	n := both.NewTenant(t)
	if err := both.DB.SetState(t.Context(), n.Tenant, place.Suspended); err != nil {
		t.Fatal(err)
	}
	before := fences(t, d)

	opens(t, "both", both, false, n)

	if !same(before, fences(t, d)) {
		t.Error("the fence was written")
	}
}

func TestKeysThatDoNotOpenEveryTenantAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][][]byte{
		"an unknown key":        {others},
		"two unknown keys":      {others, newer},
		"the key that was left": {older},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Own(t)
			n := d.NewTenant(t)
			serving := d
			if name == "the key that was left" {
				process(t, d, newer, older)
				serving = process(t, d, newer)
			} else {
				d.NewTenant(t)
			}
			before := fences(t, d)

			for range 2 { // the second start is not fooled by the first
				opened, err := d.Open(t.Context(), keys...)
				if !errors.Is(err, db.ErrWrongKey) {
					t.Errorf("answered %v", err)
				}
				if err == nil {
					opened.Close()
				}
			}

			if !same(before, fences(t, d)) {
				t.Error("the fence was written")
			}
			opens(t, "who serves", serving, true, n)
		})
	}
}

func TestATenantThatWasSealedTooLateIsFoundByTheNextStartWithBothKeys(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	d.NewTenant(t)
	process(t, d, newer, older)
	late := d.NewTenant(t) // by a process with the old key, and nobody meets it
	opened, err := d.Open(t.Context(), newer)
	if !errors.Is(err, db.ErrWrongKey) {
		t.Errorf("the last step, too early: %v", err)
	}
	if err == nil {
		opened.Close()
	}

	process(t, d, newer, older) // with keys that have been started with before
	last := process(t, d, newer)

	opens(t, "last", last, true, late)
	opens(t, "old", d, false, late)
}

func TestATokenOpensOneEpochOfOneTenant(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := d.NewTenant(t), d.NewTenant(t)
	opened := func(tenant uuid.UUID, token string) (open bool) {
		conn := d.Connect(t, "app_tenant")
		tx, err := conn.Begin(t.Context())
		if err == nil {
			_, err = tx.Exec(t.Context(), "SELECT app.set_tenant($1, $2)", tenant, token)
		}
		if err == nil {
			err = tx.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM app.context)").Scan(&open)
		}
		if err != nil {
			t.Fatal(err)
		}
		return open
	}
	for name, c := range map[string]struct {
		tenant uuid.UUID
		token  string
		want   bool
	}{
		"its own":                      {a.ID, d.Token(a.ID, 1), true},
		"the other tenant's":           {a.ID, d.Token(b.ID, 1), false},
		"its own for the other tenant": {b.ID, d.Token(a.ID, 1), false},
		"its own of the next epoch":    {a.ID, d.Token(a.ID, 2), false},
		"none":                         {a.ID, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := opened(c.tenant, c.token); got != c.want {
				t.Errorf("opened: %t", got)
			}
		})
	}
	// A session that knows an older epoch is led to the tenant as the registry has it.
	stale := a.Tenant
	stale.Epoch, stale.Place = 7, place.Main
	if err := d.DB.Write(t.Context(), db.NewMember(stale, a.Members[db.Viewer], db.Viewer), func(context.Context, *db.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}
