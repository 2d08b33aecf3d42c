package chaos

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web/webtest"
)

func TestPostgresGoneAtOnceAndBack(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	outage(t, server.Database, "Postgres", true, func() { server.Crash(t) }, func() { server.Restart(t) })
}

func TestPostgresBehindPgBouncerGoneAtOnceAndBack(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	through, _ := pooled(t, server.Database)
	outage(t, through, "Postgres behind PgBouncer", true, func() { server.Crash(t) }, func() { server.Restart(t) })
}

func TestPgBouncerGoneAndBack(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	through, p := pooled(t, server.Database)
	down := func() {
		if err := p.Down(); err != nil {
			t.Fatal(err)
		}
	}
	outage(t, through, "PgBouncer", false, down, func() {
		if err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// outage takes something away for a while under load, twice, and looks at what people are told meanwhile. Who goes to the
// control plane past it finds that still there.
func outage(t *testing.T, d *dbtest.Database, what string, control bool, down, up func()) {
	t.Helper()
	s := start(t, d)
	l := work(t, s)
	b := s.Browser(t)
	b.SignIn(organizations[0].person)
	b.Work(organizations[0].name)
	jobs := b.Get("/jobs")
	editor := b.Submit(b.Get(jobs.Find(".row h2 a").First().AttrOr("href", "")), `form[action="/proposals"]`, nil)
	for range 2 {
		before := l.Answers("503")
		down()
		look(t, s, b, editor, control)
		for every := time.Tick(pause); l.Answers("503") < before+20; {
			<-every
		}
		up()
		l.recovers(t, what+" gone and back", time.Now())
	}
	if code, _ := status(t, s.URL+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz afterwards: %d", code)
	}
	l.check(t, d)
}

// look is what a person and a load balancer see while the database is away.
func look(t *testing.T, s *webtest.Site, b *webtest.Browser, editor *webtest.Page, control bool) {
	t.Helper()
	if code, _ := status(t, s.URL+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz while the database is away: %d", code)
	}
	if code, _ := status(t, s.URL+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz while the database is away: %d", code)
	}
	typed := url.Values{"letter": {"An hour of work"}, "bid": {"hourly"}, "bid_amount": {"65"}}
	answers := map[string]*webtest.Page{"/jobs": b.Get("/jobs"), editor.URL.Path: b.Submit(editor, `form:has(textarea[name=letter])`, typed)}
	if control {
		answers["/organizations"] = b.Get("/organizations")
	}
	for address, p := range answers {
		text := p.Find("main").Text()
		if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" || p.H1() != "Not available right now" && p.H1() != webtest.InDoubt {
			t.Errorf("%s while the database is away: %d %q", address, p.Status, p.H1())
		}
		if strings.Contains(p.Body, "SQLSTATE") || strings.Contains(p.Body, "connect") || strings.Contains(p.Body, "pgsql") {
			t.Errorf("%s tells too much: %s", address, text)
		}
		if again := p.Find("main a.button").First().AttrOr("href", ""); again != address {
			t.Errorf("%s: trying again leads to %q", address, again)
		}
		if address == editor.URL.Path && (!strings.Contains(text, "An hour of work") || !strings.Contains(text, "65")) {
			t.Errorf("what was typed is not on the page: %s", text)
		}
	}
}
