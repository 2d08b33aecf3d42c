package isolation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
	"upwork-ai-agent/db/pooler"
)

// some contexts, for what does not need them all.
var some = []string{"own", "no tenant, new connection", "other", "suspended"}

// prove proves d and fails the test when that cannot be done.
func prove(t *testing.T, d *db.DB, o isolation.ProofOptions) isolation.Report {
	t.Helper()
	r, err := isolation.Prove(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everything of the database, past every policy, in one figure; what a proof keeps aside.
func everyRow(t *testing.T, super *pgx.Conn) string {
	t.Helper()
	tables := scan[string](t, super, `
		SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname IN ('public', 'app', 'control') ORDER BY 1`)
	parts := make([]string, len(tables))
	for i, name := range tables {
		parts[i] = fmt.Sprintf("SELECT '%s' || t::text AS r FROM %s t", name, name)
	}
	return scan[string](t, super, "SELECT count(*) || ' ' || md5(string_agg(r, E'\\n' ORDER BY r)) FROM ("+strings.Join(parts, " UNION ALL ")+") x")[0]
}

func TestASoundInstallationIsProvenOnBothPathsAndNothingOfItIsChanged(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	for state := range place.States {
		newTenant(t, d, state, 1)
	}
	super := d.Connect(t, "postgres")
	before := everyRow(t, super)

	r := prove(t, d.DB, isolation.ProofOptions{Embedded: true})

	if r.Breaches == nil {
		t.Error("in JSON no findings are null")
	}

	for _, b := range r.Breaches {
		t.Error(b)
	}
	if !r.OK || r.Checks == 0 || r.Leaks+r.Oracles+r.Unproven > 0 || r.Signature == nil || r.TookMS == 0 || r.Started.IsZero() || r.ServerVersion == "" {
		t.Errorf("%+v", r)
	}
	if len(r.Paths) != 2 || !r.Paths[0].Proven || !r.Paths[1].Proven || r.Paths[0].Checks != r.Paths[1].Checks {
		t.Errorf("paths: %+v", r.Paths)
	}
	for _, part := range [][]isolation.Tally{r.Objects, r.Contexts, r.Attacks} {
		for _, x := range part {
			if x.Checks == 0 && x.Name != "canary" {
				t.Errorf("%s: nothing was tried", x.Name)
			}
		}
	}
	if after := everyRow(t, super); after != before {
		t.Errorf("the database is not what it was: %s, before %s", after, before)
	}
	t.Log(r.Summary())
}

func TestWithAPoolerOfOnesOwnBothPathsAreProven(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	p, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, map[string]string{"default_pool_size": "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	o := db.Options{TenantURL: p.URL(d.URL("app_tenant")), ControlURL: d.URL("app_control"), Pooled: true, Keys: []db.SealKey{key}}
	r, err := db.Prove(t.Context(), o, isolation.ProofOptions{}.Only(some, nil, []string{"public.users", "public.search_jobs(text)"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Breaches) > 0 || len(r.Paths) != 2 || r.Paths[0].Checks == 0 || r.Paths[0].Checks != r.Paths[1].Checks {
		t.Errorf("%+v, %v", r.Paths, r.Breaches)
	}
	if left := scan[int](t, d.Connect(t, "postgres"), "SELECT count(*)::int FROM control.proofs"); left[0] != 1 {
		t.Errorf("%d proofs are kept", left[0])
	}
}

func TestWithoutAPoolerTheReportSaysThatNobodyGoesThatWay(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	r := prove(t, d.DB, isolation.ProofOptions{}.Only(some, nil, []string{"public.users"}))
	if len(r.Paths) != 2 || !r.Paths[0].Proven || r.Paths[1].Name != "PgBouncer in transaction mode" || r.Paths[1].Proven || r.Paths[1].Note == "" || !r.OK {
		t.Errorf("%+v", r.Paths)
	}
}

// The control plane's URL may lead where app_tenant cannot log in.
func TestWhereThereIsNoWayPastThePoolerTheReportSaysSo(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pooler.Start(t.Context(), d.URL("app_control"), []string{"app_control"}, map[string]string{"pool_mode": "session"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	o := db.Options{TenantURL: d.URL("app_tenant"), ControlURL: p.URL(d.URL("app_control")), Pooled: true, Keys: []db.SealKey{key}}
	r, err := db.Prove(t.Context(), o, isolation.ProofOptions{}.Only(some, nil, []string{"public.users"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Paths) != 2 || !r.Paths[0].Proven || r.Paths[1].Name != "direct" || r.Paths[1].Proven || r.Paths[1].Note == "" || !r.OK {
		t.Errorf("%+v", r.Paths)
	}
}

func TestAPathThatIsNotProvenIsShown(t *testing.T) {
	t.Parallel()
	r := isolation.Report{OK: true, Checks: 1, Paths: []isolation.Path{{Name: "direct", Proven: true, Checks: 1}, {Name: "PgBouncer in transaction mode", Note: "install <it>"}}}
	if s := r.String(); !strings.Contains(s, "not proven") || !strings.Contains(s, "install <it>") || !strings.HasSuffix(s, "\n\nNot tried: "+r.Untried()) {
		t.Error(s)
	}
	if s := string(r.HTML()); !strings.Contains(s, "no: install &lt;it&gt;") || strings.Contains(s, "<script") {
		t.Error(s)
	}
}

func canariesLeft(t *testing.T, d *dbtest.Database) int {
	t.Helper()
	return scan[int](t, d.Connect(t, "postgres"), "SELECT count(*)::int FROM app.fence WHERE tenant_id::text LIKE 'ca9a2100-%'")[0]
}

func TestAnInterruptedProofLeavesNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	lines := 0
	_, err := isolation.Prove(ctx, d.DB, isolation.ProofOptions{Progress: func(string) {
		if lines++; lines == 3 {
			if n := canariesLeft(t, d); n != 2 {
				t.Errorf("%d canaries while it runs", n)
			}
			interrupt()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := canariesLeft(t, d); n != 0 {
		t.Errorf("%d canaries are left behind the fence", n)
	}
	if d.DB.InUse() != 0 {
		t.Error("a connection is still out")
	}
}

// A proof that was killed cannot clean up: its canaries stand behind the fence, with a state of that moment.
func TestTheNextProofRemovesWhatAKilledOneHasLeft(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	mustExec(t, d.Connect(t, "postgres"), "INSERT INTO app.fence (tenant_id, epoch, seal, state) SELECT ('ca9a2100-0000-8000-8000-00000000000' || n)::uuid, 9, sha256(n::text::bytea), 'moved' FROM generate_series(0, 1) n")
	if found, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{}); err != nil || !found.OK {
		t.Errorf("Doctor takes them for tenants: %v\n%s", err, found)
	}
	if r := prove(t, d.DB, isolation.ProofOptions{}.Only(some, nil, []string{"public.jobs"})); len(r.Breaches) > 0 || r.Checks == 0 {
		t.Errorf("%d checks, %v", r.Checks, r.Breaches)
	}
	if n := canariesLeft(t, d); n != 0 {
		t.Errorf("%d canaries are left", n)
	}
}

func TestTwoProofsTakeTurns(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	done := make(chan isolation.Report, 2)
	for range 2 {
		go func() {
			r, err := isolation.Prove(context.Background(), d.DB, isolation.ProofOptions{}.Only(some, nil, []string{"public.jobs", "public.users"}))
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
	}
	for range 2 {
		if r := <-done; len(r.Breaches) > 0 || r.Checks == 0 {
			t.Errorf("%d checks, %v", r.Checks, r.Breaches)
		}
	}
}

// While people work, a proof sees nothing of them, and they notice nothing of it.
func TestAProofHoldsUpNobody(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	n := newTenant(t, d, place.Active, 1)
	conn := d.Connect(t, "app_tenant")
	var slowest time.Duration
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			if _, err := conn.Exec(context.Background(), fmt.Sprintf("BEGIN; SELECT app.set_tenant('%s', '%s'); UPDATE jobs SET title = 'Round %d' WHERE tenant_id = '%s'; COMMIT", n.id, n.token, i, n.id), pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(began))
		}
	}()
	r := prove(t, d.DB, isolation.ProofOptions{}.Only(some, nil, nil))
	close(stop)
	<-stopped
	if len(r.Breaches) > 0 {
		t.Errorf("%v", r.Breaches)
	}
	if slowest > 2*time.Second {
		t.Errorf("a change of a member took %s meanwhile", slowest)
	}
}

// What is new in the schema is in the proof, or fails it.
func TestWhatIsNewIsProvenOrFails(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	only := func(objects ...string) isolation.ProofOptions {
		return isolation.ProofOptions{}.Only([]string{"own"}, nil, objects)
	}
	mustExec(t, super, `CREATE TABLE notes (tenant_id uuid NOT NULL, id uuid NOT NULL, job_id uuid NOT NULL, kind text NOT NULL CHECK (kind IN ('a', 'b')), n smallint NOT NULL,
		at date NOT NULL, tags text[] NOT NULL, parent uuid, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, n),
		FOREIGN KEY (tenant_id, job_id) REFERENCES jobs, FOREIGN KEY (tenant_id, parent) REFERENCES notes); CALL app.protect('notes')`)
	if r := prove(t, d.DB, only("public.notes")); len(r.Breaches) > 0 || r.Checks < 30 {
		t.Errorf("a sound new table: %d checks, %v", r.Checks, r.Breaches)
	}
	for name, x := range map[string]struct{ made, object, why string }{
		"a column of a type that nobody knows": {"ALTER TABLE notes ADD COLUMN shape point NOT NULL DEFAULT '(0,0)'; ALTER TABLE notes ALTER COLUMN shape DROP DEFAULT", "public.notes", "column shape is of type point"},
		"a function":                           {"CREATE FUNCTION helper() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION helper() TO app_tenant", "public.helper()", "knows no probe of it"},
		"a view without tenants":               {"CREATE VIEW kinds WITH (security_invoker = true) AS SELECT kind FROM notes; GRANT SELECT ON kinds TO app_tenant", "public.kinds", "no tenant_id"},
		"an extension":                         {"CREATE EXTENSION pgcrypto", "public.digest(text, text)", "knows no probe of it"},
		"a table that can only be read": {"CREATE TABLE rates (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id)); CALL app.protect('rates'); REVOKE INSERT ON rates FROM app_tenant",
			"public.rates", "no canary can be put in"},
	} {
		mustExec(t, super, x.made)
		r := prove(t, d.DB, only(x.object))
		if r.OK || r.Unproven == 0 || !strings.Contains(fmt.Sprint(r.Breaches), x.why) {
			t.Errorf("%s: want %q, have %v", name, x.why, r.Breaches)
		}
	}
}

func TestADatabaseOfAnotherVersionIsNotProven(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	mustExec(t, d.Connect(t, "postgres"), "DELETE FROM app.migrations_public WHERE version = (SELECT max(version) FROM app.migrations_public)")
	_, err := isolation.Prove(t.Context(), d.DB, isolation.ProofOptions{})
	if !errors.Is(err, isolation.ErrOtherVersion) || !strings.Contains(err.Error(), "run `migrate`") {
		t.Errorf("answered %v", err)
	}
}

func TestAPageIsVerifiedWithWhatItShows(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	r, _ := signed(t, d)
	page := string(r.HTML())
	if _, err := isolation.Verify(d.DB, []byte(page)); err != nil {
		t.Errorf("as it was drawn: %v", err)
	}
	earlier, _ := json.MarshalIndent(r, "", " ") // as a version that has written it otherwise
	if drawn, err := isolation.Page(earlier); err != nil {
		t.Error(err)
	} else if _, err = isolation.Verify(d.DB, drawn); err != nil {
		t.Errorf("drawn from what was kept: %v", err)
	}
	for name, changed := range map[string]string{
		"a figure on the page": strings.Replace(page, "<dd>12</dd>", "<dd>120</dd>", 1),
		"a figure within":      strings.Replace(page, "checks&#34;:12", "checks&#34;:120", 1),
		"a second report":      strings.Replace(page, `<pre id="report">`, `<pre id="report">{}</pre><pre id="report">`, 1),
	} {
		if changed == page {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := isolation.Verify(d.DB, []byte(changed)); err == nil {
			t.Errorf("%s: taken for genuine", name)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	r, _ := signed(t, dbtest.New(t))
	r.Breaches = []isolation.Breach{{Kind: isolation.Leak, Object: "<script>alert(1)</script>"}}
	page := string(r.HTML())
	for _, no := range []string{"<script", "http://", "https://", "src=", "url(", "<link", "<img"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
	for _, must := range []string{`lang="en"`, "<main>", "Not tried:", r.Untried(), "<h1>", "<caption>", `scope="row"`, "@media print", "prefers-color-scheme: dark", r.Signature.Value, r.Installation, r.Started.Format("2 January 2006")} {
		if !strings.Contains(html.UnescapeString(page), must) { // base64 has a + that the template escapes
			t.Errorf("the page has no %q", must)
		}
	}
}
