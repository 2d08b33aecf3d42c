package isolation_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

func TestEveryTenantTableHasARowMaker(t *testing.T) {
	t.Parallel()
	have := scan[string](t, dbtest.New(t).Connect(t, "postgres"),
		"SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f', 'm') ORDER BY 1")
	var known []string
	for _, m := range makers {
		known = append(known, m.table)
	}
	slices.Sort(known)
	if !slices.Equal(have, known) {
		t.Fatalf("tables of schema public:\n%v\ntables with a row-maker, on which the tests here are made:\n%v", have, known)
	}
}

// The matrix rolls everything back. Here everything is committed, so that what changes stays and is seen by somebody whom no
// policy binds.
func TestAnAttackThatIsCommittedChangesNothingOfOthers(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super, conn := d.Connect(t, "postgres"), d.Connect(t, "app_tenant")
	victim, self := tenant{id: uuid.New()}, tenant{id: uuid.New()}
	self.token = d.Token(self.id, 1)
	for _, n := range []tenant{victim, self} {
		mustExec(t, super, "INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, 1, sha256(convert_to($2, 'UTF8')), 'active')", n.id, d.Token(n.id, 1))
	}
	makes, tries, err := isolation.Assault(t.Context(), d.DB, victim.id, self.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range makes {
		mustExec(t, super, sql)
	}
	before, own := checksum(t, super, victim), checksum(t, super, self)
	for _, name := range slices.Sorted(maps.Keys(tries)) {
		for _, statements := range tries[name] {
			tx := beginIn(t, conn, self)
			for _, sql := range statements {
				run(t.Context(), tx, sql)
			}
			_ = tx.Commit(t.Context()) // of a refused statement it is a rollback
			if after := checksum(t, super, victim); after != before {
				t.Fatalf("%s: the other tenant's rows are not what they were after %q", name, statements)
			}
		}
	}
	if checksum(t, super, self) == own {
		t.Error("not even one's own rows have changed: nothing was committed")
	}
}
