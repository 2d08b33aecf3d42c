package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/web/webtest"
)

func TestSigningOutEndsEveryCopyOfTheCookie(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	thief := s.Browser(t)
	thief.SetCookie("session", b.Cookie("session"))
	if p := thief.Get("/jobs"); p.Status != http.StatusOK {
		t.Fatalf("the copy does not work even before: %d", p.Status)
	}
	if p := b.Submit(b.Get("/jobs"), `form[action="/sign-out"]`, nil); p.H1() != "You are signed out" {
		t.Fatalf("signing out shows %q", p.H1())
	}
	if b.Cookie("session") != "" {
		t.Error("the cookie is still there")
	}
	thief.NoRedirects()
	if p := thief.Get("/jobs"); p.Status != http.StatusSeeOther {
		t.Errorf("the copy still works: %d", p.Status)
	}
	if p := b.Get("/sign-in"); !strings.HasPrefix(p.URL.String(), s.Sandbox.URL()) {
		t.Errorf("Clerk's page does not ask again: %s", p.URL)
	}
}

func TestATokenOfClerkOpensNothingAfterTheSignOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	b.NoRedirects()
	back := b.Get("/sign-in").Header.Get("Location")
	hosted, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	redirect := url.Values{"redirect_url": {hosted.Query().Get("redirect_url")}, "user_id": {ana}}
	handshake := ""
	for p := b.Post(s.Sandbox.URL()+"/sign-in", redirect); handshake == "" && p.Header.Get("Location") != ""; p = b.Get(p.Header.Get("Location")) {
		to, err := url.Parse(p.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if handshake = to.Query().Get("__clerk_handshake"); handshake != "" {
			b.Get(to.String())
		}
	}
	replay := func() *webtest.Browser {
		thief := s.Browser(t)
		callback := thief.Get("/sign-in").Find(`input[name=redirect_url]`).First().AttrOr("value", "")
		thief.NoRedirects()
		thief.Get(callback + "&__clerk_handshake=" + url.QueryEscape(handshake))
		return thief
	}
	before := replay()
	if p := before.Get("/organizations"); p.Status != http.StatusOK {
		t.Fatalf("the copy does not work even before: %d", p.Status)
	}
	if p := b.Submit(b.Get("/organizations"), `form[action="/sign-out"]`, nil); p.Status != http.StatusSeeOther {
		t.Fatalf("signing out: %d", p.Status)
	}
	if p := before.Get("/organizations"); p.Status != http.StatusSeeOther {
		t.Errorf("what a copy opened before is still open: %d", p.Status)
	}
	// A token is of a whole second, and so is the comparison: the sign-out came in a later one.
	exec(t, s.Database, "UPDATE control.sessions SET revoked_at = revoked_at + interval '1 second' WHERE clerk_user_id = $1", ana)
	if after := replay(); after.Cookie("session") != "" {
		t.Error("the copy opens a session after the sign-out")
	}
	exec(t, s.Database, "UPDATE control.sessions SET revoked_at = revoked_at - interval '1 second' WHERE clerk_user_id = $1 AND revoked_at IS NOT NULL", ana)
	if p := s.Browser(t).SignInFrom("/organizations", ana); p.Status != http.StatusOK {
		t.Errorf("signing in anew: %d", p.Status)
	}
}

func TestSwitchingChangesTheSessionID(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	old := b.Cookie("session")
	switchTo(t, b, "Beta")
	thief := s.Browser(t)
	thief.SetCookie("session", old)
	thief.NoRedirects()
	if p := thief.Get("/jobs"); p.Status != http.StatusSeeOther {
		t.Errorf("the cookie from before the switch still works: %d", p.Status)
	}
}

func TestACookieThatIsNotOursIsNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	good := signIn(t, s, ana, "Acme").Cookie("session")
	for name, value := range map[string]string{
		"empty": "", "garbage": "garbage", "flipped": good[:20] + "AAAA" + good[24:], "cut": good[:len(good)-5], "doubled": good + good, "other name": "sid=" + good,
	} {
		b := s.Browser(t)
		b.SetCookie("session", value)
		b.NoRedirects()
		if p := b.Get("/jobs"); p.Status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, p.Status)
		}
	}
}

func TestASignInBelongsToTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	s := start(t)
	// ben's browser goes through everything but the last step, which is sent to ana: login CSRF.
	attacker := s.Browser(t)
	hosted := attacker.Get("/sign-in")
	redirect := hosted.Find(`input[name=redirect_url]`).First().AttrOr("value", "")
	attacker.NoRedirects()
	back := attacker.Post(s.Sandbox.URL()+"/sign-in", url.Values{"redirect_url": {redirect}, "user_id": {ben}}).Header.Get("Location")
	victim := s.Browser(t)
	for _, address := range []string{back, s.URL + "/auth/callback", s.URL + "/auth/callback?state="} {
		if p := victim.Get(address); p.Status != http.StatusBadRequest || victim.Cookie("session") != "" {
			t.Errorf("%s: %d, session %q", address, p.Status, victim.Cookie("session"))
		}
	}
	pending := s.Browser(t)
	pending.Get("/sign-in")
	if p := pending.Get(back); p.Status != http.StatusBadRequest || pending.Cookie("session") != "" {
		t.Errorf("with a sign-in of its own under way: %d", p.Status)
	}
}

func TestAHandshakeThatCannotBeTakenEndsOnAPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	hosted := b.Get("/sign-in")
	callback := hosted.Find(`input[name=redirect_url]`).First().AttrOr("value", "")
	b.SetCookie("__clerk_redirect_count", "3") // it has been round often enough
	p := b.Get(callback + "&__clerk_handshake=e30.e30.e30")
	if p.Status != http.StatusBadRequest || b.Cookie("session") != "" || !strings.Contains(s.Log.String(), p.Header.Get("X-Request-Id")+`","error":"handshake not taken`) {
		t.Errorf("%d %s at %s", p.Status, p.H1(), p.URL)
	}
}

func TestReturnAddressesStayOnThisSite(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, bad := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "http:evil", "evil", "https:/evil"} {
		b := s.Browser(t)
		hosted := b.Get("/sign-in?return_to=" + url.QueryEscape(bad))
		redirect := hosted.Find(`input[name=redirect_url]`).First().AttrOr("value", "")
		if p := b.Post(s.Sandbox.URL()+"/sign-in", url.Values{"redirect_url": {redirect}, "user_id": {ana}}); !strings.HasPrefix(p.URL.String(), s.URL+"/") {
			t.Errorf("sign-in with %q leads to %s", bad, p.URL)
		}
		page := switchTo(t, b, "Acme")
		b.NoRedirects()
		id := page.Find(".switcher [aria-current]").AttrOr("value", "")
		if to := b.Post("/organizations/switch", url.Values{"tenant_id": {id}, "return_to": {bad}}).Header.Get("Location"); to != "/jobs" {
			t.Errorf("switching with %q leads to %q", bad, to)
		}
	}
	b := s.Browser(t)
	if p := b.SignInFrom("/jobs?q=go", ana); p.URL.RequestURI() != "/jobs?q=go" {
		t.Errorf("a good address leads to %s", p.URL)
	}
}

func TestAFormOfAnotherSiteDoesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	for name, headers := range map[string]map[string]string{
		"cross-site": {"Sec-Fetch-Site": "cross-site"}, "sibling": {"Sec-Fetch-Site": "same-site"},
		"foreign origin": {"Origin": "https://evil.example"}, "null origin": {"Origin": "null"},
	} {
		r, err := http.NewRequest(http.MethodPost, s.URL+"/sign-out", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for k, v := range headers {
			r.Header.Set(k, v)
		}
		if p := b.Do(r); p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, p.Status)
		}
	}
	if p := b.Get("/jobs"); p.Status != http.StatusOK {
		t.Errorf("the session is gone: %d", p.Status)
	}
}

func TestANewcomerCreatesAnOrganization(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	first := b.SignIn(nina)
	if first.H1() != "Organizations" || first.Find("ul.cards li").Length() != 0 {
		t.Fatalf("nina begins at %q with %d organizations", first.H1(), first.Find("ul.cards li").Length())
	}
	empty := b.Submit(first, `form[action="/organizations"][method=post]`, url.Values{"name": {"  "}})
	if empty.Status != http.StatusUnprocessableEntity || empty.Find(".problem").Text() == "" {
		t.Fatalf("an empty name: %d", empty.Status)
	}
	long := b.Submit(first, `form[action="/organizations"][method=post]`, url.Values{"name": {strings.Repeat("x", 101)}})
	if long.Status != http.StatusUnprocessableEntity || long.Find("#name").AttrOr("value", "") != strings.Repeat("x", 101) {
		t.Fatalf("a long name: %d, kept %q", long.Status, long.Find("#name").AttrOr("value", ""))
	}
	made := b.Submit(first, `form[action="/organizations"][method=post]`, url.Values{"name": {"Nina & <Co>"}})
	if made.H1() != "Jobs" || !strings.Contains(made.Find(".switcher summary").Text(), "Nina & <Co>") {
		t.Fatalf("after creating: %d %q", made.Status, made.H1())
	}
	again := s.Browser(t)
	if p := again.SignIn(nina); p.H1() != "Jobs" {
		t.Errorf("signing in again leads to %q", p.H1())
	}
	if p := again.Get("/jobs/import"); p.Find("textarea").Length() != 1 {
		t.Errorf("its maker may not import")
	}
}

func TestWhoeverSignsInAgainIsBackInTheOrganizationOfWhatTheyWrote(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Beta")
	importFixture(t, b, "../app/upwork/testdata/vollna_webhook.json")
	editor := b.Submit(b.Get(b.Get("/jobs").Find(".row h2 a").First().AttrOr("href", "")), `form[action="/proposals"]`, nil)
	signIn(t, s, ana, "Acme") // used last, and where Clerk's token would lead
	exec(t, s.Database, "UPDATE control.sessions SET revoked_at = now() WHERE clerk_user_id = $1", ana)
	p := b.Submit(editor, editorForm, url.Values{"letter": {"written too late"}})
	link := p.Find("main a.button").AttrOr("href", "")
	if p.Status != http.StatusUnauthorized || p.Find("textarea").First().Text() != "written too late" {
		t.Fatalf("%d %q", p.Status, p.H1())
	}
	if back := b.SignInFrom(link, ana); back.URL.Path != editor.URL.Path || !strings.Contains(back.Find(".switcher summary").Text(), "Beta") {
		t.Errorf("%s leads to %s in %s", link, back.URL, back.Find(".switcher summary").Text())
	}
	exec(t, s.Database, "UPDATE control.sessions SET revoked_at = now() WHERE clerk_user_id = $1", ana)
	if back := b.SignInFrom(editor.URL.Path, ana); back.URL.Path != editor.URL.Path || back.Status != http.StatusOK {
		t.Errorf("a link opened too late leads to %s: %d", back.URL, back.Status)
	}
	// An organization that one is not in is no wish.
	foreign := signIn(t, s, ana, "Beta").Get("/jobs").Find("body").AttrOr("data-tenant", "")
	for _, wish := range []string{foreign, nobodys, "x", "%00"} {
		if p := s.Browser(t).SignInFrom("/sign-in?return_to=%2Fjobs&organization="+wish, ben); !strings.Contains(p.Find(".switcher summary").Text(), "Acme") {
			t.Errorf("%q leads ben to %q", wish, p.Find(".switcher summary").Text())
		}
	}
}

// A link of another site must not choose where somebody works who is signed in.
func TestALinkOfAnotherSiteChoosesNoOrganization(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	acme := b.Get("/jobs").Find("body").AttrOr("data-tenant", "")
	switchTo(t, b, "Beta")
	for _, wish := range []string{"", "&organization=" + acme, "&organization=x"} {
		before := b.Cookie("session")
		p := b.Arrive("/sign-in?again=yes&return_to=%2Fjobs" + wish)
		if got := p.Find(".switcher summary").Text(); p.URL.Path != "/jobs" || !strings.Contains(got, "Beta") || b.Cookie("session") == before {
			t.Errorf("%q leads to %s in %q", wish, p.URL, got)
		}
	}
	if p := b.Get("/sign-in?again=yes&return_to=%2Fjobs&organization=" + acme); !strings.Contains(p.Find(".switcher summary").Text(), "Acme") {
		t.Errorf("a link of ours leads to %s in %q", p.URL, p.Find(".switcher summary").Text())
	}
}

// A page that takes its news away must not write the session's cookie: it may be of before the switch of another tab.
func TestAPageWithNewsLeavesTheSessionAlone(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	b.NoRedirects()
	switchTo(t, b, "Beta")
	news := b.Cookie("news")
	p := b.Get("/jobs")
	if got := p.Find(".message").Text(); !strings.Contains(got, "You are now working in “Beta”.") {
		t.Errorf("the news are %q", got)
	}
	for _, c := range p.Header.Values("Set-Cookie") {
		if !strings.HasPrefix(c, "news=") || !strings.Contains(c, "; Max-Age=0; ") {
			t.Errorf("a page with news sets %q", c)
		}
	}
	if again := b.Get("/jobs").Find(".toast").Length(); again != 0 {
		t.Error("the news are told twice")
	}

	other := signIn(t, s, ben, "Acme")
	other.SetCookie("news", news)
	if got := other.Get("/jobs").Find(".toast").Length(); got != 0 {
		t.Error("somebody is told the news of another session")
	}
	for _, bad := range []string{"", "x", news[:len(news)-2], other.Cookie("session")} {
		other.SetCookie("news", bad)
		if p := other.Get("/jobs"); p.Status != http.StatusOK || p.Find(".toast").Length() != 0 {
			t.Errorf("news %q: %d", bad, p.Status)
		}
	}
}
