package isolation_test

import (
	"fmt"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
)

// defence is what holds an attack off, or a context closed, and what is there without it.
type defence struct {
	harm   string // takes it away
	undo   string // gives it back
	object string // where it is missed; empty: public.jobs
	from   string // the context in which an attack then works; empty: own
	kind   isolation.Kind
}

const (
	dropHole = "DROP POLICY hole ON jobs"
	gateOf   = `CREATE OR REPLACE VIEW app.%s WITH (security_barrier = true) AS SELECT %s FROM app.fence f
		WHERE f.tenant = current_setting('app.tenant_id', true)
		  AND sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8')) = ANY (ARRAY[f.seal, f.next_seal])
		  AND CASE WHEN f.state = ANY ('{%s}'::text[]) THEN %s AND current_setting('transaction_isolation') = 'read committed' END OFFSET 0`
	thisTime = "now()::text = current_setting('app.tenant_at', true)"
)

// hole is a policy that lets through whatever fits a condition, of whichever tenant.
func hole(condition string) defence {
	return defence{harm: fmt.Sprintf("CREATE POLICY hole ON jobs TO app_tenant USING (%[1]s) WITH CHECK (%[1]s)", condition), undo: dropHole, kind: isolation.Leak}
}

// policies is that there is no policy which lets everything through.
var policies = hole("true")

// granted is that the tenant role has no right on what is closed.
func granted(privilege, object string) defence {
	return defence{harm: fmt.Sprintf("GRANT USAGE ON SCHEMA control TO app_tenant; GRANT %s ON %s TO app_tenant", privilege, object),
		undo:   fmt.Sprintf("REVOKE %s ON %s FROM app_tenant; REVOKE USAGE ON SCHEMA control FROM app_tenant", privilege, object),
		object: object, kind: isolation.Leak}
}

// policy is one of app.protect: without it, a positive control does not work.
func policy(name, command string) defence {
	return defence{harm: "DROP POLICY " + name + " ON jobs", undo: "CREATE POLICY " + name + " ON jobs FOR " + command, kind: isolation.Unproven}
}

const (
	updating = "UPDATE TO app_tenant USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)])) WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))"
	deleting = "DELETE TO app_tenant USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)]))"
	reading  = "SELECT TO app_tenant USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))"
	search   = "CREATE OR REPLACE FUNCTION search_jobs(query text) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp BEGIN ATOMIC SELECT j.id FROM public.jobs j WHERE %s j.search @@ websearch_to_tsquery('english', query); END"
)

// defences are what holds each attack off.
var defences = map[string]defence{
	"select": policies, "sweep": policies, "insert": policies, "insert returning": policies, "update": policies, "update returning": policies,
	"update of tenant_id, taking": policies, "update of tenant_id, giving": policies, "delete": policies, "delete returning": policies,
	"upsert, do nothing": policies, "upsert, do update": policies, "merge, update": policies, "merge, delete": policies, "merge, insert": policies,
	"copy out": policies, "lock row": policies, "share row": policies, "lock table": policies, "cursor": policies, "common table expression": policies,
	"copy in":  {harm: "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY", undo: "ALTER TABLE jobs ENABLE ROW LEVEL SECURITY", kind: isolation.Leak},
	"explain":  {harm: "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY", undo: "ALTER TABLE jobs ENABLE ROW LEVEL SECURITY", kind: isolation.Leak},
	"truncate": {harm: "GRANT TRUNCATE ON jobs TO app_tenant", undo: "REVOKE TRUNCATE ON jobs FROM app_tenant", kind: isolation.Leak},
	"prepared plan": {harm: `CREATE FUNCTION app.planned() RETURNS uuid IMMUTABLE LANGUAGE sql AS 'SELECT tenant_id FROM app.context';
		GRANT EXECUTE ON FUNCTION app.planned() TO app_tenant; ALTER POLICY tenant_select ON jobs USING (tenant_id = app.planned())`,
		undo: "ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])); DROP FUNCTION app.planned()", kind: isolation.Leak},
	"foreign key probe": {harm: `ALTER TABLE jobs ADD CONSTRAINT hole UNIQUE (id); ALTER TABLE proposals DROP CONSTRAINT proposals_tenant_id_job_id_fkey;
		ALTER TABLE proposals ADD CONSTRAINT hole FOREIGN KEY (job_id) REFERENCES jobs (id)`,
		undo: `ALTER TABLE proposals DROP CONSTRAINT hole; ALTER TABLE proposals ADD FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id);
		ALTER TABLE jobs DROP CONSTRAINT hole`, object: "public.proposals", kind: isolation.Leak},
	"unique probe":             {harm: "ALTER TABLE jobs ADD CONSTRAINT hole UNIQUE (external_key)", undo: "ALTER TABLE jobs DROP CONSTRAINT hole", kind: isolation.Oracle},
	"unique probe, do nothing": {harm: "ALTER TABLE jobs ADD CONSTRAINT hole UNIQUE (id)", undo: "ALTER TABLE jobs DROP CONSTRAINT hole", kind: isolation.Oracle},
	"trigger side effect": {harm: `CREATE FUNCTION hole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
		UPDATE public.users SET name = name || '!' WHERE tenant_id <> NEW.tenant_id; RETURN NULL; END $$;
		CREATE TRIGGER hole AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION hole()`, undo: "DROP FUNCTION hole() CASCADE", kind: isolation.Leak},
	"own select": policy("tenant_select", reading), "own update": policy("tenant_update", updating), "own upsert": policy("tenant_update", updating),
	"own merge": policy("tenant_update", updating), "own delete": policy("tenant_delete", deleting),
	"own insert": {harm: "ALTER POLICY tenant_insert ON jobs WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable WHERE state = 'active'))",
		undo: "ALTER POLICY tenant_insert ON jobs WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))", from: "copying", kind: isolation.Unproven},
	"read what is closed": granted("SELECT", "control.sessions"), "write what is closed": granted("INSERT", "control.sessions"),
	"change what is closed": granted("UPDATE", "control.sessions"), "delete what is closed": granted("DELETE", "control.sessions"),
	"copy what is closed": granted("SELECT", "control.sessions"), "empty what is closed": granted("TRUNCATE", "control.sessions"),
	"lock what is closed": granted("SELECT", "control.sessions"), "count with a sequence": granted("USAGE", "control.river_job_id_seq"),
	"read a sequence": granted("SELECT", "control.river_job_id_seq"),
	"view":            {harm: "CREATE VIEW all_jobs AS SELECT * FROM jobs; GRANT SELECT ON all_jobs TO app_tenant", undo: "DROP VIEW all_jobs", object: "public.all_jobs", kind: isolation.Leak},
	"function":        {harm: fmt.Sprintf(search, ""), undo: fmt.Sprintf(search, "j.tenant_id = (SELECT c.tenant_id FROM app.context c) AND"), object: "public.search_jobs(text)", kind: isolation.Leak},
	"canary": {harm: "CREATE TABLE notes (tenant_id uuid NOT NULL, id uuid NOT NULL, body text NOT NULL CHECK (body ~ '^Dear '), PRIMARY KEY (tenant_id, id)); CALL app.protect('notes')",
		undo: "DROP TABLE notes", object: "public.notes", kind: isolation.Unproven},
}

// byID believes whoever names a tenant.
var byID = hole("tenant_id::text = current_setting('app.tenant_id', true)")

// bySeal lets whoever holds a tenant's token act as whom they please.
func bySeal(condition string) defence {
	return defence{
		harm: "CREATE VIEW app.hole AS SELECT f.tenant_id FROM app.fence f WHERE " + condition + "; GRANT SELECT ON app.hole TO app_tenant; CREATE POLICY hole ON jobs TO app_tenant USING (tenant_id = (SELECT h.tenant_id FROM app.hole h))",
		undo: dropHole + "; DROP VIEW app.hole", kind: isolation.Leak}
}

// state lets a tenant in that is in a state which must not.
func state(view, sound, more string) defence {
	return defence{harm: gateView(view, sound+","+more, thisTime), undo: gateView(view, sound, thisTime), kind: isolation.Leak}
}

const (
	readable = "active,copying,read_only"
	writable = "active,copying"
)

// anyTime is that settings hold in their own transaction only.
var anyTime = defence{harm: gateView("readable", readable, "true") + ";" + gateView("writable", writable, "true"),
	undo: gateView("readable", readable, thisTime) + ";" + gateView("writable", writable, thisTime), kind: isolation.Leak}

// gateView makes a view of the gate, with the states that it lets through and what it asks of the time.
func gateView(name, states, when string) string {
	columns := "f.tenant_id, f.state"
	if name == "readable" {
		columns = "f.tenant_id"
	}
	return fmt.Sprintf(gateOf, name, columns, states, when)
}

// closures are what holds each context closed, or open.
var closures = map[string]defence{
	"own":                       policy("tenant_select", reading),
	"no tenant":                 hole("current_setting('app.tenant_id', true) = ''"),
	"no tenant, new connection": hole("current_setting('app.tenant_id', true) IS NULL"),
	"empty":                     hole("current_setting('app.tenant_id', true) = '' AND current_setting('app.tenant_token', true) = ''"),
	"empty id":                  hole("current_setting('app.tenant_id', true) = '' AND current_setting('app.tenant_token', true) <> ''"),
	"null":                      hole("coalesce(current_setting('app.tenant_id', true), '') = ''"),
	"malformed":                 hole("(SELECT current_setting('app.tenant_id', true)::uuid IS NULL)"), // it raises
	"malformed, upper case":     hole("tenant_id::text = lower(current_setting('app.tenant_id', true))"),
	"unknown":                   byID,
	"other":                     byID,
	"other's token":             bySeal("f.seal = sha256(convert_to(current_setting('app.tenant_token', true), 'UTF8'))"),
	"forged":                    byID,
	"forged, the digest":        bySeal("encode(f.seal, 'hex') = current_setting('app.tenant_token', true)"),
	"stale":                     byID,
	"stale settings":            anyTime,
	"stale session":             anyTime,
	"copying":                   {harm: gateView("writable", "active", thisTime), undo: gateView("writable", writable, thisTime), kind: isolation.Unproven},
	"read-only":                 state("writable", writable, "read_only"),
	"suspended":                 state("readable", readable, "suspended"),
	"incoming":                  state("readable", readable, "incoming"),
	"moved":                     state("readable", readable, "moved"),
	"erasing":                   state("readable", readable, "erasing"),
}

// TestEachAttackWorksWhenItsDefenceIsTakenAway shows that the matrix could find what it does not find.
func TestEachAttackWorksWhenItsDefenceIsTakenAway(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	newTenant(t, d, place.Active, 1) // whose rows are there all the time
	for _, name := range isolation.Attacks() {
		x, ok := defences[name]
		if !ok {
			t.Errorf("%s: nobody has shown that it would work without a defence", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			from := x.from
			if from == "" {
				from = "own"
			}
			var only []string
			if name != "canary" {
				only = []string{name}
			}
			x.bites(t, d, isolation.ProofOptions{}.Only([]string{from}, only, x.objects()), func(b isolation.Breach) bool { return b.Attack == name && b.Context == from })
		})
	}
	mended(t, d, "own", "copying")
}

// TestEachContextIsOpenWhenItsDefenceIsTakenAway shows the same of the contexts.
func TestEachContextIsOpenWhenItsDefenceIsTakenAway(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	newTenant(t, d, place.Active, 1)
	for _, name := range isolation.Contexts() {
		x, ok := closures[name]
		if !ok {
			t.Errorf("%s: nobody has shown that it would be open without a defence", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			x.bites(t, d, isolation.ProofOptions{}.Only([]string{name}, nil, x.objects()), func(b isolation.Breach) bool { return b.Context == name })
		})
	}
	mended(t, d, isolation.Contexts()...)
}

func (x defence) objects() []string {
	if x.object == "" {
		return []string{"public.jobs"}
	}
	return []string{x.object}
}

// bites proves the database without the defence.
func (x defence) bites(t *testing.T, d *dbtest.Database, o isolation.ProofOptions, is func(isolation.Breach) bool) {
	t.Helper()
	super := d.Connect(t, "postgres")
	mustExec(t, super, x.harm)
	found, err := isolation.Prove(t.Context(), d.DB, o)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, super, x.undo)
	bitten := false
	for _, b := range found.Breaches {
		bitten = bitten || is(b) && b.Kind == x.kind && b.Object == x.objects()[0]
	}
	if !bitten {
		t.Errorf("without its defence it is not found as %s; of %d checks: %v", x.kind, found.Checks, found.Breaches)
	}
}

// mended proves the database with every defence back in its place.
func mended(t *testing.T, d *dbtest.Database, contexts ...string) {
	t.Helper()
	found, err := isolation.Prove(t.Context(), d.DB, isolation.ProofOptions{}.Only(contexts, nil, nil))
	if err != nil || found.Checks == 0 || len(found.Breaches) > 0 {
		t.Errorf("with every defence: %d checks, %v, %v", found.Checks, found.Breaches, err)
	}
}
