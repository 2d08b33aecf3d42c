package isolation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

// asked is a tenant with a row in every table, registered, with members of every role.
type asked struct {
	*dbtest.Tenant
	tenant
}

// newAsked fills what dbtest makes with the rows of the makers, past every policy.
func newAsked(t *testing.T, d *dbtest.Database) asked {
	t.Helper()
	n := d.NewTenant(t)
	a := asked{n, tenant{id: n.ID, name: n.Name, token: d.Token(n.ID, 1)}}
	super := d.Connect(t, "postgres")
	for _, m := range makers {
		if m.one {
			continue
		}
		for i := range 2 {
			sql, args := insert(m.table, m.row(a.tenant, i))
			mustExec(t, super, sql, args...)
		}
	}
	return a
}

func (a asked) question(role db.Role, operation, table, id string) isolation.Question {
	return isolation.Question{Tenant: a.Tenant.ID.String(), Member: a.Members[role], Table: table, ID: id, Operation: operation}
}

func why(t *testing.T, d *db.DB, q isolation.Question) isolation.Answer {
	t.Helper()
	got, err := isolation.Why(t.Context(), d, q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return got
}

// decides fails the test unless the step of this name decides, saying this.
func decides(t *testing.T, got isolation.Answer, step, says string) {
	t.Helper()
	if got.Allowed || got.Decider != step || !strings.Contains(got.Verdict, says) {
		t.Errorf("%s decides, want %s, saying %q:\n%s", got.Decider, step, says, got)
	}
}

// obstacle is one way to be refused.
type obstacle struct {
	name       string
	harm, undo string // %t is the tenant, %k its token
	question   isolation.Question
	step, says string // of whom decides
}

// obstacles are one or more of every step, for a beside b.
func obstacles(a, b asked) []obstacle {
	own, foreign := a.of("jobs", 1).String(), b.of("jobs", 0).String()
	return []obstacle{
		{"another tenant's row", "", "", a.question(db.Owner, "select", "jobs", foreign), "row", "it belongs to " + b.Name + ", tenant " + b.Tenant.ID.String()},
		{"a row that nobody has", "", "", a.question(db.Owner, "select", "jobs", uuid.NewString()), "row", "and in no other"},
		{"a row of a table that owner_of does not know", "", "", a.question(db.Owner, "select", "users", b.of("users", 0).String()), "row", "no such row in this tenant"},
		{"a change of another tenant's row", "", "", a.question(db.Owner, "update", "jobs", foreign), "row", "it belongs to " + b.Name},
		{"a key that is taken", "", "", a.question(db.Owner, "insert", "jobs", own), "row", "in the tenant already"},
		{"another tenant's member", "", "", isolation.Question{Tenant: a.Tenant.ID.String(), Member: b.Members[db.Owner], Table: "jobs", ID: own}, "member", "not a member"},
		{"a viewer who writes", "", "", a.question(db.Viewer, "update", "jobs", own), "app", "demand the role member, and the member is viewer"},
		{"a member at the audit", "", "", a.question(db.MemberRole, "select", "analytics", a.of("analytics", 0).String()), "app", "demand the role admin"},
		{"what no page does", "", "", a.question(db.Owner, "delete", "imports", a.of("imports", 1).String()), "app", "no page lets anybody delete"},
		{"history is written once", "", "", a.question(db.Owner, "update", "analytics", a.of("analytics", 0).String()), "grant", "may not UPDATE"},
		{"a job that nobody imported", "", "", a.question(db.Owner, "delete", "jobs", own), "app", "only undoing the import that brought it deletes it"},
		{"a row that others point at", "UPDATE jobs SET assignee_id = NULL WHERE tenant_id = '%t'; " + undoBy(a, db.Owner, a.of("jobs", 0)), "UPDATE undos SET expires_at = '2026-05-03' WHERE tenant_id = '%t'",
			a.question(db.Owner, "delete", "jobs", a.of("jobs", 0).String()), "trial", "SQLSTATE 23503 of table proposals: the foreign key proposals_tenant_id_job_id_fkey"},
		{"a row that a check forbids by now", "ALTER TABLE jobs ADD CONSTRAINT late CHECK (title <> title) NOT VALID", "ALTER TABLE jobs DROP CONSTRAINT late",
			a.question(db.Owner, "update", "jobs", own), "trial", "SQLSTATE 23514: the check late"},
		{"an import that was confirmed", "UPDATE imports SET state = 'imported', imported_at = now() WHERE tenant_id = '%t'", "UPDATE imports SET state = 'previewed', imported_at = NULL WHERE tenant_id = '%t'",
			a.question(db.Owner, "update", "imports", a.of("imports", 0).String()), "app", "confirmed once"},
		{"a change that was undone", undoBy(a, db.Owner, own) + "; UPDATE undos SET undone_at = now() WHERE tenant_id = '%t'", "UPDATE undos SET undone_at = NULL WHERE tenant_id = '%t'",
			a.question(db.Owner, "update", "undos", a.of("undos", 0).String()), "app", "undone already"},
		{"a change of long ago", "UPDATE undos SET expires_at = now() - interval '1 minute' WHERE tenant_id = '%t'", "",
			a.question(db.Owner, "update", "undos", a.of("undos", 0).String()), "app", "it has expired"},
		{"what can still be undone", "UPDATE undos SET expires_at = now() + interval '1 minute' WHERE tenant_id = '%t'", "",
			a.question(db.Owner, "delete", "undos", a.of("undos", 0).String()), "app", "it has not expired"},
		{"a notice that was seen", "", "", a.question(db.Owner, "update", "alerts", a.of("alerts", 0).String()), "app", "seen already"},
		{"a suspended tenant", "UPDATE app.fence SET state = 'suspended' WHERE tenant_id = '%t'", "UPDATE app.fence SET state = 'active' WHERE tenant_id = '%t'",
			a.question(db.Owner, "select", "jobs", own), "state", "suspended: nobody may read or write"},
		{"a tenant that is read only", "UPDATE app.fence SET state = 'read_only' WHERE tenant_id = '%t'", "UPDATE app.fence SET state = 'active' WHERE tenant_id = '%t'",
			a.question(db.Owner, "update", "jobs", own), "state", "nobody may write"},
		{"an old epoch", "UPDATE control.registry SET epoch = 2 WHERE tenant_id = '%t'", "UPDATE control.registry SET epoch = 1 WHERE tenant_id = '%t'",
			a.question(db.Owner, "select", "jobs", own), "fence", "epoch 1, the registry in epoch 2"},
		{"another key", "UPDATE app.fence SET seal = sha256('x') WHERE tenant_id = '%t'", "UPDATE app.fence SET seal = sha256('%k') WHERE tenant_id = '%t'",
			a.question(db.Owner, "select", "jobs", own), "fence", "none of the configured SEAL_KEYS"},
		{"no fence", "UPDATE app.fence SET tenant_id = '00000000-0000-4000-8000-00000000000d' WHERE tenant_id = '%t'", "UPDATE app.fence SET tenant_id = '%t' WHERE tenant_id = '00000000-0000-4000-8000-00000000000d'",
			a.question(db.Owner, "select", "jobs", own), "fence", "no fence"},
		{"a place that there is not", "UPDATE control.registry SET place = 'nowhere' WHERE tenant_id = '%t'", "UPDATE control.registry SET place = 'main' WHERE tenant_id = '%t'",
			a.question(db.Owner, "select", "jobs", own), "place", "nowhere: nobody gets in"},
		{"a member who was removed", "UPDATE users SET removed_at = now() WHERE tenant_id = '%t' AND role = 'manager'", "UPDATE users SET removed_at = NULL WHERE tenant_id = '%t'",
			a.question(db.Manager, "select", "jobs", own), "member", "was removed"},
		{"a directory without the tenant", "DELETE FROM control.directory WHERE tenant_id = '%t' AND role = 'manager'", "",
			a.question(db.Manager, "select", "jobs", own), "directory", "does not list the tenant"},
		{"no grant", "REVOKE SELECT ON jobs FROM app_tenant", "GRANT SELECT ON jobs TO app_tenant",
			a.question(db.Owner, "select", "jobs", own), "grant", "may not SELECT"},
		{"no grant on what the app asks beside", "REVOKE SELECT ON saved_searches FROM app_tenant", "GRANT SELECT ON saved_searches TO app_tenant",
			a.question(db.Owner, "select", "jobs", own), "app", "lacks a grant on another table"},
		{"no policy", "DROP POLICY tenant_select ON jobs", "CREATE POLICY tenant_select ON jobs FOR SELECT TO app_tenant USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))",
			a.question(db.Owner, "select", "jobs", own), "policy", "no policy of jobs lets app_tenant select anything"},
		{"a policy that hides", "ALTER POLICY tenant_select ON jobs USING (false)", "ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))",
			a.question(db.Owner, "select", "jobs", own), "row", "a policy hides it"},
		{"a gate that opens nothing", "CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS 'SELECT token'", soundGate,
			a.question(db.Owner, "select", "jobs", own), "gate", "app.readable shows nothing"},
	}
}

func TestWhyEachStepCanDecide(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	a, b := newAsked(t, d), newAsked(t, d)
	own := a.of("jobs", 1).String()
	for _, operation := range []string{"select", "update"} {
		if got := why(t, d.DB, a.question(db.MemberRole, operation, "jobs", own)); !got.Allowed || got.Decider != "" {
			t.Errorf("%s of an own job: %s", operation, got)
		}
	}
	for _, x := range obstacles(a, b) {
		t.Run(x.name, func(t *testing.T) {
			fill := func(sql string) string {
				return strings.NewReplacer("%t", a.Tenant.ID.String(), "%k", a.token).Replace(sql)
			}
			mustExec(t, super, fill(x.harm))
			decides(t, why(t, d.DB, x.question), x.step, x.says)
			mustExec(t, super, fill(x.undo))
		})
	}
	if got := why(t, d.DB, a.question(db.Owner, "select", "jobs", own)); !got.Allowed {
		t.Errorf("after mending: %s", got)
	}
	decides(t, why(t, d.DB, isolation.Question{Tenant: "no-such", Member: a.Members[db.Owner], Table: "jobs", ID: own}), "registry", "knows no such tenant")
}

func TestWhyUnderstandsEveryTableAndOperation(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	before := checksum(t, super, a.tenant)
	for _, m := range makers {
		id := keyOf(m, a.tenant)
		for _, operation := range isolation.Operations {
			got := why(t, d.DB, a.question(db.Owner, operation, m.table, id))
			if last := got.Steps[len(got.Steps)-1]; last.Name != "app" || got.Verdict == "" {
				t.Errorf("%s of %s: %s", operation, m.table, got)
			}
			if operation != "insert" && !slices.ContainsFunc(got.Steps, func(s isolation.Step) bool { return s.Name == "row" && s.Outcome == isolation.Passes }) {
				t.Errorf("%s of %s does not find the row: %s", operation, m.table, got)
			}
			if strings.Contains(got.String(), a.Name+"!") || strings.Contains(got.String(), "Dear ") || strings.Contains(got.String(), "Engineer") || strings.Contains(got.String(), "@example.com") {
				t.Errorf("%s of %s tells what a row contains: %s", operation, m.table, got)
			}
		}
	}
	if after := checksum(t, super, a.tenant); after != before {
		t.Error("asking has changed something")
	}
}

// keyOf is how a question names row 0 of m.
func keyOf(m maker, n tenant) string {
	if m.table == "tenants" {
		return n.id.String()
	}
	r, parts := m.row(n, 0), []string{}
	for _, c := range m.primary()[1:] {
		if at, ok := r[c].(time.Time); ok {
			parts = append(parts, at.Format(time.RFC3339))
			continue
		}
		parts = append(parts, fmt.Sprint(r[c]))
	}
	return strings.Join(parts, "/")
}

func TestWhyTakesATimeAsPostgresPrintsItAndAsRFC3339(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newAsked(t, d)
	super := d.Connect(t, "postgres")
	forms := []string{"2026-05-03T08:00:00Z", "2026-05-03T10:00:00.000+02:00", "2026-05-04T07:00:00+23:00"}
	for _, zone := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		mustExec(t, super, "SELECT set_config('timezone', $1, false)", zone)
		forms = append(forms, scan[string](t, super, "SELECT minute::text FROM policy_hits WHERE tenant_id = $1 ORDER BY minute LIMIT 1", a.Tenant.ID)...)
	}
	for _, form := range forms {
		q := a.question(db.Owner, "select", "policy_hits", form+"/jobs/select")
		if got, err := isolation.Why(t.Context(), d.DB, q); err != nil || !got.Allowed {
			t.Errorf("%s: %v, %s", form, err, got)
		}
	}
}

func TestWhySaysWhichFieldItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a := d.NewTenant(t)
	mustExec(t, d.Connect(t, "postgres"), "UPDATE control.registry SET slug = 'twice'; INSERT INTO control.registry (tenant_id, name, slug, state) VALUES (gen_random_uuid(), 'x', 'twice', 'active')")
	id := uuid.NewString()
	for _, x := range []struct {
		question    isolation.Question
		field, says string
	}{
		{isolation.Question{Member: "user_x", Table: "jobs", ID: id}, "tenant", "is needed"},
		{isolation.Question{Tenant: "twice", Member: "user_x", Table: "jobs", ID: id}, "tenant", "2 organizations have the slug"},
		{isolation.Question{Tenant: "a\x00b", Member: "user_x", Table: "jobs", ID: id}, "tenant", "not text"},
		{isolation.Question{Tenant: strings.Repeat("x", 401), Member: "user_x", Table: "jobs", ID: id}, "tenant", "not text"},
		{isolation.Question{Tenant: a.ID.String(), Table: "jobs", ID: id}, "member", "is needed"},
		{isolation.Question{Tenant: a.ID.String(), Member: "mara@example.com", Table: "jobs", ID: id}, "member", "neither a Clerk user id"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", ID: id}, "table", "is needed"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "job", ID: id}, "table", `"job" is none of alerts, analytics`},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "jobs; DROP TABLE jobs", ID: id}, "table", "is none of"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "jobs"}, "id", "is needed"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "jobs", ID: "7"}, "id", `"7" is no uuid, which id is`},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "jobs", ID: "{" + id + "}"}, "id", "is no uuid"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "proposal_versions", ID: id}, "id", "is named by proposal_id/version"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "proposal_versions", ID: id + "/99999999999"}, "id", "is no integer, which version is"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "policy_hits", ID: "yesterday/jobs/select"}, "id", "is no timestamp with time zone, which minute is"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "policy_hits", ID: "2026-05-03 08:00:00/jobs/select"}, "id", "is no timestamp with time zone"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "policy_hits", ID: "0000-05-03T08:00:00Z/jobs/select"}, "id", "is no timestamp with time zone"},
		{isolation.Question{Tenant: a.ID.String(), Member: "user_x", Table: "jobs", ID: id, Operation: "truncate"}, "operation", `"truncate" is none of select, insert, update, delete`},
	} {
		_, err := isolation.Why(t.Context(), d.DB, x.question)
		var bad *isolation.BadQuestion
		if !errors.As(err, &bad) || bad.Field != x.field || !strings.Contains(bad.Message, x.says) {
			t.Errorf("%+v: %v", x.question, err)
		}
	}
}
