package isolation_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

// rule is one thing that holds of the whole schema: its query finds what breaks it. Each is tried on a schema that
// breaks it, by harm.
type rule struct {
	name string
	sql  string
	harm string
	find string
}

// keyed says of every table of a home which column is its tenant: the table of tenants is the one without a
// tenant_id.
const keyed = `
	WITH home AS (
	  SELECT c.oid, c.relname::text AS name, a.attnum AS key
	  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END
	  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p'))`

var rules = []rule{
	{"every table of a home has a tenant, which is a uuid and never null", keyed + `
		SELECT c.relname::text FROM pg_class c LEFT JOIN home h ON h.oid = c.oid LEFT JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum = h.key
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		  AND (a.attnum IS NULL OR NOT a.attnotnull OR a.atttypid <> 'uuid'::regtype)`,
		"CREATE TABLE bad (tenant_id uuid)", "bad"},
	{"every table of a home has a primary key", keyed + `
		SELECT h.name FROM home h WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = h.oid AND i.indisprimary)`,
		"CREATE TABLE bad (tenant_id uuid NOT NULL)", "bad"},
	{"every index, unique or not, is led by the tenant", keyed + `
		SELECT i.indexrelid::regclass::text FROM pg_index i JOIN home h ON h.oid = i.indrelid WHERE i.indkey[0] <> h.key`,
		"CREATE INDEX bad ON jobs (external_key, tenant_id)", "bad"},
	{"every unique index is led by the tenant", keyed + `
		SELECT i.indexrelid::regclass::text FROM pg_index i JOIN home h ON h.oid = i.indrelid WHERE i.indisunique AND i.indkey[0] <> h.key`,
		"ALTER TABLE users ADD CONSTRAINT bad UNIQUE (email)", "bad"},
	{"no exclusion constraint, which would tell like a unique key", keyed + `
		SELECT c.conname::text FROM pg_constraint c JOIN home h ON h.oid = c.conrelid WHERE c.contype = 'x' AND c.conkey[1] <> h.key`,
		"ALTER TABLE users ADD CONSTRAINT bad EXCLUDE USING btree (email WITH =)", "bad"},
	{"every foreign key carries the tenant, on both sides and against each other", keyed + `
		SELECT c.conname::text FROM pg_constraint c JOIN home h ON h.oid = c.conrelid LEFT JOIN home f ON f.oid = c.confrelid
		WHERE c.contype = 'f' AND (f.oid IS NULL OR array_position(c.conkey, h.key) IS NULL
		  OR array_position(c.conkey, h.key) IS DISTINCT FROM array_position(c.confkey, f.key))`,
		"ALTER TABLE jobs ADD UNIQUE (id); ALTER TABLE proposals ADD CONSTRAINT bad FOREIGN KEY (job_id) REFERENCES jobs (id)", "bad"},
	{"no foreign key sets the tenant to null or to a default, nor follows its change", keyed + `
		SELECT c.conname::text FROM pg_constraint c JOIN home h ON h.oid = c.conrelid
		WHERE c.contype = 'f' AND (c.confupdtype <> 'a' OR c.confdeltype = 'd'
		  OR c.confdeltype = 'n' AND (c.confdelsetcols IS NULL OR h.key = ANY (c.confdelsetcols)))`,
		"ALTER TABLE jobs ADD CONSTRAINT bad FOREIGN KEY (tenant_id, assignee_id) REFERENCES users ON DELETE SET NULL", "bad"},
	{"every foreign key has an index that is led by its columns", keyed + `
		SELECT c.conname::text FROM pg_constraint c JOIN home h ON h.oid = c.conrelid
		WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i
		  WHERE i.indrelid = c.conrelid AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)`,
		"ALTER TABLE jobs ADD COLUMN x uuid, ADD CONSTRAINT bad FOREIGN KEY (tenant_id, x) REFERENCES jobs", "bad"},
	{"every constraint is valid", `SELECT conname::text FROM pg_constraint WHERE NOT convalidated`,
		"ALTER TABLE jobs ADD CONSTRAINT bad CHECK (title <> '') NOT VALID", "bad"},
	{"no sequence", `SELECT relname::text FROM pg_class WHERE relkind = 'S'`,
		"CREATE TABLE control.numbered (id bigint GENERATED ALWAYS AS IDENTITY)", "numbered_id_seq"},
	{"no views but the gate's, no materialized views and no foreign tables", `
		SELECT relname::text FROM pg_class
		WHERE relkind IN ('v', 'm', 'f') AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
		  AND relname NOT IN ('opened', 'context', 'writable', 'moving')`,
		"CREATE VIEW bad WITH (security_invoker = true) AS SELECT id FROM jobs", "bad"},
	{"the listed SECURITY DEFINER functions only, with a pinned search_path", `
		SELECT proname::text FROM pg_proc
		WHERE prosecdef AND NOT (oid::regprocedure::text = 'search_jobs(text)' AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'] AND proowner::regrole::text = 'app_search')`,
		"CREATE FUNCTION bad() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'", "bad"},
	{"no function of ours for everybody", `
		SELECT p.proname::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE a.grantee = 0 AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`,
		"CREATE FUNCTION bad() RETURNS int LANGUAGE sql AS 'SELECT 1'", "bad"},
	{"nothing of ours for everybody", `
		SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) a
		WHERE a.grantee = 0 AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
		UNION ALL
		SELECT n.nspname::text FROM pg_namespace n, aclexplode(n.nspacl) a
		WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
		"GRANT SELECT ON app.fence TO PUBLIC", "fence"},
	{"tables belong to the owner", `
		SELECT c.relname::text FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('public', 'app', 'control') AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> 'app_owner'::regrole`,
		"CREATE TABLE bad (tenant_id uuid)", "bad"},
	{"history and audit are written once", `
		SELECT c.relname::text FROM pg_class c CROSS JOIN unnest(ARRAY['UPDATE', 'DELETE']) p (privilege)
		WHERE c.oid IN ('proposal_versions'::regclass, 'proposal_events'::regclass, 'analytics'::regclass)
		  AND (has_table_privilege('app_tenant', c.oid, privilege) OR privilege = 'UPDATE' AND has_any_column_privilege('app_tenant', c.oid, privilege))`,
		"GRANT UPDATE (detail) ON analytics TO app_tenant", "analytics"},
	{"no filter of an enum, which is not leakproof and so uses no index", `
		SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relnamespace = 'public'::regnamespace AND t.typtype = 'e'`,
		"CREATE TYPE mood AS ENUM ('x'); ALTER TABLE jobs ADD COLUMN bad mood", "bad"},
}

func TestTheSchemaKeepsItsRules(t *testing.T) {
	t.Parallel()
	super := dbtest.New(t).Connect(t, "postgres")
	for _, x := range rules {
		if found := scan[string](t, super, x.sql); len(found) > 0 {
			t.Errorf("%s: %v", x.name, found)
		}
	}
}

// TestTheRulesNoticeWhatBreaksThem does the harm in a transaction of a database of its own, and rolls it back.
func TestTheRulesNoticeWhatBreaksThem(t *testing.T) {
	t.Parallel()
	super := dbtest.Own(t).Connect(t, "postgres")
	for _, x := range rules {
		tx := begin(t, super)
		mustExec(t, super, x.harm)
		if found := scan[string](t, tx, x.sql); !slices.Contains(found, x.find) {
			t.Errorf("%s: not noticed: %s; found %v", x.name, x.harm, found)
		}
		end(t, tx)
	}
}

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
		opened := func(view string) bool { return len(scan[string](t, tx, "SELECT state FROM app."+view)) == 1 }
		if got := (place.Access{Read: opened("context"), Write: opened("writable")}); got != may {
			t.Errorf("%s: the gate allows %+v, the code %+v", state, got, may)
		}
		end(t, tx)
	}
}
