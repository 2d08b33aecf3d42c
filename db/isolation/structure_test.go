package isolation_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestTheMakersNameThePrimaryKeys(t *testing.T) {
	t.Parallel()
	super := dbtest.New(t).Connect(t, "postgres")
	for _, m := range makers {
		have := scan[string](t, super, `
			SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, n)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
			WHERE i.indisprimary AND i.indrelid = $1::regclass ORDER BY k.n`, m.table)
		if !slices.Equal(have, m.primary()) {
			t.Errorf("%s: the primary key is %v, the maker has %v", m.table, have, m.primary())
		}
	}
}

// TestTheFenceAndTheCodeHaveTheSameStates compares place.States with what the database does, state by state.
func TestTheFenceAndTheCodeHaveTheSameStates(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	super := d.Connect(t, "postgres")
	for _, table := range []string{"app.fence", "control.registry"} {
		check := scan[string](t, super, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c' AND pg_get_constraintdef(oid) ~ 'state = ANY'", table)
		if len(check) != 1 {
			t.Fatalf("%s: checks of state: %v", table, check)
		}
		var allowed []string
		for _, m := range regexp.MustCompile(`'(\w+)'::text`).FindAllStringSubmatch(check[0], -1) {
			allowed = append(allowed, m[1])
		}
		var states []string
		for s := range maps.Keys(place.States) {
			states = append(states, string(s))
		}
		slices.Sort(allowed)
		slices.Sort(states)
		if !slices.Equal(allowed, states) {
			t.Errorf("%s allows %v, the code knows %v", table, allowed, states)
		}
	}
	conn := d.Connect(t, "app_tenant")
	for state, may := range place.States {
		tx := beginIn(t, conn, newTenant(t, d, state, 1))
		opened := func(view string) bool { return len(scan[string](t, tx, "SELECT tenant_id::text FROM app."+view)) == 1 }
		if got := (place.Access{Read: opened("readable"), Write: opened("writable")}); got != may || opened("context") != may.Read {
			t.Errorf("%s: the gate allows %+v, the code %+v", state, got, may)
		}
		end(t, tx)
	}
}
