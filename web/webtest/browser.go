package webtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

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

// Get opens a path of the site, or an address, as somebody who types it does.
func (b *Browser) Get(path string) *Page { return b.open(path, "") }

// Arrive opens a page as a link of another site does.
func (b *Browser) Arrive(path string) *Page { return b.open(path, "cross-site") }

// open says what a browser says of the site where it was sent from; nothing is an old browser.
func (b *Browser) open(path, from string) *Page {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.address(path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	if from != "" {
		r.Header.Set("Sec-Fetch-Site", from)
	}
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
