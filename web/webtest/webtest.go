// Package webtest starts the whole app for a test: a real database, the sandbox, the front on a loopback port.
package webtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web"
)

// Site is the app of one test.
type Site struct {
	*dbtest.Database
	URL     string // http://localhost:port
	Sandbox *sandbox.Server
	Watch   *app.Watch // looks when a test says so
	Log     *Log
	Metrics *prometheus.Registry
	Front   *web.Server // behind URL
	Spans   *tracetest.InMemoryExporter
}

// Log keeps what the app logs.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps one line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Operator is the id of the person who operates the platform of every site.
var Operator = demo.Operator().ID

// Start runs the app over d with the given people and organizations, and with what tune changes of its options. Without
// any it has no limit on requests.
func Start(t testing.TB, d *dbtest.Database, seed sandbox.Seed, tune ...func(*web.Options)) *Site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Database: d, URL: "http://localhost:" + port, Log: &Log{}, Metrics: prometheus.NewRegistry(), Spans: tracetest.NewInMemoryExporter()}
	log := slog.New(slog.NewJSONHandler(s.Log, nil))
	s.Sandbox, err = sandbox.Start(sandbox.Options{AppOrigin: s.URL, StateFile: remembered(t), Seed: seed, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Sandbox.Close(context.Background()) }) // connections of the test's own browser may linger
	front, err := s.front(d.DB, log, tune)
	if err != nil {
		t.Fatal(err)
	}
	s.Front = front
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- front.Serve(ctx, listener) }()
	t.Cleanup(func() {
		plain.CloseIdleConnections() // else the server waits for its browsers to hang up
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the site ended with %v", err)
		}
	})
	return s
}

// key is the sandbox's, the same for all sites of a test process: each would take longer to make its own than to start.
var key = sync.OnceValues(func() ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
})

// remembered is the state of a sandbox of which nothing is left but its key.
func remembered(t testing.TB) (file string) {
	t.Helper()
	content, err := key()
	file = filepath.Join(t.TempDir(), "sandbox.json")
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (s *Site) front(d *db.DB, log *slog.Logger, tune []func(*web.Options)) (*web.Server, error) {
	secret, publishable := s.Sandbox.Keys()
	client, err := clerk.New(clerk.Config{SecretKey: secret, PublishableKey: publishable, APIURL: s.Sandbox.URL(), BaseURL: s.URL})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	if s.Watch, err = app.NewWatch(d, log); err != nil {
		return nil, err
	}
	o := web.Options{DB: d, Clerk: client, Organizations: app.NewOrganizations(d, client, log), Watch: s.Watch,
		SessionKeys: [][]byte{bytes.Repeat([]byte{1}, 32)}, Operators: []string{Operator}, BaseURL: base, Sandbox: true, Log: log,
		Metrics: s.Metrics, Tracer: sdk.NewTracerProvider(sdk.WithSyncer(s.Spans)).Tracer("test")}
	for _, change := range tune {
		change(&o)
	}
	return web.New(o)
}

// plain is what all browsers ask over. It takes no compressed page: under the race detector, packing and unpacking each of
// tens of thousands costs more than all else that is done for them. Compression has its own tests.
var plain = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}

// Browser is one browser without JavaScript: it keeps cookies and says where it comes from, as a browser does.
type Browser struct {
	t    testing.TB
	base string // the site's address
	http *http.Client
	at   string // address of the last page
	// Token is that of the forms of the last page that had any.
	Token string
}

// Browser opens a new one.
func (s *Site) Browser(t testing.TB) *Browser {
	t.Helper()
	return Open(t, s.URL)
}

// Open opens a browser for a site that runs elsewhere, at an address like http://localhost:8080.
func Open(t testing.TB, base string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, base: base, http: &http.Client{Jar: jar, Transport: plain}}
}

// Page is an answer.
type Page struct {
	Status int
	Header http.Header
	URL    *url.URL
	Body   string
	t      testing.TB
	doc    *goquery.Document // Body, read once somebody looks for something in it
}

// Find looks for elements of the page. It is for one goroutine at a time.
func (p *Page) Find(selector string) *goquery.Selection {
	p.t.Helper()
	if p.doc == nil {
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(p.Body))
		if err != nil {
			p.t.Fatalf("%s: %v", p.URL, err)
		}
		p.doc = doc
	}
	return p.doc.Find(selector)
}

// H1 is the page's heading.
func (p *Page) H1() string { return strings.TrimSpace(p.Find("h1").Text()) }

// Message is what the page says of the last write.
func (p *Page) Message() string { return strings.TrimSpace(p.Find(".message").Text()) }

// Get opens a path of the site, or an address.
func (b *Browser) Get(path string) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.address(path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	return b.do(r)
}

// Post sends a form as the page that was opened last would, with that page's token unless fields have another.
func (b *Browser) Post(path string, fields url.Values) *Page {
	b.t.Helper()
	if b.Token != "" && strings.HasPrefix(b.address(path), b.base) && !fields.Has("token") {
		if fields = maps.Clone(fields); fields == nil {
			fields = url.Values{}
		}
		fields.Set("token", b.Token)
	}
	return b.send(path, fields)
}

// Arrive opens a page as a link of another site does.
func (b *Browser) Arrive(path string) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.address(path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(r)
}

// send posts exactly fields.
func (b *Browser) send(path string, fields url.Values) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.address(path), strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if b.at != "" {
		r.Header.Set("Referer", b.at)
	}
	return b.do(r)
}

// Submit sends the form that selector finds on p, or whose button it finds, with its hidden fields and fields over them.
func (b *Browser) Submit(p *Page, selector string, fields url.Values) *Page {
	b.t.Helper()
	form := p.Find(selector)
	if form.Length() != 1 {
		b.t.Fatalf("%d forms for %q on %s", form.Length(), selector, p.URL)
	}
	all, to := url.Values{}, form.AttrOr("action", "")
	if goquery.NodeName(form) == "button" {
		to = form.AttrOr("formaction", "")
		all.Set(form.AttrOr("name", ""), form.AttrOr("value", ""))
		if form = p.Find("form#" + form.AttrOr("form", "")); form.Length() != 1 {
			b.t.Fatalf("%d forms of the button %q on %s", form.Length(), selector, p.URL)
		}
	}
	form.Find("input, textarea").Each(func(_ int, s *goquery.Selection) {
		kind, _ := s.Attr("type")
		_, checked := s.Attr("checked")
		if name, ok := s.Attr("name"); ok && (checked || kind != "radio" && kind != "checkbox") {
			value := s.AttrOr("value", "")
			if goquery.NodeName(s) == "textarea" {
				value = s.Text()
			}
			all.Set(name, value)
		}
	})
	form.Find("select").Each(func(_ int, s *goquery.Selection) {
		all.Set(s.AttrOr("name", ""), s.Find("option[selected]").AttrOr("value", ""))
	})
	for name, values := range fields {
		all[name] = values
	}
	action, err := p.URL.Parse(to)
	if err != nil {
		b.t.Fatal(err)
	}
	b.at = p.URL.String()
	if form.AttrOr("method", "get") == "get" {
		return b.Get(action.String() + "?" + all.Encode())
	}
	return b.send(action.String(), all)
}

// SignIn walks through the sandbox's hosted page as a person and ends on the page where the sign-in leads.
func (b *Browser) SignIn(person string) *Page { return b.SignInFrom("/sign-in", person) }

// SignInFrom is SignIn, sent there by a page that needs it.
func (b *Browser) SignInFrom(path, person string) *Page {
	b.t.Helper()
	hosted := b.Get(path)
	redirect, ok := hosted.Find(`input[name=redirect_url]`).First().Attr("value")
	if !ok {
		b.t.Fatalf("no hosted page at %s: %s", hosted.URL, hosted.Body)
	}
	b.at = hosted.URL.String()
	return b.Post(hosted.URL.Scheme+"://"+hosted.URL.Host+"/sign-in", url.Values{"redirect_url": {redirect}, "user_id": {person}})
}

// Cookie is the value of one of the site's cookies.
func (b *Browser) Cookie(name string) string {
	b.t.Helper()
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// SetCookie plants a cookie of the site.
func (b *Browser) SetCookie(name, value string) {
	b.t.Helper()
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// NoRedirects makes the browser stop at a redirect, to look at it.
func (b *Browser) NoRedirects() {
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// Client is a client over connections of its own that is signed in as this browser is. It follows no redirects.
func (b *Browser) Client(transport *http.Transport) *http.Client {
	return &http.Client{Jar: b.http.Jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Do sends a request as it is, with the browser's cookies.
func (b *Browser) Do(r *http.Request) *Page { return b.do(r) }

func (b *Browser) address(path string) string {
	if strings.HasPrefix(path, "/") {
		return b.base + path
	}
	return path
}

func (b *Browser) do(r *http.Request) *Page {
	b.t.Helper()
	page, err := b.fetch(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.at = page.URL.String()
	if token := page.token(); token != "" {
		b.Token = token
	}
	return page
}

// token is that of the page's first form that has one. Most pages are asked for nothing else: they are not parsed for it.
func (p *Page) token() string {
	_, rest, _ := strings.Cut(p.Body, `name="token" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

func (b *Browser) fetch(r *http.Request) (*Page, error) {
	response, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return &Page{Status: response.StatusCode, Header: response.Header, URL: response.Request.URL, Body: string(body), t: b.t}, nil
}
