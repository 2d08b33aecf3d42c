package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// hidden are the addresses of the operator's pages.
func hidden() []string {
	var all []string
	for _, r := range web.Routes() {
		if r.Policy == "platform admin" {
			all = append(all, address(r.Path))
		}
	}
	return all
}

// facts are what an answer says beside its body.
func facts(p *webtest.Page) string {
	h := p.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		h.Del(name)
	}
	var b strings.Builder
	_ = h.Write(&b) // into memory
	return b.String()
}

func TestTheOperatorsPagesAreNotThereForAnybodyElse(t *testing.T) {
	t.Parallel()
	s := start(t)
	if len(hidden()) == 0 {
		t.Fatal("no page of the operator's in the route table")
	}
	for name, b := range map[string]*webtest.Browser{
		"nobody": s.Browser(t), "an owner": signIn(t, s, ana, "Acme"), "a member": signIn(t, s, ben, "Acme"),
		"a viewer": signIn(t, s, vera, "Acme"), "a newcomer": signIn(t, s, nina, ""),
	} {
		b.NoRedirects()
		b.Get("/nowhere") // shows the message of the last write, if there is one
		for _, path := range hidden() {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
				there, nowhere := ask(t, b, method, s.URL+path), ask(t, b, method, s.URL+"/nowhere")
				if there.Status != http.StatusNotFound || same(there.Body) != same(nowhere.Body) || facts(there) != facts(nowhere) {
					t.Errorf("%s, %s %s: %d, or it differs from an unknown address:\n%s\n%s", name, method, path, there.Status, facts(there), facts(nowhere))
				}
			}
		}
		if b.Get("/organizations").Find(`a[href^="/admin"]`).Length() > 0 {
			t.Errorf("%s is led to them", name)
		}
	}
}

// ask sends a request as a page of the site would.
func ask(t *testing.T, b *webtest.Browser, method, address string) *webtest.Page {
	t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(r)
}

func TestTheOperatorSeesTheirPagesAndNoOrganization(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.Browser(t)
	home := b.SignIn(webtest.Operator)
	if home.H1() != "Organizations" || home.Find(`.top a[href="/admin"]`).Length() != 1 {
		t.Fatalf("the operator begins at %q with %d ways to their pages", home.H1(), home.Find(`.top a[href="/admin"]`).Length())
	}
	for _, path := range hidden() {
		p := b.Get(path)
		if p.Status != http.StatusOK || p.Find(".top .badge").Text() != "Operator" || p.Find("[class*=accent-]").Length() != 0 || p.Find(".switcher").Length() != 0 {
			t.Errorf("%s: %d, badge %q, or it looks like an organization's", path, p.Status, p.Find(".top .badge").Text())
		}
	}
	b.NoRedirects()
	for _, r := range web.Routes() {
		if !strings.HasPrefix(r.Policy, "tenant ") {
			continue
		}
		if p := send(t, b, r.Method, s.URL+address(r.Path), url.Values{"tenant": {"x"}}); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/organizations" {
			t.Errorf("%s %s: the operator, who is in no organization, gets %d to %q", r.Method, r.Path, p.Status, p.Header.Get("Location"))
		}
	}
}
