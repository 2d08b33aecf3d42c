package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// address is a route's path with an id that exists nowhere.
func address(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, ":id", "01890000-0000-7000-8000-000000000000"), "*", "none")
}

func TestNobodyGetsAnywhereWithoutASession(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	b.NoRedirects()
	for _, r := range web.Routes() {
		if r.Policy == "public" || r.Policy == "platform admin" { // the latter are not even there: operator_test.go
			continue
		}
		p := send(t, b, r.Method, s.URL+address(r.Path), url.Values{"tenant": {"x"}, "letter": {"my precious text"}})
		if r.Method == http.MethodPost {
			// Kept and not redirected: a form's redirect to the sign-in service's host is what form-action forbids.
			if p.Status != http.StatusUnauthorized || !strings.HasPrefix(p.Find("main a.button").AttrOr("href", ""), "/sign-in") || p.Find("textarea").Text() != "my precious text" {
				t.Errorf("%s %s: %d %q", r.Method, r.Path, p.Status, p.H1())
			}
			continue
		}
		if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s %s: %d to %q", r.Method, r.Path, p.Status, p.Header.Get("Location"))
		}
	}
}

func send(t *testing.T, b *webtest.Browser, method, address string, fields url.Values) *webtest.Page {
	t.Helper()
	if method == http.MethodPost {
		return b.Post(address, fields)
	}
	return b.Get(address)
}

// The two things that differ between any two answers: the request's id, and the mask over the form token. They are two
// expressions because one that begins with a fixed text is found at once, and one that does not is tried at every letter.
var (
	requestID = regexp.MustCompile(`Request [A-Z0-9]{16}`)
	masked    = regexp.MustCompile(`name="token" value="[A-Za-z0-9_-]{43}"`)
)

// same is a page's body without them.
func same(body string) string {
	return masked.ReplaceAllString(requestID.ReplaceAllString(body, ""), "")
}

func TestAForeignIDAndAMissingIDAreTheSameBytes(t *testing.T) {
	t.Parallel()
	s := strangers(t)
	there := signIn(t, s, ana, "Acme")
	importFixture(t, there, "../app/upwork/testdata/vollna_webhook.json")
	job := there.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")
	proposal := there.Submit(there.Get(job), `form[action="/proposals"]`, nil).URL.Path
	imported := there.Get("/jobs/import").Find(`a[href^="/jobs/import/"]`).First().AttrOr("href", "")
	a := signIn(t, s, nina, "Beta")
	tenant := a.Get("/jobs").Find(`.switcher [aria-current]`).AttrOr("value", "")
	for _, foreign := range []string{job, proposal, imported} {
		missing := foreign[:len(foreign)-12] + "000000000000"
		cases := []struct {
			method, suffix string
			fields         url.Values
		}{
			{http.MethodGet, "", nil}, {http.MethodPost, "/triage", url.Values{"to": {"skipped"}}}, {http.MethodPost, "/move", url.Values{"to": {"archived"}, "version": {"1"}}},
			{http.MethodPost, "", url.Values{"version": {"1"}, "letter": {"x"}}}, {http.MethodPost, "/restore", url.Values{"version": {"1"}, "restore": {"1"}}}, {http.MethodPost, "", url.Values{}},
		}
		for _, c := range cases {
			if c.fields != nil {
				c.fields.Set("tenant", tenant)
			}
			one, two := send(t, a, c.method, foreign+c.suffix, c.fields), send(t, a, c.method, missing+c.suffix, c.fields)
			if one.Status != two.Status || same(one.Body) != same(two.Body) {
				t.Errorf("%s %s%s: foreign %d, missing %d, or the bodies differ", c.method, foreign, c.suffix, one.Status, two.Status)
			}
			if one.Status == http.StatusOK {
				t.Errorf("%s %s%s answered 200", c.method, foreign, c.suffix)
			}
		}
	}
	one := a.Post("/proposals", url.Values{"tenant": {tenant}, "job_id": {strings.TrimPrefix(job, "/jobs/")}})
	two := a.Post("/proposals", url.Values{"tenant": {tenant}, "job_id": {"01890000-0000-7000-8000-000000000000"}})
	if one.Status != http.StatusNotFound || two.Status != http.StatusNotFound || same(one.Body) != same(two.Body) {
		t.Errorf("a proposal for a foreign job: %d, for a missing one: %d", one.Status, two.Status)
	}
}

func TestSwitchingToAForeignOrganizationIsSwitchingToNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	signIn(t, s, ana, "Beta") // makes its tenant known
	foreign := ""
	for _, button := range signIn(t, s, ana, "Beta").Get("/jobs").Find(".switcher button").EachIter() {
		if strings.Contains(button.Text(), "Beta") {
			foreign = button.AttrOr("value", "")
		}
	}
	b := signIn(t, s, ben, "Acme")
	one := b.Post("/organizations/switch", url.Values{"tenant_id": {foreign}})
	two := b.Post("/organizations/switch", url.Values{"tenant_id": {"01890000-0000-7000-8000-000000000000"}})
	if one.Status != http.StatusNotFound || same(one.Body) != same(two.Body) {
		t.Errorf("foreign %d, missing %d, or the bodies differ", one.Status, two.Status)
	}
	if p := b.Get("/jobs"); !strings.Contains(p.Find(".switcher summary").Text(), "Acme") {
		t.Errorf("ben is now in %q", p.Find(".switcher summary").Text())
	}
}

func TestARemovedPersonIsRefusedOnTheNextRequest(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ben, "Acme")
	if p := b.Get("/jobs"); p.Status != http.StatusOK {
		t.Fatalf("before: %d", p.Status)
	}
	exec(t, s.Database, "UPDATE users SET removed_at = now() WHERE clerk_id = $1", ben)
	for _, path := range []string{"/jobs", "/proposals", "/jobs/import"} {
		if p := b.Get(path); p.Status != http.StatusForbidden || strings.Contains(p.Find("main").Text(), "Acme") {
			t.Errorf("%s after: %d %s", path, p.Status, p.H1())
		}
	}
}

// exec changes the database behind the app's back, as its superuser.
func exec(t testing.TB, d *dbtest.Database, sql string, args ...any) {
	t.Helper()
	if _, err := d.Connect(t, "postgres").Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestAViewerReadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner := signIn(t, s, ana, "Acme")
	importFixture(t, owner, "../app/upwork/testdata/vollna_webhook.json")
	b := signIn(t, s, vera, "Acme")
	jobs := b.Get("/jobs")
	if jobs.Find(".row").Length() != 2 || jobs.Find(".row button").Length() != 0 {
		t.Fatalf("%d rows, %d buttons", jobs.Find(".row").Length(), jobs.Find(".row button").Length())
	}
	job := jobs.Find(".row h2 a").First().AttrOr("href", "")
	tenant := jobs.Find(`.switcher [aria-current]`).AttrOr("value", "")
	for path, fields := range map[string]url.Values{
		job + "/triage": {"to": {"skipped"}}, "/proposals": {"job_id": {strings.TrimPrefix(job, "/jobs/")}}, "/jobs/import": {"text": {"title\nX\n"}},
	} {
		fields.Set("tenant", tenant)
		if p := b.Post(path, fields); p.Status != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, p.Status)
		}
	}
	if p := owner.Get("/jobs?triage=new"); p.Find(".row").Length() != 2 {
		t.Errorf("%d new jobs are left", p.Find(".row").Length())
	}
}

func TestACommitThatFailsIsA500AndNoRedirect(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	exec(t, s.Database, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret text' USING ERRCODE = '23514'; END $$;
		CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	jobs := b.Get("/jobs")
	b.NoRedirects()
	p := decided(t, b, jobs, "skipped")
	if p.Status != http.StatusInternalServerError || p.Header.Get("Location") != "" || strings.Contains(p.Body, "secret") {
		t.Fatalf("%d to %q: %s", p.Status, p.Header.Get("Location"), p.H1())
	}
	id := p.Header.Get("X-Request-Id")
	if !strings.Contains(p.Find("main").Text(), id) || !strings.Contains(s.Log.String(), id) || !strings.Contains(s.Log.String(), "secret text") {
		t.Errorf("request %s is not on the page, or its cause is not in the log", id)
	}
	exec(t, s.Database, "DROP TRIGGER late ON jobs")
	if left := b.Get("/jobs?triage=new").Find(".row").Length(); left != 2 {
		t.Errorf("%d new jobs are left", left)
	}
}
