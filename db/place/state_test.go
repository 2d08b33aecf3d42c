package place_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestTheGateAllowsWhatTheTableOfStatesSays(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	n := d.NewTenant(t)
	conn := d.Connect(t, "app_tenant")
	for state, want := range place.States {
		t.Run(string(state), func(t *testing.T) {
			if err := d.DB.SetState(t.Context(), n.Tenant, state); err != nil {
				t.Fatal(err)
			}
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := tx.Rollback(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			if _, err := tx.Exec(t.Context(), "SELECT app.set_tenant($1, $2)", n.ID, d.Token(n.ID, n.Epoch)); err != nil {
				t.Fatal(err)
			}
			var got place.Access
			var rows, changed int
			err = tx.QueryRow(t.Context(), `
				SELECT EXISTS (SELECT FROM app.readable), EXISTS (SELECT FROM app.writable), (SELECT count(*) FROM users)`).Scan(&got.Read, &got.Write, &rows)
			if err != nil {
				t.Fatal(err)
			}
			if got != want || want.Read != (rows == len(n.Members)) || !want.Read && rows != 0 {
				t.Errorf("the gate allows %+v and shows %d rows; the table says %+v", got, rows, want)
			}
			tag, err := tx.Exec(t.Context(), "UPDATE users SET name = name")
			if err != nil {
				t.Fatal(err)
			}
			if changed = int(tag.RowsAffected()); want.Write != (changed == len(n.Members)) || !want.Write && changed != 0 {
				t.Errorf("%d rows changed; the table says %+v", changed, want)
			}
		})
	}
}

func TestTheDatabaseKnowsTheStatesOfTheTableAndNoOther(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Connect(t, "postgres")
	known := slices.Sorted(maps.Keys(place.States))
	for _, table := range []string{"app.fence", "control.registry"} {
		var check string
		err := conn.QueryRow(t.Context(), `
			SELECT pg_get_constraintdef(oid) FROM pg_constraint
			WHERE conrelid = $1::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%state%'`, table).Scan(&check)
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		var allowed []place.State
		for _, literal := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(check, -1) {
			allowed = append(allowed, place.State(literal[1]))
		}
		slices.Sort(allowed)
		if !slices.Equal(allowed, known) {
			t.Errorf("%s allows %v, the table has %v", table, allowed, known)
		}
	}
}

func TestWhoMayWriteMayRead(t *testing.T) {
	t.Parallel()
	for state, may := range place.States {
		if may.Write && !may.Read {
			t.Errorf("%s may be written and not read", state)
		}
	}
	if (place.States["unheard of"] != place.Access{}) {
		t.Error("an unknown state allows something")
	}
}
