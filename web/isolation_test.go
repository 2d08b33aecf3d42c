package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"upwork-ai-agent/web/webtest"
)

// tenantOf is the id of an organization that a person has opened in this test.
const tenantOf = "(SELECT tenant_id FROM control.registry WHERE name = $1)"

const aProof = `{"ok":true,"checks":12480,"leaks":0,"oracles":0,"unproven":0,"started":"2026-11-25T12:00:00Z","took_ms":21340,"paths":[{"name":"direct","proven":true,"checks":12480}],"attacks":[{"name":"select <b>","kind":"reads the row","checks":40,"findings":0}]}`

// prove keeps a proof as the worker would, in odd layout, which a signature would cover.
func prove(t *testing.T, s *webtest.Site) {
	t.Helper()
	exec(t, s.Database, `INSERT INTO control.proofs (id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature)
		VALUES (gen_random_uuid(), now() - interval '5 minutes', 21340, true, 12480, 0, 0, 0, $1, 'x')`, aProof)
}

// proveNot keeps a later proof, with leaks and with checks that could not be proven.
func proveNot(t *testing.T, s *webtest.Site, leaks, unproven int) {
	t.Helper()
	exec(t, s.Database, `INSERT INTO control.proofs (id, at, took_ms, ok, checks, leaks, oracles, unproven, report, signature)
		SELECT gen_random_uuid(), now(), 21340, false, 12480, $1::int, 0, $2::int,
		       $3::jsonb || jsonb_build_object('ok', false, 'leaks', $1::int, 'unproven', $2::int, 'findings',
		         '[{"kind":"unproven","path":"direct","context":"none","object":"jobs <b>","attack":"select","fault":"no answer in time"}]'::jsonb), 'x'`, leaks, unproven, aProof)
}

func alarm(t *testing.T, s *webtest.Site, organization string) {
	t.Helper()
	exec(t, s.Database, "INSERT INTO alerts (tenant_id, id, kind, count) VALUES ("+tenantOf+", gen_random_uuid(), 'attempts', 23)", organization)
	exec(t, s.Database, "UPDATE control.registry SET alert_at = now() WHERE name = $1", organization)
}

func TestOnlyThoseWhoAdministerAnOrganizationSeeItsIsolation(t *testing.T) {
	t.Parallel()
	s := start(t)
	prove(t, s)
	owner := signIn(t, s, ana, "Acme")
	p := owner.Get("/organization/isolation")
	if p.Status != http.StatusOK || !strings.Contains(p.Find("#proof").Parent().Text(), "Nothing got through.") || owner.Get("/jobs").Find(`.top a[href="/organization/isolation"]`).Length() != 1 {
		t.Fatalf("the owner gets %d, %q", p.Status, p.Find("#proof").Parent().Text())
	}
	tenant := p.Find(".switcher [aria-current]").AttrOr("value", "")
	for name, person := range map[string]string{"a member": ben, "a viewer": vera} {
		b := signIn(t, s, person, "Acme")
		for _, path := range []string{"/organization/isolation", "/organization/isolation/proof.html", "/organization/isolation/proof.json"} {
			if p := b.Get(path); p.Status != http.StatusForbidden || strings.Contains(p.Body, "12,480") || strings.Contains(p.Body, "12480") {
				t.Errorf("%s gets %d from %s", name, p.Status, path)
			}
		}
		if p := b.Post("/organization/isolation/seen", url.Values{"tenant": {tenant}}); p.Status != http.StatusForbidden {
			t.Errorf("%s may answer an alert: %d", name, p.Status)
		}
		if b.Get("/jobs").Find(`.top a[href="/organization/isolation"]`).Length() != 0 {
			t.Errorf("%s is led there", name)
		}
	}
	if p := signIn(t, s, ana, "Beta").Post("/organization/isolation/seen", url.Values{"tenant": {tenant}}); p.Status != http.StatusConflict {
		t.Errorf("a form of another organization: %d", p.Status)
	}
}

func TestAnAlertStandsOnEveryPageOfAnAdministratorUntilItIsSeen(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, other, member := signIn(t, s, ana, "Acme"), signIn(t, s, ana, "Beta"), signIn(t, s, ben, "Acme")
	if owner.Get("/jobs").Find(".alarm").Length() != 0 {
		t.Fatal("there is an alarm before there is an alert")
	}
	alarm(t, s, "Acme")
	for _, path := range []string{"/jobs", "/proposals", "/organizations", "/organization/isolation", "/nowhere"} {
		if n := owner.Get(path).Find(`.alarm a[href^="/organization/isolation"]`).Length(); n != 1 {
			t.Errorf("%s has %d alarms", path, n)
		}
		if member.Get(path).Find(".alarm").Length()+other.Get(path).Find(".alarm").Length() != 0 {
			t.Errorf("%s alarms a member, or another organization", path)
		}
	}
	if other.Get("/organization/isolation").Find("#alerts").Length() != 0 {
		t.Error("another organization sees the alert")
	}
	p := owner.Get("/organization/isolation")
	if text := p.Find("#alerts").Parent().Text(); !strings.Contains(text, "23 attempts") || !strings.Contains(text, "Not seen yet") {
		t.Fatalf("the alert says %q", text)
	}
	seen := owner.Submit(p, `form[action="/organization/isolation/seen"]`, nil)
	if seen.Find(".alarm, form[action$='/seen']").Length() != 0 || !strings.Contains(seen.Find("#alerts").Parent().Text(), "seen by Ana Example") {
		t.Errorf("after it was seen: %q", seen.Find("#alerts").Parent().Text())
	}
	if seen.Message() == "" || owner.Get("/jobs").Find(".alarm").Length() != 0 {
		t.Error("the alarm is still on")
	}
}

func TestAProofIsDownloadedAsADocumentAndByteByByteAsItWasSigned(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	if p := b.Get("/organization/isolation"); p.Find("main .button").Length() != 0 || !strings.Contains(p.Find("#proof").Parent().Text(), "No proof has run yet") {
		t.Errorf("before the first proof: %q", p.Find("#proof").Parent().Text())
	}
	if p := b.Get("/organization/isolation/proof.json"); p.Status != http.StatusNotFound {
		t.Errorf("a download before the first proof: %d", p.Status)
	}
	prove(t, s)
	p := b.Get("/organization/isolation")
	if p.Find("#proof ~ details b").Length() != 0 || !strings.Contains(p.Find("#proof ~ details").Text(), "select <b>") {
		t.Errorf("what was tried: %q", p.Find("#proof ~ details").Text())
	}
	document := b.Get(p.Find(`main .button`).First().AttrOr("href", ""))
	if document.Status != http.StatusOK || document.H1() != "Proof of isolation" || document.Find("#report").Length() != 1 || document.Find("b").Length() != 0 ||
		document.Header.Get("Content-Disposition") != `attachment; filename="isolation-20261125-1200.html"` {
		t.Errorf("the document: %d %v %q", document.Status, document.Header, document.H1())
	}
	file := b.Get(p.Find(`main .button`).Last().AttrOr("href", ""))
	if file.Status != http.StatusOK || file.Body != aProof || file.Header.Get("Content-Type") != "application/json" || file.Header.Get("Cache-Control") != "no-store" ||
		file.Header.Get("Content-Disposition") != `attachment; filename="isolation-20261125-1200.json"` {
		t.Errorf("%d %v\n%s", file.Status, file.Header, file.Body)
	}
}

func TestAnOwnerSeesWhatWasTriedAndCountedInTheirOrganizationOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ana, "Beta")
	exec(t, s.Database, `INSERT INTO analytics (tenant_id, id, event, entity, entity_id, detail, created_at)
		SELECT `+tenantOf+`, gen_random_uuid(), 'isolation.attempt', 'job', '01890000-0000-7000-8000-000000000009', jsonb_build_object('attempt', n, 'kind', 'foreign_id', 'count', 40 + n), now() - n * interval '2 days' FROM generate_series(0, 1) AS n`, "Acme")
	exec(t, s.Database, `INSERT INTO policy_hits VALUES (`+tenantOf+`, date_trunc('minute', now()) - interval '1 minute', 'jobs', 'merge', 4321, 50, 2, 1, '{0,0,4321}')`, "Acme")
	day, week := b.Get("/organization/isolation"), b.Get("/organization/isolation?period=7d")
	if n := day.Find("#attempts ~ table tbody tr").Length(); n != 1 || week.Find("#attempts ~ table tbody tr").Length() != 2 {
		t.Errorf("%d attempts in a day, %d in a week", n, week.Find("#attempts ~ table tbody tr").Length())
	}
	if address := day.Find(`#attempts ~ table a`).AttrOr("href", ""); address != "/jobs/01890000-0000-7000-8000-000000000009" {
		t.Errorf("the row that was tried is at %q", address)
	}
	row := day.Find("#traffic ~ table tbody tr").FilterFunction(func(_ int, r *goquery.Selection) bool { return strings.Contains(r.Text(), "merge") })
	if got := strings.Join(row.Find("td").Map(func(_ int, c *goquery.Selection) string { return strings.Join(strings.Fields(c.Text()), " ") }), "|"); got != "jobs merge|4,321|50|3|4 µs" {
		t.Errorf("the count is %q", got)
	}
	if week.Find("nav[aria-label=Period] [aria-current]").Text() != "7 days" || week.Find("svg[role=img] title").Length() < 2 {
		t.Errorf("the week is %q", week.Find("nav[aria-label=Period] [aria-current]").Text())
	}
	if p := other.Get("/organization/isolation"); strings.Contains(p.Body, "4,321") || p.Find("#attempts ~ table").Length() != 0 {
		t.Error("another organization sees it")
	}
}
