package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// unguarded are the forms that are about no organization's rows: they do the same in whichever the session is.
var unguarded = []string{"/organizations", "/organizations/switch", "/sign-out"}

// texts are what a person types into the forms, which must not be lost.
var texts = []string{"letter", "answer-0", "reason", "note", "loss_reason", "text", "name", "contract_value", "bid_amount", "body"}

// stale sends a route's form as a page of Acme would, after the session has moved on to Beta.
func (g *target) stale(t *testing.T, r web.Route, fields url.Values, headers map[string]string) *webtest.Page {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, g.URL+g.address(r), strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	q.Header.Set("Referer", g.URL+"/proposals?status=draft")
	for name, value := range headers {
		q.Header.Set(name, value)
	}
	return g.Do(q)
}

func TestEveryFormOfAnotherOrganizationIsRefusedNamesBothAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	g := newTarget(t, sandbox.Organization{ID: beta, Name: "Beta", Slug: "beta", CreatedBy: webtest.Operator, Members: map[string]string{webtest.Operator: "org:admin"}})
	switchTo(t, g.Browser, "Beta")
	g.Get("/jobs?triage=") // shows the message of the switch, and takes a token
	kinds := map[string]map[string]string{
		"a form":       {"Sec-Fetch-Dest": "document"},
		"htmx":         {"HX-Request": "true", "HX-Current-URL": g.URL + "/jobs", "HX-Target": "content"},
		"the autosave": {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
	}
	guarded := 0
	g.unstored(t, func() {
		for _, r := range web.Routes() {
			if r.Method != http.MethodPost {
				continue
			}
			if !strings.HasPrefix(r.Policy, "tenant ") {
				if !slices.Contains(unguarded, r.Path) {
					t.Errorf("POST %s is behind no guard", r.Path)
				}
				continue
			}
			guarded++
			for what, headers := range kinds {
				fields := g.fields(r)
				for name := range maps.Keys(fields) {
					if slices.Contains(texts, name) {
						fields.Set(name, "typed into "+name)
					}
				}
				refusedAsStale(t, "POST "+r.Path+" by "+what, g.stale(t, r, fields, headers), fields)
			}
		}
	})
	if guarded < 15 {
		t.Errorf("only %d forms", guarded)
	}
}

// refusedAsStale looks at the whole answer to a form of Acme that was sent in Beta.
func refusedAsStale(t *testing.T, what string, p *webtest.Page, fields url.Values) {
	t.Helper()
	main := p.Find("main#content") // what htmx puts into the page, and the autosave shows parts of
	if p.Status != http.StatusConflict || strings.TrimSpace(main.Find("h1").Text()) != "This was written in Acme" || !strings.Contains(main.Text(), "You are now in Beta") {
		t.Errorf("%s: %d %q", what, p.Status, main.Text())
	}
	back := main.Find(`.bar form[action="/organizations/switch"]`)
	if back.Find("button").Text() != "Go back to Acme" || back.Find("input[name=tenant_id]").AttrOr("value", "") != fields.Get("tenant") ||
		back.Find("input[name=return_to]").AttrOr("value", "") != "/proposals?status=draft" || main.Find(`.bar a`).Text() != "Stay in Beta" {
		t.Errorf("%s: the ways out are %q", what, main.Find(".bar").Text())
	}
	for name, value := range fields {
		if slices.Contains(texts, name) && main.Find("textarea").FilterFunction(func(_ int, s *selection) bool { return s.Text() == value[0] }).Length() != 1 {
			t.Errorf("%s: %s is lost", what, name)
		}
	}
}

func TestTheGuardNamesAnOrganizationOnlyToItsMembers(t *testing.T) {
	t.Parallel()
	s := webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People: []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana"}, {ID: ben, Email: "ben@example.com", Name: "Ben"}},
		Organizations: []sandbox.Organization{{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin"}},
			{ID: beta, Name: "Beta", Slug: "beta", CreatedBy: ben, Members: map[string]string{ben: "org:admin"}}},
	})
	foreign := signIn(t, s, ana, "Acme").Get("/jobs").Find("body").AttrOr("data-tenant", "")
	b := signIn(t, s, ben, "Beta")
	b.Get("/jobs")
	one := b.Post("/proposals", url.Values{"tenant": {foreign}, "job_id": {nobodys}})
	two := b.Post("/proposals", url.Values{"tenant": {nobodys}, "job_id": {nobodys}})
	if one.Status != http.StatusConflict || strings.Contains(one.Body, "Acme") || same(one.Body) != same(two.Body) {
		t.Errorf("%d %q, or it differs from an organization that is none", one.Status, one.H1())
	}
}
