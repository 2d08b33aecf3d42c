package db_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
)

// TestTheGateFindsATenantByItsIndex plans with as many tenants as fit in a few pages of the fence, which Postgres would
// rather read through where it thinks that pages are read from a disk that turns.
func TestTheGateFindsATenantByItsIndex(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super, tenant := d.Connect(t, "postgres"), d.Connect(t, "app_tenant")
	const fences = `INSERT INTO app.fence (tenant_id, epoch, seal, state)
		SELECT gen_random_uuid(), 1, sha256(gen_random_uuid()::text::bytea), 'active' FROM generate_series(1, 40)`
	for n := 40; n <= 240; n += 40 {
		for _, sql := range []string{fences, "VACUUM ANALYZE app.fence"} {
			if _, err := super.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := tenant.Query(t.Context(), "EXPLAIN SELECT id FROM jobs")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(plan, "\n"); !strings.Contains(all, "Index Scan using fence_tenant_key on fence") {
			t.Errorf("with %d tenants:\n%s", n, all)
		}
	}
}
