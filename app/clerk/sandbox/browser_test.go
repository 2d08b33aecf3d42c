package sandbox_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
)

var seed = sandbox.Seed{
	People: []sandbox.Person{
		{ID: "user_zoe", Email: "Zoe@example.com", Name: "Zoe Two Names", Note: "Owns <both> organizations"},
		{ID: "user_abe", Email: "abe@example.com", Name: "Abe"},
	},
	Organizations: []sandbox.Organization{
		{ID: "org_a", Name: "Alpha", Slug: "alpha", CreatedBy: "user_zoe", Members: map[string]string{"user_zoe": "org:admin", "user_abe": "org:viewer"}},
		{ID: "org_b", Name: "Beta", Slug: "beta", CreatedBy: "user_zoe", Members: map[string]string{"user_zoe": "org:manager"}},
	},
}

// site is a small app on localhost that signs people in through a sandbox, with the adapter that the real one uses.
type site struct {
	url     string
	sandbox *sandbox.Server
	clerk   *clerk.Client
	alter   func(url.Values) // changes what the handshake is asked for
}

func newSite(t *testing.T, file string) *site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &site{url: "http://localhost:" + port, alter: func(url.Values) {}}
	s.open(t, file)
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// open starts the sandbox and the adapter over it.
func (s *site) open(t *testing.T, file string) {
	t.Helper()
	var err error
	if s.sandbox, err = sandbox.Start(sandbox.Options{AppOrigin: s.url, StateFile: file, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.sandbox.Close(t.Context()) })
	secret, publishable := s.sandbox.Keys()
	if s.clerk, err = clerk.New(clerk.Config{SecretKey: secret, PublishableKey: publishable, APIURL: s.sandbox.URL(), BaseURL: s.url}); err != nil {
		t.Fatal(err)
	}
}

// serve is the callback: it redirects as the decision says, and shows who is signed in.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	d, err := s.clerk.Authenticate(r.Context(), r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for _, ck := range d.Cookies {
		http.SetCookie(w, ck)
	}
	switch d.Status {
	case clerk.Handshake:
		q := d.Location.Query()
		s.alter(q)
		d.Location.RawQuery = q.Encode()
		http.Redirect(w, r, d.Location.String(), http.StatusTemporaryRedirect)
	case clerk.SignedIn:
		json.NewEncoder(w).Encode(d.Claims)
	default:
		http.Error(w, d.Reason, http.StatusUnauthorized)
	}
}

// browser keeps cookies, follows redirects and notes where it was sent.
type browser struct {
	t *testing.T
	*site
	jar   http.CookieJar
	trail []string
}

func (s *site) browser(t *testing.T) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t: t, site: s, jar: jar}
}

type page struct {
	status int
	body   string
	header http.Header
	url    *url.URL
}

func (b *browser) do(r *http.Request) page {
	b.t.Helper()
	r.Header.Set("Sec-Fetch-Dest", "document")
	client := &http.Client{Jar: b.jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.trail = append(b.trail, r.URL.Host+r.URL.Path)
		return nil
	}}
	response, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{response.StatusCode, string(body), response.Header, response.Request.URL}
}

func (b *browser) get(address string) page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

// post sends a form of the sandbox, as its own page would unless site says otherwise.
func (b *browser) post(path, site string, fields url.Values) page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.sandbox.URL()+path, strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return b.do(r)
}

func (b *browser) signIn(person string) page {
	b.t.Helper()
	return b.post("/sign-in", "same-origin", url.Values{"redirect_url": {b.callback()}, "user_id": {person}})
}

func (s *site) callback() string { return s.url + "/auth/callback?state=abc&x=a%26b" }

func claimsOf(t *testing.T, p page) clerk.Claims {
	t.Helper()
	var c clerk.Claims
	if err := json.Unmarshal([]byte(p.body), &c); p.status != http.StatusOK || err != nil {
		t.Fatalf("at %s: %d %s", p.url, p.status, p.body)
	}
	return c
}
