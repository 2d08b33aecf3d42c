package isolation_test

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
)

// mutant is one way of breaking the schema that has happened to somebody.
type mutant struct {
	name   string
	harm   string
	undo   string
	object string // as the matrix calls it; empty: public.jobs
	role   string // attributes of a role that is taken for the tenant role; the name of one of ours begins with app_
}

// mutants are all caught, by Doctor or by the matrix: most by both.
var mutants = []mutant{
	{"no FORCE", "ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY", "ALTER TABLE jobs FORCE ROW LEVEL SECURITY", "", ""},
	{"row-level security off", "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY", "ALTER TABLE jobs ENABLE ROW LEVEL SECURITY", "", ""},
	{"USING (true)", "ALTER POLICY tenant_select ON jobs USING (true)", "ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))", "", ""},
	{"WITH CHECK (true)", "ALTER POLICY tenant_insert ON jobs WITH CHECK (true)", "ALTER POLICY tenant_insert ON jobs WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))", "", ""},
	{"a policy dropped", "DROP POLICY tenant_delete ON jobs", "CREATE POLICY tenant_delete ON jobs FOR " + deleting, "", ""},
	{"an extra permissive policy", "CREATE POLICY support ON jobs FOR SELECT TO app_tenant USING (triage = 'new')", "DROP POLICY support ON jobs", "", ""},
	{"one policy for reading and writing", "ALTER POLICY tenant_update ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])) WITH CHECK (tenant_id = (SELECT tenant_id FROM app.context))",
		"ALTER POLICY tenant_update ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)])) WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))", "", ""},
	{"a policy that trusts the setting", "ALTER POLICY tenant_select ON jobs USING (tenant_id::text = current_setting('app.tenant_id', true))",
		"ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))", "", ""},
	{"a policy that raises", "ALTER POLICY tenant_select ON jobs USING (tenant_id = current_setting('app.tenant_id')::uuid)",
		"ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))", "", ""},
	{"key without tenant_id", "ALTER TABLE jobs ADD CONSTRAINT harm UNIQUE (external_key)", "ALTER TABLE jobs DROP CONSTRAINT harm", "", ""},
	{"unique index without tenant_id", "CREATE UNIQUE INDEX harm ON users (clerk_id)", "DROP INDEX harm", "public.users", ""},
	{"single-column foreign key", defences["foreign key probe"].harm, defences["foreign key probe"].undo, "public.proposals", ""},
	{"view without security_invoker", "CREATE VIEW all_jobs AS SELECT * FROM jobs; GRANT SELECT ON all_jobs TO app_tenant", "DROP VIEW all_jobs", "public.all_jobs", ""},
	{"materialized view granted", "CREATE MATERIALIZED VIEW totals AS SELECT tenant_id, count(*) FROM jobs GROUP BY 1; GRANT SELECT ON totals TO app_tenant", "DROP MATERIALIZED VIEW totals", "public.totals", ""},
	{"definer function without check", "CREATE FUNCTION job_titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT title FROM public.jobs'; GRANT EXECUTE ON FUNCTION job_titles() TO app_tenant",
		"DROP FUNCTION job_titles()", "public.job_titles()", ""},
	{"definer function without search_path", "ALTER FUNCTION search_jobs RESET ALL", "ALTER FUNCTION search_jobs SET search_path = pg_catalog, pg_temp", "public.search_jobs(text)", ""},
	{"search without its tenant", defences["function"].harm, defences["function"].undo, "public.search_jobs(text)", ""},
	{"owner_of granted to the tenant role", "GRANT EXECUTE ON FUNCTION owner_of TO app_tenant", "REVOKE EXECUTE ON FUNCTION owner_of FROM app_tenant", "public.owner_of(text, uuid)", ""},
	{"trigger that writes elsewhere", defences["trigger side effect"].harm, defences["trigger side effect"].undo, "", ""},
	{"TRUNCATE granted", "GRANT TRUNCATE ON jobs TO app_tenant", "REVOKE TRUNCATE ON jobs FROM app_tenant", "", ""},
	{"history can be changed", "GRANT UPDATE, DELETE ON analytics TO app_tenant", "REVOKE UPDATE, DELETE ON analytics FROM app_tenant", "public.analytics", ""},
	{"unprotected partition", `CREATE TABLE notes (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id); CALL app.protect('notes');
		CREATE TABLE notes_0 PARTITION OF notes FOR VALUES WITH (MODULUS 1, REMAINDER 0); GRANT SELECT, INSERT ON notes_0 TO app_tenant`, "DROP TABLE notes", "public.notes_0", ""},
	{"table without row-level security", "CREATE TABLE notes (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id)); GRANT SELECT, INSERT ON notes TO app_tenant", "DROP TABLE notes", "public.notes", ""},
	{"table without tenant_id", "CREATE TABLE notes (id uuid PRIMARY KEY, body text); GRANT SELECT ON notes TO app_tenant", "DROP TABLE notes", "public.notes", ""},
	{"rule that copies elsewhere", "CREATE RULE harm AS ON INSERT TO jobs DO ALSO UPDATE users SET name = name WHERE tenant_id <> new.tenant_id", "DROP RULE harm ON jobs", "", ""},
	{"sequence granted", "CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO app_tenant", "DROP SEQUENCE numbers", "public.numbers", ""},
	{"the fence readable", "GRANT SELECT ON app.fence TO app_tenant; CREATE POLICY harm ON app.fence TO app_tenant USING (true)", "DROP POLICY harm ON app.fence; REVOKE SELECT ON app.fence FROM app_tenant", "app.fence", ""},
	{"the control plane readable", "GRANT USAGE ON SCHEMA control TO app_tenant; GRANT SELECT ON control.directory TO app_tenant", "REVOKE SELECT ON control.directory FROM app_tenant; REVOKE USAGE ON SCHEMA control FROM app_tenant", "control.directory", ""},
	{"a gate that asks for no token", leakyView, soundView, "", ""},
	{"a gate that forgets the time", anyTime.harm, anyTime.undo, "", ""},
	{"a gate that lets suspended tenants in", state("context", readable, "suspended").harm, state("context", readable, "suspended").undo, "", ""},
	{"a gate that sets for the session", strings.ReplaceAll(soundGate, ", true)", ", false)"), soundGate, "app.set_tenant(uuid, text)", ""},
	{"a gate that leaves open on null", strings.ReplaceAll(strings.ReplaceAll(soundGate, "coalesce(tenant::text, '')", "tenant::text"), "coalesce(token, '')", "token"), soundGate, "", ""},
	{"BYPASSRLS", "", "", "", "BYPASSRLS"},
	{"superuser", "", "", "", "SUPERUSER"},
	{"owner as tenant role", "", "", "", "app_owner"},
}

// TestEveryMutantIsCaught breaks the schema in one way after the other, and mends it.
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	newTenant(t, d, place.Active, 1)
	sound, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	caught := 0
	for _, m := range mutants {
		o, undo := m.make(t, d)
		diagnosis, err := db.Examine(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		report, err := db.Prove(t.Context(), o, isolation.ProofOptions{}.Only([]string{"own", "null", "other", "stale settings", "read-only", "suspended"}, nil, []string{cmp.Or(m.object, "public.jobs")}))
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		undo()
		diagnosis.Findings = slices.DeleteFunc(diagnosis.Findings, func(f isolation.Finding) bool { return slices.Contains(sound.Findings, f) })
		by := m.by(diagnosis, report)
		t.Logf("%-38s %s", m.name, by)
		if by != "" {
			caught++
		} else {
			t.Errorf("%s: nobody noticed", m.name)
		}
	}
	t.Logf("%d of %d mutants caught", caught, len(mutants))
	if found, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{}); err != nil || !slices.Equal(found.Findings, sound.Findings) {
		t.Errorf("after mending: %v\n%s", err, found)
	}
}

// make brings the mutant about, and returns how to connect to it and how to mend it.
func (m mutant) make(t *testing.T, d *dbtest.Database) (db.Options, func()) {
	t.Helper()
	super := d.Connect(t, "postgres")
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	o := db.Options{TenantURL: d.URL("app_tenant"), ControlURL: d.URL("app_control"), Keys: []db.SealKey{key}}
	switch {
	case m.role == "":
		mustExec(t, super, m.harm)
		return o, func() { mustExec(t, super, m.undo) }
	case strings.HasPrefix(m.role, "app_"):
		o.TenantURL = d.URL(m.role)
		return o, func() {}
	}
	name := "role_" + strings.ToLower(rand.Text())
	mustExec(t, super, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN %[2]s; GRANT CONNECT ON DATABASE %[3]s TO %[1]s; GRANT USAGE ON SCHEMA app, public TO %[1]s;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %[1]s; GRANT SELECT ON app.readable, app.context, app.writable TO %[1]s;
		GRANT EXECUTE ON FUNCTION app.set_tenant, pg_advisory_xact_lock_shared(bigint) TO %[1]s`, name, m.role, d.Name))
	o.TenantURL = d.URL(name)
	return o, func() { mustExec(t, super, "DROP OWNED BY "+name+"; DROP ROLE "+name) }
}

// by says who has caught the mutant, and by what.
func (m mutant) by(found isolation.Diagnosis, report isolation.Report) string {
	var all []string
	if len(found.Findings) > 0 {
		f := found.Findings[0]
		all = append(all, fmt.Sprintf("doctor: %s: %s", f.Object, f.Fault))
	}
	for _, b := range report.Breaches {
		all = append(all, fmt.Sprintf("matrix: %s, %d findings, the first: %s of %s", b.Kind, report.Leaks+report.Oracles+report.Unproven, b.Attack, b.Object))
		break
	}
	return strings.Join(all, " | ")
}
