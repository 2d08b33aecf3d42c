package sandbox_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
)

func TestSignInWalksFromTheHostedPageThroughTheHandshakeToTheApp(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"token", "nonce"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.alter = func(q url.Values) { q.Set("format", format) }
			b := s.browser(t)

			hosted := b.get(s.clerk.SignInURL(s.callback()))
			if !strings.Contains(hosted.body, "Zoe Two Names") || !strings.Contains(hosted.body, "Owns &lt;both&gt; organizations") || strings.Index(hosted.body, "Zoe") > strings.Index(hosted.body, "Abe") {
				t.Errorf("the hosted page does not list the people as the seed has them: %s", hosted.body)
			}
			got := claimsOf(t, b.signIn("user_zoe"))

			app, other := strings.TrimPrefix(s.url, "http://"), strings.TrimPrefix(s.sandbox.URL(), "http://")
			want := []string{app + "/auth/callback", other + "/v1/client/handshake", app + "/auth/callback"}
			if strings.Join(b.trail, " ") != strings.Join(want, " ") {
				t.Errorf("went along %v, want %v", b.trail, want)
			}
			if got.Subject != "user_zoe" || got.OrgID != "org_a" || got.OrgRole != "org:admin" || !got.ExpiresAt.After(got.IssuedAt) {
				t.Errorf("signed in as %+v", got)
			}
			if u, _ := url.Parse(s.url); len(b.jar.Cookies(u)) != 2 { // dev browser, sign-in time
				t.Errorf("the app was given the cookies %v", b.jar.Cookies(u))
			}
		})
	}
}

func TestWhoIsSignedInHasMembershipsMakesAnOrganizationAndCanBeSignedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	b := s.browser(t)
	claims := claimsOf(t, b.signIn("user_zoe"))
	ctx := t.Context()

	person, err := s.clerk.Person(ctx, claims.Subject)
	if err != nil || person != (clerk.Person{ID: "user_zoe", Email: "zoe@example.com", Name: "Zoe Two Names"}) {
		t.Errorf("got the person %+v, %v", person, err)
	}
	made, err := s.clerk.CreateOrganization(ctx, "Gamma & Söhne", claims.Subject)
	if err != nil || made.Slug != "gamma---s-hne" || made.Name != "Gamma & Söhne" {
		t.Fatalf("made %+v, %v", made, err)
	}
	roles := map[string]string{}
	memberships, err := s.clerk.Memberships(ctx, claims.Subject)
	for _, m := range memberships {
		roles[m.OrganizationName] = m.Role
		if m.ID == "" || m.CreatedBy != "user_zoe" || m.UpdatedAt.Year() < 2025 {
			t.Errorf("got the membership %+v", m)
		}
	}
	if err != nil || len(roles) != 3 || roles["Alpha"] != "org:admin" || roles["Beta"] != "org:manager" || roles["Gamma & Söhne"] != "org:admin" {
		t.Errorf("got %v, %v", roles, err)
	}

	if is, err := s.clerk.SessionActive(ctx, claims.SessionID); !is || err != nil {
		t.Errorf("the session counts: %v, %v", is, err)
	}
	if err := s.clerk.RevokeSession(ctx, claims.SessionID); err != nil {
		t.Fatal(err)
	}
	if is, err := s.clerk.SessionActive(ctx, claims.SessionID); is || err != nil {
		t.Errorf("the revoked session counts: %v, %v", is, err)
	}
	if p := b.get(s.callback()); p.status != http.StatusUnauthorized {
		t.Errorf("a revoked session still signs in: %d %s", p.status, p.body)
	}
}

func TestSignOutOnTheHostedPageEndsTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	b := s.browser(t)
	claims := claimsOf(t, b.signIn("user_abe"))

	p := b.post("/sign-out", "same-origin", url.Values{"redirect_url": {s.callback()}})

	if p.status != http.StatusOK || p.url.Path != "/sign-in" || p.url.Query().Get("redirect_url") != s.callback() || strings.Contains(p.body, "signed in as") {
		t.Errorf("ended at %s: %d %s", p.url, p.status, p.body)
	}
	if is, err := s.clerk.SessionActive(t.Context(), claims.SessionID); is || err != nil {
		t.Errorf("the session counts: %v, %v", is, err)
	}
}

func TestAnotherPersonTakesOverTheBrowserUnderANewCookie(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	b := s.browser(t)
	hosted, _ := url.Parse(s.sandbox.URL())
	b.jar.SetCookies(hosted, []*http.Cookie{{Name: "__client", Value: "planted", Path: "/"}})
	first := claimsOf(t, b.signIn("user_zoe"))
	cookie := b.jar.Cookies(hosted)[0].Value
	if cookie == "planted" {
		t.Error("a planted cookie was taken over")
	}

	second := claimsOf(t, b.signIn("user_abe"))

	if second.Subject != "user_abe" || second.SessionID == first.SessionID || b.jar.Cookies(hosted)[0].Value == cookie {
		t.Errorf("got %+v after %+v", second, first)
	}
	if is, _ := s.clerk.SessionActive(t.Context(), first.SessionID); is {
		t.Error("the first session still counts")
	}
	if page := b.get(s.clerk.SignInURL(s.callback())); !strings.Contains(page.body, "signed in as <strong>Abe</strong>") {
		t.Errorf("the page does not say who is signed in: %s", page.body)
	}
}

func TestTheHandshakeChoosesTheOrganization(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	b := s.browser(t)
	claimsOf(t, b.signIn("user_zoe"))

	s.alter = func(q url.Values) { q.Set("organization_id", "org_b") }
	if got := claimsOf(t, b.get(s.callback())); got.OrgID != "org_b" || got.OrgRole != "org:manager" {
		t.Errorf("got %+v, want Beta", got)
	}
	s.alter = func(url.Values) {}
	if got := claimsOf(t, b.get(s.callback())); got.OrgID != "org_b" {
		t.Errorf("got %+v: the choice was forgotten", got)
	}
	for _, org := range []string{"", "org_unknown"} {
		s.alter = func(q url.Values) { q.Set("organization_id", org) }
		if p := b.get(s.callback()); p.status != http.StatusUnauthorized || !strings.Contains(p.body, "session-pending") {
			t.Errorf("chose %q: got %d %s, want a pending session", org, p.status, p.body)
		}
	}
	s.alter = func(url.Values) {}
	if got := claimsOf(t, b.signIn("user_zoe")); got.OrgID != "org_b" {
		t.Errorf("a new sign-in begins with %q, want the organization chosen last", got.OrgID)
	}
}

func TestANewcomerIsAddedAndSignedInWithoutAnOrganization(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	b := s.browser(t)
	form := func(name, email string) url.Values {
		return url.Values{"redirect_url": {s.callback()}, "name": {name}, "email": {email}}
	}

	got := claimsOf(t, b.post("/people", "same-origin", form("  Nia   New ", "Nia@Example.com")))

	person, err := s.clerk.Person(t.Context(), got.Subject)
	if err != nil || person.Name != "Nia New" || person.Email != "nia@example.com" || got.OrgID != "" {
		t.Errorf("got %+v, %+v, %v", person, got, err)
	}
	if all, err := s.clerk.Memberships(t.Context(), got.Subject); err != nil || len(all) != 0 {
		t.Errorf("got the memberships %v, %v", all, err)
	}
	for _, bad := range []url.Values{form("", "a@b.c"), form("Bo", "bo"), form("Bo", "nia@example.com"), form(strings.Repeat("x", 101), "a@b.c"),
		form("Bo", "a@b@c"), form("Bo", "<b@c.d>"), form("B\xff", "a@b.c"), form("B\x00", "a@b.c")} {
		p := b.post("/people", "same-origin", bad)
		if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, `role="alert"`) {
			t.Errorf("%v: got %d", bad, p.status)
		}
		if name := bad.Get("name"); name == "Bo" && !strings.Contains(p.body, `value="Bo"`) {
			t.Errorf("%v: what was typed is lost", bad)
		}
	}
}

func TestTheStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "sandbox.json")
	s := newSite(t, file)
	b := s.browser(t)
	claims := claimsOf(t, b.signIn("user_zoe"))
	made, err := s.clerk.CreateOrganization(t.Context(), "Gamma", "user_zoe")
	if err != nil {
		t.Fatal(err)
	}
	secret, publishable := s.sandbox.Keys()
	if err := s.sandbox.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	s.open(t, file)

	if a, b := s.sandbox.Keys(); a != secret || b != publishable {
		t.Error("it has other keys, or listens elsewhere, after a restart")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file has the mode %v, %v", info.Mode(), err)
	}
	if got := claimsOf(t, b.get(s.callback())); got.SessionID != claims.SessionID {
		t.Errorf("got the session %s, want %s", got.SessionID, claims.SessionID)
	}
	all, err := s.clerk.Memberships(t.Context(), "user_zoe")
	if err != nil || len(all) != 3 || all[0].OrganizationID != made.ID && all[1].OrganizationID != made.ID && all[2].OrganizationID != made.ID {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestADamagedStateIsNamedAndNotOverwritten(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no JSON": "{", "a hole": `{"organizations":{"org_a":null}}`, "another hole": `{"sessions":{"sess_a":null}}`, "half a key": `{"key":"-----BEGIN PRIVATE KEY-----"}`,
	} {
		file := filepath.Join(t.TempDir(), "sandbox.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sandbox.Start(sandbox.Options{AppOrigin: "http://localhost:1", StateFile: file})
		after, _ := os.ReadFile(file)
		if err == nil || !strings.Contains(err.Error(), file) || string(after) != content {
			t.Errorf("%s: got %v and the file %q", name, err, after)
		}
	}
}

func TestItServesThisMachineOnly(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sandbox.Options{
		"all addresses":               {Addr: "0.0.0.0:0", AppOrigin: "http://localhost:1"},
		"a name":                      {Addr: "localhost:0", AppOrigin: "http://localhost:1"},
		"an https site":               {AppOrigin: "https://localhost:1"},
		"a site elsewhere":            {AppOrigin: "http://example.com"},
		"a site elsewhere by address": {AppOrigin: "http://10.0.0.1:1"},
		"no site":                     {},
		"the site's own host":         {Addr: "127.0.0.1:0", AppOrigin: "http://127.0.0.1:1"},
		"a person without an id":      {AppOrigin: "http://localhost:1", Seed: sandbox.Seed{People: []sandbox.Person{{ID: "zoe"}}}},
		"a member who is nobody":      {AppOrigin: "http://localhost:1", Seed: sandbox.Seed{Organizations: []sandbox.Organization{{ID: "org_a", Members: map[string]string{"user_x": "org:admin"}}}}},
	} {
		if s, err := sandbox.Start(o); err == nil {
			s.Close(t.Context())
			t.Errorf("%s: it started", name)
		}
	}
}

func TestWhatAForeignPageTriesIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for name, tt := range map[string]struct {
		do   func(*browser) page
		want int
	}{
		"a form of another site": {func(b *browser) page {
			return b.post("/sign-in", "cross-site", url.Values{"redirect_url": {s.callback()}, "user_id": {"user_zoe"}})
		}, http.StatusForbidden},
		"a sign-in that leads elsewhere": {func(b *browser) page {
			return b.post("/sign-in", "same-origin", url.Values{"redirect_url": {"http://evil.test/"}, "user_id": {"user_zoe"}})
		}, http.StatusBadRequest},
		"an address that looks like the app's": {func(b *browser) page {
			return b.get(b.sandbox.URL() + "/sign-in?" + url.Values{"redirect_url": {s.url + "@evil.test/"}}.Encode())
		}, http.StatusBadRequest},
		"another port of the app's host": {func(b *browser) page {
			return b.get(b.sandbox.URL() + "/sign-in?redirect_url=http://localhost:1/")
		}, http.StatusBadRequest},
		"a script as the way back": {func(b *browser) page {
			return b.get(b.sandbox.URL() + "/sign-in?redirect_url=javascript:alert(1)")
		}, http.StatusBadRequest},
		"a handshake that leads elsewhere": {func(b *browser) page {
			return b.get(b.sandbox.URL() + "/v1/client/handshake?redirect_url=http://evil.test/")
		}, http.StatusBadRequest},
		"a person who is nobody": {func(b *browser) page { return b.signIn("user_nobody") }, http.StatusUnprocessableEntity},
		"another name for this machine": {func(b *browser) page {
			r, _ := http.NewRequest(http.MethodGet, b.sandbox.URL()+"/sign-in", nil)
			r.Host = "rebound.evil.test"
			return b.do(r)
		}, http.StatusMisdirectedRequest},
		"a body without end": {func(b *browser) page {
			return b.post("/people", "same-origin", url.Values{"redirect_url": {s.callback()}, "name": {strings.Repeat("x", 100<<10)}})
		}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.browser(t)
			if p := tt.do(b); p.status != tt.want || p.url.Host == "evil.test" {
				t.Errorf("got %d at %s: %s", p.status, p.url, p.body)
			}
			if hosted, _ := url.Parse(s.sandbox.URL()); len(b.jar.Cookies(hosted)) != 0 {
				t.Error("it signed somebody in")
			}
		})
	}
}

func TestThePagesCarryTheirPolicies(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for _, path := range []string{"/sign-in", "/style.css"} {
		p := s.browser(t).get(s.sandbox.URL() + path)
		policy := p.header.Get("Content-Security-Policy")
		if p.status != http.StatusOK || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' "+s.url) || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, p.status, p.header)
		}
	}
}
