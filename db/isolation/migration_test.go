package isolation_test

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/migrate"
)

// folders in the order in which they are taken back.
var folders = []string{"tenant", "control", "place"}

// everything is a line for each thing that our migrations make: relations, columns, constraints, indexes, policies,
// functions, views, rights.
const everything = `
	WITH ours AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname !~ '^(pg_|information_schema$)'),
	     relations AS (SELECT c.* FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relname !~ 'migrations')
	SELECT 'schema ' || n.nspname || ' ' || array_to_string(ARRAY(SELECT unnest(s.nspacl)::text ORDER BY 1), ' ') FROM ours n JOIN pg_namespace s ON s.oid = n.oid
	UNION ALL SELECT concat_ws(' ', 'relation', r.oid::regclass, r.relkind, r.relowner::regrole, r.relrowsecurity, r.relforcerowsecurity, r.reloptions::text,
	  array_to_string(ARRAY(SELECT unnest(r.relacl)::text ORDER BY 1), ' ')) FROM relations r
	UNION ALL SELECT concat_ws(' ', 'column', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
	  pg_get_expr(d.adbin, d.adrelid), a.attacl::text)
	  FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	  WHERE a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT concat_ws(' ', 'constraint', c.conrelid::regclass, c.conname, c.convalidated, pg_get_constraintdef(c.oid)) FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid
	UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN relations r ON r.oid = i.indrelid
	UNION ALL SELECT concat_ws(' ', 'policy', p.schemaname, p.tablename, p.policyname, p.permissive, p.roles::text, p.cmd, p.qual, p.with_check) FROM pg_policies p
	UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
	UNION ALL SELECT concat_ws(' ', 'function', pg_get_functiondef(f.oid), f.proowner::regrole, array_to_string(ARRAY(SELECT unnest(f.proacl)::text ORDER BY 1), ' '))
	  FROM pg_proc f JOIN ours n ON n.oid = f.pronamespace WHERE f.prokind IN ('f', 'p') AND f.probin IS NULL
	UNION ALL SELECT concat_ws(' ', 'view', r.oid::regclass, pg_get_viewdef(r.oid)) FROM relations r WHERE r.relkind IN ('v', 'm')
	UNION ALL SELECT concat_ws(' ', 'extension', e.extname, e.extnamespace::regnamespace, e.extowner::regrole) FROM pg_extension e
	ORDER BY 1`

func TestEveryMigrationGoesDownAndUpAgain(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	before := scan[string](t, super, everything)
	if err := migrate.Down(d.URL("app_owner"), "river"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", "migrate", folder, "*.sql"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v %v", folder, files, err)
		}
		for range files {
			if err := migrate.Down(d.URL("app_owner"), folder); err != nil {
				t.Fatalf("%s: %v", folder, err)
			}
		}
	}
	for _, line := range scan[string](t, super, everything) {
		if !strings.HasPrefix(line, "schema ") && line != "extension plpgsql pg_catalog postgres" {
			t.Errorf("left behind: %s", line)
		}
	}
	if err := migrate.Up(t.Context(), d.URL("app_owner"), io.Discard); err != nil {
		t.Fatal(err)
	}
	same(t, before, scan[string](t, super, everything))
	found, err := isolation.Posture(t.Context(), d.DB)
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, found)
	}
}

// TestADatabaseInTheFieldIsHealthyOnceMigrated takes a database with rows in it back to the first file of each folder: what was
// installed before there was a doctor.
func TestADatabaseInTheFieldIsHealthyOnceMigrated(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	d.NewTenant(t)
	if err := migrate.Down(d.URL("app_owner"), "river"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", "migrate", folder, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for range files[1:] {
			if err := migrate.Down(d.URL("app_owner"), folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{})
	if err != nil || !found(got, "migrations", "table app.place_migrations", "older than this program") || !found(got, "migrations", "table control.river_migration", "not there") {
		t.Errorf("before: %v\n%s", err, got)
	}
	if err := migrate.Up(t.Context(), d.URL("app_owner"), io.Discard); err != nil {
		t.Fatal(err)
	}
	healthy(t, d)
}

// same reports the lines that only one of them has.
func same(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("was, and is no more: %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("was not before: %s", line)
		}
	}
}

func TestEveryMigrationHasADownBlock(t *testing.T) {
	t.Parallel()
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", "migrate", folder, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, down, _ := strings.Cut(string(text), "-- migrate:down")
			if strings.TrimSpace(down) == "" {
				t.Errorf("%s cannot be taken back", file)
			}
		}
	}
}

func TestSeveralMigratorsOfAnEmptyDatabaseTakeTurns(t *testing.T) {
	t.Parallel()
	shared := dbtest.New(t)
	whole := scan[string](t, shared.Connect(t, "postgres"), everything)
	url := func(role string) func(string) string {
		return func(name string) string {
			other := *shared
			other.Name = name
			return other.URL(role)
		}
	}
	name := "empty_" + strings.ToLower(rand.Text())
	if err := migrate.Cluster(t.Context(), url("postgres"), name); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	const migrators = 3
	for range migrators {
		go func() { done <- migrate.Up(t.Context(), url("app_owner")(name), io.Discard) }()
	}
	for range migrators {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	super, err := pgx.Connect(t.Context(), url("postgres")(name))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(t.Context())
	same(t, whole, scan[string](t, super, everything))
}

// The same number twice in one folder would be applied once.
func TestMigrationsAreNumberedApart(t *testing.T) {
	t.Parallel()
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", "migrate", folder, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		for _, file := range files {
			number, _, _ := strings.Cut(filepath.Base(file), "_")
			if other := seen[number]; other != "" || len(number) != len("20261123100000") {
				t.Errorf("%s: its number is taken by %q, or not a time", file, other)
			}
			seen[number] = file
		}
	}
}
