package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web/webtest"
)

// acrobat is a site with somebody who is in three organizations.
func acrobat(t *testing.T) *webtest.Site {
	t.Helper()
	return webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People: []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana Example"}, {ID: nina, Email: "nina@example.com", Name: "Nina Example"}},
		Organizations: []sandbox.Organization{
			{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin", nina: "org:viewer"}},
			{ID: beta, Name: "Beta", Slug: "beta", CreatedBy: nina, Members: map[string]string{nina: "org:admin"}},
			{ID: "org_gamma", Name: "Gamma", Slug: "gamma", CreatedBy: nina, Members: map[string]string{nina: "org:admin"}},
		},
	})
}

func TestALinkToAnotherOrganizationOfOnesOwnOffersTheSwitch(t *testing.T) {
	t.Parallel()
	s := acrobat(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	for _, path := range []string{"/jobs/" + there.ids["/jobs/"], "/proposals/" + there.ids["/proposals/"], "/jobs/import/" + there.ids["/jobs/import/"]} {
		p := b.Get(path)
		if p.Status != http.StatusNotFound || p.Find("h1").Text() != "This is in Acme" || p.Find(`.switcher [aria-current]`).Text() == "" {
			t.Fatalf("%s: %d %q", path, p.Status, p.Find("h1").Text())
		}
		to := b.Submit(p, `main form[action="/organizations/switch"]`, nil)
		if to.Status != http.StatusOK || to.URL.Path != path || !strings.Contains(to.Find(".message").Text(), "You are now working in “Acme”.") {
			t.Errorf("%s: the switch leads to %d %s", path, to.Status, to.URL.Path)
		}
		switchTo(t, b, "Beta")
	}
	if got := tried(t, s); len(got) != 0 {
		t.Errorf("somebody tried %q, who has every right to it", got)
	}
}

// Whoever is in several organizations learns no more of the others than whoever is in one.
func TestALinkToAnOrganizationOfOthersIsNothingAlsoToSomebodyWithSeveral(t *testing.T) {
	t.Parallel()
	s := acrobat(t)
	there := treasureOf(t, s)
	b := signIn(t, s, nina, "Beta")
	missing := b.Get("/jobs/" + nobodys)
	refused := func(why string, p *webtest.Page) {
		t.Helper()
		if p.Status != http.StatusNotFound || same(p.Body) != same(missing.Body) {
			t.Errorf("%s: %d %q", why, p.Status, p.Find("h1").Text())
		}
	}
	path := "/jobs/" + there.ids["/jobs/"]
	script := func(name, value string) *webtest.Page {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(name, value)
		return b.Do(r)
	}
	refused("for a script", script("HX-Request", "true"))
	refused("for a picture", script("Sec-Fetch-Dest", "image"))
	refused("a malformed id", b.Get("/jobs/"+uuid.Nil.String()))

	exec(t, s.Database, "UPDATE app.fence SET state = 'suspended' WHERE tenant_id = (SELECT tenant_id FROM control.registry WHERE name = 'Acme')")
	refused("of a suspended organization", b.Get(path))
	exec(t, s.Database, "UPDATE app.fence SET state = 'active'")
	exec(t, s.Database, "UPDATE users SET removed_at = now() WHERE clerk_id = '"+nina+"' AND tenant_id = (SELECT tenant_id FROM control.registry WHERE name = 'Acme')")
	refused("of an organization that has removed her, though the directory still has it", b.Get(path))
	exec(t, s.Database, "DELETE FROM control.directory WHERE clerk_user_id = '"+nina+"' AND tenant_id = (SELECT tenant_id FROM control.registry WHERE name = 'Acme')")
	missing = b.Get("/jobs/" + nobodys) // whose switcher has one less
	refused("of an organization that she has left", b.Get(path))
	if got := tried(t, s); !slices.Equal(got, []string{"Acme foreign_id job 5"}) { // hers no more when they were looked at
		t.Errorf("noticed %q", got)
	}
}
