package control_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
)

func TestOnlyTheControlPlaneLearnsWhoseAnIDIs(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	n := d.NewTenant(t)
	id := uuid.Must(uuid.NewV7())
	exec(t, d.Connect(t, "postgres"), "INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source) VALUES ($1, $2, 'x', 'x', now(), 'source')", n.ID, id)
	owners, err := control.Owners(t.Context(), d.DB, []control.Try{
		{Kind: control.ForeignID, Entity: control.EntityProposal, ID: id}, {Kind: control.ForeignID, Entity: control.EntityJob, ID: id},
		{Kind: control.ForeignID, Entity: control.EntityJob, ID: uuid.New()}, {Kind: control.RefusedWrite, Entity: control.EntityJob, Own: n.ID, ID: uuid.New()},
	})
	if err != nil || owners[0] != uuid.Nil || owners[1] != n.ID || owners[2] != uuid.Nil || owners[3] != n.ID {
		t.Errorf("owners %v, %v", owners, err)
	}
	for _, role := range []string{"app_tenant", "app_mover"} {
		_, err := d.Connect(t, role).Exec(t.Context(), "SELECT owner_of('job', $1)", id)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s asked and was told %v", role, err)
		}
	}
}

// TestFindingAnOwnerReadsFewPages looks among many rows whose ids are in the order of time, as the app makes them. Postgres
// 15 finds them by jobs_owner; 18 can skip through the primary key instead, where there are few tenants.
func TestFindingAnOwnerReadsFewPages(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	n := d.NewTenant(t)
	const rows = 60_000
	exec(t, super, `INSERT INTO jobs (tenant_id, id, external_key, title, description, posted_at, posted_at_source)
		SELECT $1, (lpad(to_hex(1700000000000 + 1000::bigint * i), 12, '0') || '70008' || substr(md5(i::text), 1, 15))::uuid, i::text, 'x', repeat('x', 300), now(), 'source'
		FROM generate_series(1, $2::int) i`, n.ID, rows)
	exec(t, super, "SELECT brin_summarize_new_values('jobs_owner')")
	exec(t, super, "VACUUM (ANALYZE) jobs")
	var pages int64
	if err := super.QueryRow(t.Context(), "SELECT relpages FROM pg_class WHERE oid = 'jobs'::regclass").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	exec(t, super, "SET ROLE app_search")
	var plan strings.Builder
	lines, err := super.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, COSTS OFF) SELECT tenant_id FROM jobs WHERE id = '018bd1a1-2c00-7000-8000-000000007fff'")
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	for lines.Next() {
		var line string
		if err := lines.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	_, buffers, _ := strings.Cut(plan.String(), "Buffers: shared hit=")
	var read int64
	if _, err := fmt.Sscan(buffers, &read); err != nil || read > pages/50 {
		t.Errorf("%d of %d pages, %v:\n%s", read, pages, err, plan.String())
	}
}
