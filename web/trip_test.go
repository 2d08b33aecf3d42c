package web_test

import (
	"fmt"
	"net/http"
	"testing"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web/webtest"
)

func TestAWarmPageIsTwoRoundTripsOnTheWire(t *testing.T) {
	t.Parallel()
	d, wire := dbtest.Own(t), &dbtest.Wire{}
	counted := *d
	counted.DB = d.Tuned(t, wire.Tune)
	s := webtest.Start(t, &counted, sandbox.Seed{
		People:        []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana Example"}},
		Organizations: []sandbox.Organization{{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin"}}},
	})
	b := signIn(t, s, ana, "Acme")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	job := b.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")
	proposal := b.Submit(b.Get(job), `form[action="/proposals"]`, nil).URL.Path
	for _, page := range []string{"/jobs", "/jobs?q=go&sort=pay", job, "/proposals", proposal, "/organization/audit"} { // one after the other: they share the wire
		got := wire.During(t, func() error {
			if p := b.Get(page); p.Status != http.StatusOK {
				return fmt.Errorf("%s: %d", page, p.Status)
			}
			return nil
		})
		if got != 2 {
			t.Errorf("%s takes %d round trips, not 2", page, got)
		}
	}
}
