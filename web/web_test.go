package web_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// Two organizations; ana owns both, ben is a member of the first, vera views it, nina is in none.
const (
	ana, ben, vera, nina = "user_ana", "user_ben", "user_vera", "user_nina"
	acme, beta           = "org_acme", "org_beta"
)

func start(t testing.TB, tune ...func(*web.Options)) *webtest.Site {
	t.Helper()
	return webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People: []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana Example"}, {ID: ben, Email: "ben@example.com", Name: "Ben Example"},
			{ID: vera, Email: "vera@example.com", Name: "Vera Example"}, {ID: nina, Email: "nina@example.com", Name: "Nina Example"},
			{ID: webtest.Operator, Email: "operator@example.com", Name: "Olga Operator"}},
		Organizations: []sandbox.Organization{
			{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin", ben: "org:member", vera: "org:viewer"}},
			{ID: beta, Name: "Beta", Slug: "beta", CreatedBy: ana, Members: map[string]string{ana: "org:admin"}},
		},
	}, tune...)
}

// signIn opens a browser as a person, working in an organization.
func signIn(t testing.TB, s *webtest.Site, person, organization string) *webtest.Browser {
	t.Helper()
	b := s.Browser(t)
	b.SignIn(person)
	if organization != "" {
		switchTo(t, b, organization)
	}
	return b
}

func switchTo(t testing.TB, b *webtest.Browser, organization string) *webtest.Page {
	t.Helper()
	id := ""
	page := b.Get("/organizations")
	for _, button := range page.Find(".switcher button").EachIter() {
		if strings.TrimSpace(button.Find(".name").Text()) == organization {
			id = button.AttrOr("value", "")
		}
	}
	if id == "" {
		t.Fatalf("%s is not in the switcher", organization)
	}
	return b.Post("/organizations/switch", url.Values{"tenant_id": {id}, "return_to": {"/jobs"}})
}

// importFixture imports a file through the pages and returns the page that says what was imported.
func importFixture(t testing.TB, b *webtest.Browser, file string) *webtest.Page {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	form := b.Get("/jobs/import")
	tenant := form.Find(`form[action="/jobs/import"] input[name=tenant]`).AttrOr("value", "")
	preview := b.Post("/jobs/import", url.Values{"tenant": {tenant}, "text": {string(content)}})
	if preview.Status != http.StatusOK || preview.H1() != "What importing would do" {
		t.Fatalf("preview: %d %s %s", preview.Status, preview.H1(), preview.Find(".problem").Text())
	}
	return b.Submit(preview, `form[action^="/jobs/import/"]`, nil)
}

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	if p := b.Get("/"); !strings.HasPrefix(p.URL.String(), s.Sandbox.URL()) {
		t.Fatalf("an unknown browser is at %s", p.URL)
	}
	b.SignIn(ana)
	if p := switchTo(t, b, "Acme"); p.H1() != "Jobs" || p.Message() != "You are now working in “Acme”." {
		t.Fatalf("after the switch: %q %q", p.H1(), p.Message())
	}
	if p := b.Get("/jobs"); p.Message() != "" {
		t.Errorf("the message is shown a second time: %q", p.Message())
	}
	done := importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	if done.Message() != "Imported: 2 new." {
		t.Fatalf("import said %q", done.Message())
	}
	jobs := b.Get("/jobs")
	if n := jobs.Find(".row").Length(); n != 2 {
		t.Fatalf("%d jobs", n)
	}
	job := b.Get(jobs.Find(".row h2 a").First().AttrOr("href", ""))
	editor := b.Submit(job, `form[action="/proposals"]`, nil)
	if editor.Find("textarea[name=letter]").Length() != 1 {
		t.Fatalf("no editor at %s: %s", editor.URL, editor.H1())
	}
	saved := b.Submit(editor, `form:has(textarea[name=letter])`, url.Values{"letter": {"MERIDIAN — I moved one."}, "bid": {"hourly"}, "bid_amount": {"65"}})
	if saved.Message() != "The proposal was saved." || saved.Find("textarea[name=letter]").Text() != "MERIDIAN — I moved one." {
		t.Fatalf("saving: %d %q %q", saved.Status, saved.Message(), saved.Find(".problem").Text())
	}
	if p := b.Get("/proposals"); p.Find("tbody tr").Length() != 1 {
		t.Fatalf("%d proposals", p.Find("tbody tr").Length())
	}
	if p := switchTo(t, b, "Beta"); p.Find(".row").Length() != 0 {
		t.Fatalf("Beta shows %d jobs of Acme", p.Find(".row").Length())
	}
	for _, page := range []*webtest.Page{job, editor} {
		if p := b.Get(page.URL.Path); p.Status != http.StatusNotFound {
			t.Errorf("%s of Acme in Beta: %d", page.URL.Path, p.Status)
		}
	}
	if p := b.Get("/proposals"); p.Find("tbody tr").Length() != 0 {
		t.Errorf("Beta shows proposals of Acme")
	}
}
