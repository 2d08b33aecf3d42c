package db_test

import (
	"strings"
	"sync"
	"testing"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
)

// Rows of all tenants are read by the same readers, one after the other: what somebody has must not become somebody else's.
func TestWhatATenantHasReadNoOtherTenantChanges(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	type row struct {
		Whose  string   `db:"whose"`
		Maybe  *string  `db:"maybe"`
		All    []string `db:"all_of_it"`
		Number *int64   `db:"number"`
	}
	const q = `
		SELECT $2 || g AS whose, $2 || g AS maybe, ARRAY[$2, $2 || g] AS all_of_it, length($2)::bigint AS number
		FROM users u CROSS JOIN generate_series(1, 40) g WHERE u.tenant_id = $1`
	var tenants sync.WaitGroup
	for _, mark := range []string{"a", "bb", "ccc"} {
		n := d.NewTenant(t)
		tenants.Go(func() {
			var kept [][]row
			for range 30 {
				var rows []row
				err := d.DB.Read(t.Context(), n.Actor(db.Viewer), func(v *db.View) error {
					sealed.List(v, "reader", q, &rows, mark)
					return v.Load()
				})
				if err != nil || len(rows) == 0 {
					t.Errorf("%d rows, %v", len(rows), err)
					return
				}
				kept = append(kept, rows)
			}
			for _, rows := range kept {
				for _, r := range rows {
					if !strings.HasPrefix(r.Whose, mark) || !strings.HasPrefix(*r.Maybe, mark) || r.All[0] != mark || !strings.HasPrefix(r.All[1], mark) || *r.Number != int64(len(mark)) {
						t.Errorf("%q has %q, %q, %q and %d", mark, r.Whose, *r.Maybe, r.All, *r.Number)
						return
					}
				}
			}
		})
	}
	tenants.Wait()
}
