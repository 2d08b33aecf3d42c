package web_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// selection is what is found on a page.
type selection = goquery.Selection

// target is a signed-in person who may go everywhere, in an organization with one of everything that an address can name.
type target struct {
	*webtest.Site
	*webtest.Browser
	tenant                      string
	job, upload, proposal, note string // paths
}

// newTarget makes one, in Acme; others are further organizations.
func newTarget(t *testing.T, others ...sandbox.Organization) *target {
	t.Helper()
	person := webtest.Operator
	own := sandbox.Organization{ID: acme, Name: "Acme", Slug: "acme", CreatedBy: person, Members: map[string]string{person: "org:admin"}}
	s := webtest.Start(t, dbtest.Own(t), sandbox.Seed{
		People:        []sandbox.Person{{ID: person, Email: "olga@example.com", Name: "Olga"}},
		Organizations: append([]sandbox.Organization{own}, others...),
	})
	g := &target{Site: s, Browser: signIn(t, s, person, "Acme")}
	importFixture(t, g.Browser, "../app/upwork/testdata/vollna_webhook.json")
	g.job = g.Get("/jobs?q=billing").Find(".row h2 a").First().AttrOr("href", "")
	g.proposal = g.Submit(g.Get(g.job), `form[action="/proposals"]`, nil).URL.Path
	form := g.Get("/jobs/import")
	g.tenant = form.Find(`form[action="/jobs/import"] input[name=tenant]`).AttrOr("value", "")
	g.upload = g.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {"title,url\nTwo,https://www.upwork.com/jobs/~022050861570460031849\n"}}).URL.Path
	g.note = "/jobs/notes/" + noted(t, g.Browser, g.job)
	g.NoRedirects()
	return g
}

// address is a route's path with ids of what is there.
func (g *target) address(r web.Route) string {
	path := r.Path
	for prefix, there := range map[string]string{"/jobs/import/:id": g.upload, "/jobs/notes/:id": g.note, "/jobs/:id": g.job, "/proposals/:id": g.proposal} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			path = there + rest
		}
	}
	return address(path)
}

// fields are the forms of the routes, filled in. A route that is not here has only the organization.
func (g *target) fields(r web.Route) url.Values {
	f := map[string]url.Values{
		"/organizations":          {"name": {"x"}},
		"/organizations/switch":   {"tenant_id": {g.tenant}, "return_to": {"/jobs"}},
		"/jobs/import":            {"text": {"title\nX\n"}},
		"/jobs/:id/triage":        {"to": {"skipped"}, "reason": {"x"}, "return_to": {"/jobs"}},
		"/proposals":              {"job_id": {strings.TrimPrefix(g.job, "/jobs/")}},
		"/proposals/:id":          {"version": {"1"}, "letter": {"x"}, "answer-0": {"x"}, "bid": {"hourly"}, "bid_amount": {"65"}, "origin": {"merge"}, "take-letter": {"theirs"}},
		"/proposals/:id/autosave": {"version": {"1"}, "letter": {"x"}, "answer-0": {"x"}, "bid": {"hourly"}, "bid_amount": {"65"}},
		"/proposals/:id/restore":  {"version": {"1"}, "restore": {"1"}},
		"/proposals/:id/move":     {"version": {"1"}, "to": {"archived"}, "note": {"x"}, "loss_reason": {"x"}, "contract_value": {"1"}},
		"/jobs/:id/assign":        {"assignee": {""}},
		"/jobs/:id/notes":         {"note": {"x"}},
		"/jobs/notes/:id":         {"do": {"save"}, "note": {"x"}},
		"/jobs/change":            {"which": {"ticked"}, "do": {"archived"}, "id": {strings.TrimPrefix(g.job, "/jobs/")}, "page": {""}, "address": {"q=x"}, "assignee": {""}, "return_to": {"/jobs"}, "count": {"1"}},
		"/jobs/searches":          {"name": {"x"}, "address": {"q=x"}},
		"/jobs/searches/:id":      {"do": {"rename"}, "name": {"x"}},
	}[r.Path]
	all := url.Values{"tenant": {g.tenant}, "token": {g.Token}}
	maps.Copy(all, f)
	return all
}

// leaks is what no page may say: the words of the database, its driver and the language.
var leaks = []string{"SQLSTATE", "pgx", "pgconn", "goroutine", "runtime error", "violates", "syntax error", "invalid byte sequence", "panic"}

// leak is the first of them that a page says. What is drawn anew, and spells a short word now and then, is no saying of the
// page; to cut it out costs more than to find nothing.
func leak(body string) string {
	for _, word := range leaks {
		if strings.Contains(body, word) && strings.Contains(same(body), word) {
			return word
		}
	}
	return ""
}

// judge fails the test for an answer that is no clear refusal, or that tells of the machinery.
func judge(t *testing.T, what string, p *webtest.Page, least int) {
	t.Helper()
	if p.Status < least || p.Status >= 500 {
		t.Errorf("%s: %d to %q %s", what, p.Status, p.Header.Get("Location"), p.H1())
	}
	if found := leak(p.Body); found != "" {
		t.Errorf("%s: the page says %q", what, found)
	}
	html := strings.HasPrefix(p.Header.Get("Content-Type"), "text/html")
	if p.Status >= 400 && html && (p.H1() == "" || len(p.Find("main p").Text()) < 20) {
		t.Errorf("%s: %d says nothing", what, p.Status)
	}
}

// rows counts the rows of every table of every organization, and the versions of what can be changed.
func (g *target) rows(t *testing.T) string {
	t.Helper()
	var said string
	err := g.Database.Connect(t, "postgres").QueryRow(t.Context(), `
		SELECT string_agg(format('%s: %s', c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM public.%I', c.relname), false, true, '')))[1]), ', ' ORDER BY c.relname)
		       || (SELECT format('; versions: %s, %s', (SELECT sum(version) FROM jobs), (SELECT sum(version) FROM proposals)))
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT IN ('policy_hits', 'schema_migrations')`).Scan(&said)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// unstored runs do and fails the test when anything was stored.
func (g *target) unstored(t *testing.T, do func()) {
	t.Helper()
	before := g.rows(t)
	do()
	if after := g.rows(t); after != before {
		t.Errorf("something was stored:\nbefore %s\nafter  %s", before, after)
	}
}

func posts() (all []web.Route) {
	for _, r := range web.Routes() {
		if r.Method == http.MethodPost && r.Path != "/sign-out" { // its form has nothing in it, and an empty one is right
			all = append(all, r)
		}
	}
	return all
}

func TestBadValuesInAnyFieldOfAnyFormAreRefusedAndStoreNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	every := map[string]string{"NUL": "a\x00b", "invalid UTF-8": "a\xff\xfeb", "half a surrogate": "\xed\xa0\x80"}
	numbers := map[string]string{"overflow": "99999999999999999999", "negative": "-7", "infinite": "1e999", "not a number": "NaN", "hexadecimal": "0x7f", "words": "one"}
	ids := map[string]string{"no uuid": "x", "nobody's": "01890000-0000-7000-8000-000000000000", "in braces": "{}", "SQL": "' OR 1=1 --", "many": strings.Repeat("7", 5000)}
	choices := map[string]string{"unknown": "paid", "upper case": "SKIPPED", "SQL": "'; DROP TABLE jobs; --", "long": strings.Repeat("y", 5000)}
	kinds := map[string]map[string]string{
		"version": numbers, "restore": numbers, "bid_amount": numbers, "contract_value": numbers, "count": numbers,
		"tenant": ids, "token": ids, "tenant_id": ids, "job_id": ids, "id": ids, "do": choices, "which": choices, "to": choices, "bid": choices, "origin": choices, "take-letter": choices,
		"letter": {"1 MB": strings.Repeat("é", 1<<19)}, "answer-0": {"1 MB": strings.Repeat("y", 1<<20)}, "reason": {"1 MB": strings.Repeat("z", 1<<20)},
		"note": {"1 MB": strings.Repeat("n", 1<<20)}, "loss_reason": {"1 MB": strings.Repeat("l", 1<<20)},
		"name": {"1 MB": strings.Repeat("o", 1<<20), "empty": "", "blank": " \t "}, "text": {"1 MB": strings.Repeat("title ", 1<<18), "empty": ""},
	}
	g.unstored(t, func() {
		for _, r := range posts() {
			for name := range g.fields(r) {
				bad := maps.Clone(every)
				if r.Path != "/organizations" && r.Path != "/organizations/switch" || name != "tenant" { // those two ask for none
					maps.Copy(bad, kinds[name])
				}
				for what, value := range bad {
					fields := g.fields(r)
					fields.Set(name, value)
					p := g.Post(g.address(r), fields)
					judge(t, fmt.Sprintf("POST %s with %s in %s", r.Path, what, name), p, 400)
					g.typedIsKept(t, r, fields, p)
				}
			}
		}
	})
}

// typedIsKept looks for what a person typed into the fields of text that are long to write again.
func (g *target) typedIsKept(t *testing.T, r web.Route, fields url.Values, p *webtest.Page) {
	t.Helper()
	if p.Status == http.StatusNotFound {
		return // there is no page to show it on
	}
	shown := p.Find("main textarea, main input").Map(func(_ int, s *selection) string { return s.AttrOr("value", "") + s.Text() })
	for _, name := range []string{"letter", "answer-0", "note", "loss_reason", "reason", "text"} {
		typed := strings.ToValidUTF8(strings.ReplaceAll(fields.Get(name), "\x00", "\ufffd"), "\ufffd")
		if typed != "" && !slices.ContainsFunc(shown, func(s string) bool { return s == typed || s == strings.TrimSpace(typed) }) && !strings.Contains(p.Find("main").Text(), typed) {
			t.Errorf("POST %s: %s is lost on %d %q", r.Path, name, p.Status, p.H1())
		}
	}
}

func TestFormsWithTooManyOrTooFewFieldsAreRefusedAndStoreNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	g.unstored(t, func() {
		for _, r := range posts() {
			twice, unknown, fields := g.fields(r), g.fields(r), g.fields(r)
			for name := range twice {
				twice[name] = append(twice[name], "again")
			}
			unknown.Set("admin", "true")
			nameless := g.fields(r)
			nameless.Set("", "x")
			odd := g.fields(r)
			odd.Set("le\x00tter\xff", "x")
			for what, f := range map[string]url.Values{"each field twice": twice, "an unknown field": unknown, "a field without name": nameless, "a name that is no text": odd} {
				p := g.Post(g.address(r), f)
				judge(t, "POST "+r.Path+" with "+what, p, 400)
				if p.Status != http.StatusBadRequest || !strings.Contains(p.Find("main").Text(), "The field “") {
					t.Errorf("POST %s with %s: %d does not name the field: %s", r.Path, what, p.Status, p.Find("main").Text())
				}
			}
			judge(t, "POST "+r.Path+" with nothing", g.Post(g.address(r), url.Values{}), 400)
			// The address is not the form.
			judge(t, "POST "+r.Path+" with its fields in the address", g.Post(g.address(r)+"?"+fields.Encode(), url.Values{}), 400)
		}
	})
}

func TestBodiesThatAreNoFormsAreRefusedAndStoreNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	const boundary = "multipart/form-data; boundary=x"
	g.unstored(t, func() {
		for _, r := range posts() {
			form := g.fields(r).Encode()
			for what, c := range map[string]struct{ kind, encoding, body string }{
				"JSON":                      {"application/json", "", `{"tenant":"` + g.tenant + `","letter":"x"}`},
				"deep JSON":                 {"application/json", "", strings.Repeat("[", 100_000)},
				"XML":                       {"application/xml", "", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"},
				"plain text":                {"text/plain", "", form},
				"no type":                   {"", "", form},
				"a type that is none":       {"application/", "", form},
				"broken escapes":            {"application/x-www-form-urlencoded", "", "tenant=%zz&letter=%"},
				"semicolons":                {"application/x-www-form-urlencoded", "", strings.ReplaceAll(form, "&", ";") + ";a=b"},
				"20,000 fields":             {"application/x-www-form-urlencoded", "", strings.Repeat("a=b&", 20_000) + form},
				"gzip that is none":         {"application/x-www-form-urlencoded", "gzip", form},
				"an unknown encoding":       {"application/x-www-form-urlencoded", "zstd, x", form},
				"multipart, no boundary":    {"multipart/form-data", "", form},
				"multipart, cut off":        {boundary, "", "--x\r\nContent-Disposition: form-data; name=\"letter\"\r\n\r\nhal"},
				"multipart, garbage":        {boundary, "", "garbage\x00\xff"},
				"multipart, wrong boundary": {boundary, "", "--y\r\nContent-Disposition: form-data; name=\"tenant\"\r\n\r\nx\r\n--y--\r\n"},
				"multipart, a strange file": {boundary, "", "--x\r\nContent-Disposition: form-data; name=\"evil\"; filename=\"../../etc/passwd\"\r\n\r\nx\r\n--x--\r\n"},
				"multipart, 5,000 parts":    {boundary, "", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", 5000) + "--x--\r\n"},
				"12 MB":                     {"application/x-www-form-urlencoded", "", "text=" + strings.Repeat("x", 12<<20)},
			} {
				p := g.raw(t, r, c.kind, c.encoding, strings.NewReader(c.body))
				judge(t, "POST "+r.Path+" with "+what, p, 400)
				if !slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, p.Status) {
					t.Errorf("POST %s with %s: %d %q", r.Path, what, p.Status, p.H1())
				}
			}
		}
	})
}

// raw posts a body as it is.
func (g *target) raw(t *testing.T, r web.Route, kind, encoding string, body io.Reader) *webtest.Page {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, g.URL+g.address(r), body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range map[string]string{"Content-Type": kind, "Content-Encoding": encoding} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	return g.Do(request)
}

func TestAnUploadOf50MegabytesGetsItsAnswer(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("tenant", g.tenant) // into memory
	_ = w.WriteField("token", g.Token)
	part, err := w.CreateFormFile("file", "jobs.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("title,url\n"))
	_, _ = part.Write(bytes.Repeat([]byte("A job of many,https://www.upwork.com/jobs/~022050861570460031848\n"), 50<<20/66))
	_ = w.Close()
	for _, known := range []bool{true, false} { // with its length announced, and without
		g.unstored(t, func() {
			var from io.Reader = bytes.NewReader(body.Bytes())
			if !known {
				from = io.MultiReader(from)
			}
			p := g.raw(t, web.Route{Path: "/jobs/import"}, w.FormDataContentType(), "", from)
			if p.Status != http.StatusRequestEntityTooLarge || !strings.Contains(p.Find("main").Text(), "8 MB") {
				t.Errorf("%d %q", p.Status, p.H1())
			}
		})
	}
}

func TestBadAddressesOfAnyRouteAreAnsweredAndStoreNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	ids := []string{"x", "%00", "%ff", "%2e%2e%2f%2e%2e", "..;", "' OR 1=1 --", "null", "0", "-1", "99999999999999999999", strings.Repeat("7", 4000), "{01890000-0000-7000-8000-000000000000}", "%F0%9F%92%A9", "%"}
	values := []string{"%00", "%ff", "", "-1", "99999999999999999999", "1e999", "NaN", "x", "%27%20OR%201%3D1%20--", "%25", "\u202e", "9223372036854775807.01890000-0000-7000-8000-000000000000", "0.x", strings.Repeat("a", 8000), strings.Repeat("(", 500), "%22", "%27", "!!!%26%7C", "2026-02-31", "%zz"}
	names := []string{"q", "triage", "contract", "pay", "country", "age", "before", "status", "mine", "return_to", "state", "sort", "days", "since", "page", "experience", "skills", "any", "rating", "spent", "verified", "proposals", "from", "assignee", "do", "address", "draft", "hires", "%00", "%ff", ""}
	g.unstored(t, func() {
		for _, r := range web.Routes() {
			if strings.Contains(r.Path, ":") || strings.Contains(r.Path, "*") {
				for _, id := range ids {
					path := strings.ReplaceAll(strings.ReplaceAll(r.Path, ":id", id), "*", id)
					if p, ok := g.try(t, r.Method, path, url.Values{"tenant": {g.tenant}, "token": {g.Token}}.Encode(), nil); ok {
						judge(t, r.Method+" "+path[:min(len(path), 80)], p, 200)
					}
				}
			}
			if r.Method != http.MethodGet {
				continue
			}
			for _, name := range names {
				for _, value := range values {
					if p, ok := g.try(t, http.MethodGet, g.address(r)+"?"+name+"="+value, "", nil); ok {
						judge(t, fmt.Sprintf("GET %s?%s=%.40s", r.Path, name, value), p, 200)
					}
				}
			}
			for what, query := range map[string]string{"2,000 of one": strings.Repeat("q=a&", 2000), "huge": "q=" + strings.Repeat("a", 60_000), "no pairs": "&&&===&&;;", "arrays": "q[]=1&q[$gt]=&age[]=2"} {
				if p, ok := g.try(t, http.MethodGet, g.address(r)+"?"+query, "", nil); ok {
					judge(t, "GET "+r.Path+" with a query of "+what, p, 200)
				}
			}
		}
	})
}

// try sends an address that a client library may refuse to send; then there is no answer to judge.
func (g *target) try(t *testing.T, method, path, body string, header http.Header) (*webtest.Page, bool) {
	t.Helper()
	r, err := http.NewRequest(method, g.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, false
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	return g.Do(r), true
}

func TestStrangeHeadersAndMethodsOfAnyRouteAreAnswered(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	g.unstored(t, func() {
		for _, r := range web.Routes() {
			for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PROPFIND", "X"} {
				if p, ok := g.try(t, method, g.address(r), "", nil); ok {
					judge(t, method+" "+r.Path, p, 200)
				}
			}
			if r.Method != http.MethodGet {
				continue
			}
			for name, value := range map[string]string{
				"Accept": "application/json;q=x, */;;", "Accept-Encoding": "*;q=0, br;q=999, \xff", "Accept-Language": strings.Repeat("x,", 1000), "Range": "bytes=9999999999999999999-", "If-None-Match": `"` + strings.Repeat("x", 5000) + `"`,
				"If-Modified-Since": "yesterday", "Content-Encoding": "br", "Content-Type": "multipart/form-data", "X-Http-Method-Override": "POST", "X-Forwarded-For": "'; DROP TABLE jobs; --", "X-Request-Id": "a\tb", "Cookie": "session=%%%; session=; =;", "Referer": "javascript:alert(1)", "Origin": "null", "Traceparent": "00-zz-zz-zz",
			} {
				if p, ok := g.try(t, http.MethodGet, g.address(r), "", http.Header{name: {value}}); ok {
					judge(t, fmt.Sprintf("GET %s with %s: %.40q", r.Path, name, value), p, 200)
				}
			}
		}
	})
}
