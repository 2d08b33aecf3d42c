package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web/webtest"
)

func TestAnInvitationIsAcceptedAndItsOrganizationIsThere(t *testing.T) {
	t.Parallel()
	s := webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People: []sandbox.Person{{ID: ana, Email: "ana@example.com", Name: "Ana"}, {ID: nina, Email: "nina@example.com", Name: "Nina"}},
		Organizations: []sandbox.Organization{
			{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: ana, Members: map[string]string{ana: "org:admin"}, Invited: map[string]string{nina: "org:viewer"}}},
	})
	if p := signIn(t, s, ana, "Acme").Get("/organizations/invitations"); p.Status != http.StatusOK || strings.Contains(p.Find("main").Text(), "Acme") {
		t.Errorf("somebody else's invitation: %d %q", p.Status, p.Find("main").Text())
	}
	b := s.Browser(t)
	begins := b.SignIn(nina)
	if p := b.Get("/jobs"); p.H1() != "Organizations" {
		t.Errorf("before she has accepted she is at %q", p.H1())
	}
	list := b.Get(begins.Find(`main .empty a`).AttrOr("href", ""))
	if list.H1() != "Invitations" || list.Find("#invitations .badge").Text() != "Viewer" || list.Find(".switcher a").Length() != 3 {
		t.Fatalf("%d %q", list.Status, list.Find("main").Text())
	}
	back := b.Get(list.Find("#invitations a").AttrOr("href", ""))
	if back.URL.String() != s.URL+"/organizations" || back.Find("ul.cards h2").Text() != "Acme" {
		t.Fatalf("accepting leads to %s with %q", back.URL, back.Find("ul.cards").Text())
	}
	if p := switchTo(t, b, "Acme"); p.H1() != "Jobs" || p.Find("#change").Length() != 0 {
		t.Errorf("in Acme she sees %q", p.H1())
	}
	if p := b.Get("/organizations/invitations"); p.Find("#invitations").Length() != 0 || !strings.Contains(p.Find("main").Text(), "Nobody is waiting") {
		t.Errorf("afterwards: %q", p.Find("main").Text())
	}
	_ = s.Sandbox.Close(context.Background())
	if p := b.Get("/organizations/invitations"); p.Status != http.StatusServiceUnavailable {
		t.Errorf("while Clerk is away: %d", p.Status)
	}
	if p := b.Get("/organizations"); p.Status != http.StatusOK {
		t.Errorf("the organizations while Clerk is away: %d", p.Status)
	}
}
