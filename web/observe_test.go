package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"upwork-ai-agent/app"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// lines are the log's lines with a message.
func lines(t *testing.T, log, message string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, text := range strings.Split(strings.TrimSpace(log), "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q is not a line of JSON: %v", text, err)
		}
		if line["msg"] == message {
			all = append(all, line)
		}
	}
	return all
}

func TestEveryRequestIsOneLineThatSaysWhoAndWhere(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	b.Get("/jobs") // shows the message
	r, err := http.NewRequest(http.MethodGet, s.URL+"/jobs", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	jobs := b.Do(r)
	b.Get("/healthz")
	var line map[string]any
	await(t, func() bool { // it is written a moment after the answer was sent
		own := slices.DeleteFunc(lines(t, s.Log.String(), "request"), func(l map[string]any) bool {
			return l["request_id"] != jobs.Header.Get("X-Request-Id")
		})
		if len(own) > 1 {
			t.Fatalf("one request is in the log as %v", own)
		}
		if len(own) == 1 {
			line = own[0]
		}
		return line != nil
	})
	for key, want := range map[string]any{
		"method": "GET", "route": "/jobs", "status": 200.0, "member": ana,
		"tenant": jobs.Find(`.switcher [aria-current]`).AttrOr("value", "?"), "bytes": float64(len(jobs.Body)),
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if took, ok := line["took_ms"].(float64); !ok || took <= 0 {
		t.Errorf("it took %v", line["took_ms"])
	}
}

// canary is in everything that a client sends below.
const canary = "Canary7q"

// sing is traffic with the canary in every place where a client can put something.
func sing(t *testing.T, s *webtest.Site) {
	t.Helper()
	owner, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	importFixture(t, owner, "../app/upwork/testdata/vollna_webhook.json")
	jobs := owner.Get("/jobs?q=" + canary)
	job := owner.Get(owner.Get("/jobs").Find(".row h2 a").First().AttrOr("href", ""))
	editor := owner.Submit(job, `form[action="/proposals"]`, nil)
	owner.Submit(editor, `form:has(textarea[name=letter])`, url.Values{"letter": {canary + "\x00"}})
	owner.Submit(editor, `form:has(textarea[name=letter])`, url.Values{"letter": {canary}})
	owner.Submit(editor, `form:has(textarea[name=letter])`, url.Values{"letter": {canary}, "bid": {"hourly"}, "bid_amount": {canary}})
	tenant := jobs.Find(`.switcher [aria-current]`).AttrOr("value", "")
	other.Post("/jobs/import", url.Values{"tenant": {tenant}, "text": {canary}})
	other.Post("/jobs/"+canary+"/triage", url.Values{"tenant": {tenant}, "to": {canary}})
	other.Post("/jobs/import", url.Values{"tenant": {canary}, canary: {canary}})
	for _, path := range []string{"/" + canary, "/jobs/" + canary, "/jobs/" + canary + "/" + canary, "/sign-in?return_to=/" + canary,
		"/auth/callback?state=" + canary + "&__clerk_handshake=" + canary + "&__clerk_db_jwt=" + canary, "/static/" + canary} {
		owner.Get(path)
	}
	for _, route := range web.Routes() {
		path := strings.NewReplacer(":id", canary, "*", canary).Replace(route.Path) + "?q=" + canary
		if route.Method == http.MethodGet {
			owner.Get(path)
		} else if route.Path != "/sign-out" {
			owner.Post(path, url.Values{"tenant": {tenant}, "to": {canary}, "name": {canary}, "letter": {canary}, canary: {canary}})
		}
	}
	stranger := s.Browser(t)
	stranger.SetCookie("session", canary)
	stranger.Get("/jobs?" + canary)
	stranger.SignIn(ben)
	stranger.Get("/auth/callback?state=x&__clerk_handshake=eyJhbGciOiJSUzI1NiJ9." + canary + "." + canary)
	r, err := http.NewRequest(strings.ToUpper(canary), s.URL+"/jobs", strings.NewReader(canary))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"User-Agent", "Authorization", "Referer", "X-Forwarded-For", "X-Request-Id", "Origin", "Traceparent", "Host", "Content-Type"} {
		r.Header.Set(name, canary)
	}
	stranger.Do(r)
}

func TestNoLineOfTheLogHasWhatAClientSent(t *testing.T) {
	t.Parallel()
	s := start(t)
	sing(t, s)
	log := s.Log.String()
	if n := len(lines(t, log, "request")); n < 30 {
		t.Fatalf("only %d requests", n)
	}
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(strings.ToLower(line), strings.ToLower(canary)) {
			t.Errorf("the log says: %s", line)
		}
	}
	for _, line := range lines(t, log, "request") {
		route, _ := line["route"].(string)
		if !slices.ContainsFunc(web.Routes(), func(r web.Route) bool { return r.Path == route }) && route != "unknown" {
			t.Errorf("the route %q is none of the table", route)
		}
		for key := range line {
			if !slices.Contains([]string{"time", "level", "msg", "request_id", "method", "route", "status", "took_ms", "bytes", "tenant", "member"}, key) {
				t.Errorf("a request's line has %q", key)
			}
		}
	}
}

func TestAPanicIsLoggedOnceWithItsStackAndShownToNobody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	front := bare(t, &log, nil)
	front.Handle("/panics", func() error { panic("boom with a secret") })
	front.Handle("/fails", func() error { return errors.New("a defect with a secret") })
	for path, stack := range map[string]bool{"/panics": true, "/fails": false} {
		log.Reset()
		w := httptest.NewRecorder()
		front.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "goroutine") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		failed := lines(t, log.String(), "request failed")
		if len(failed) != 1 || strings.Count(log.String(), "secret") != 1 {
			t.Fatalf("%s was logged as %s", path, log.String())
		}
		if where, _ := failed[0]["stack"].(string); strings.Contains(where, "observe_test.go") != stack {
			t.Errorf("%s: the stack is %q", path, where)
		}
		if failed[0]["request_id"] != w.Header().Get("X-Request-Id") || len(lines(t, log.String(), "request")) != 1 {
			t.Errorf("%s: the lines do not belong together: %s", path, log.String())
		}
	}
}

// bare is the front without a way to sign in.
func bare(t *testing.T, log *bytes.Buffer, metrics prometheus.Registerer) *web.Server {
	t.Helper()
	d, logger := dbtest.New(t).DB, slog.New(slog.NewJSONHandler(log, nil))
	watch, err := app.NewWatch(d, logger)
	if err != nil {
		t.Fatal(err)
	}
	front, err := web.New(web.Options{DB: d, Watch: watch, SessionKeys: [][]byte{bytes.Repeat([]byte{1}, 32)},
		BaseURL: &url.URL{Scheme: "http", Host: "localhost"}, Log: logger, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	return front
}

func scrape(t *testing.T, r prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestRequestsAreCountedByRouteAndNeverByWhatWasAsked(t *testing.T) {
	t.Parallel()
	s := start(t)
	sing(t, s)
	first := scrape(t, s.Metrics)
	for _, want := range []string{`http_request_duration_seconds_count{method="GET",route="/jobs",status="2xx"}`,
		`method="POST",route="/jobs/import",status="4xx"`, `method="GET",route="unknown",status="4xx"`, `method="other",route="/jobs",status="4xx"`,
		"http_requests_in_flight 0"} {
		if !strings.Contains(first, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(strings.ToLower(first), strings.ToLower(canary)) {
		t.Errorf("the page repeats what a client sent")
	}
	b := s.Browser(t)
	for _, path := range []string{"/a", "/b/c", "/jobs/1/2/3", "/wp-login.php", "/%00", "/static/../x"} {
		b.Get(path)
	}
	for _, verb := range []string{"BREW", "LOOK", "GRAB"} {
		r, err := http.NewRequest(verb, s.URL+"/elsewhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Do(r)
	}
	b.Get("/a") // the series of unknown routes and other methods are there by now
	if second := scrape(t, s.Metrics); strings.Count(second, "\n") > strings.Count(first, "\n")+2*histogramLines {
		t.Errorf("unknown addresses and methods add series: %s", second)
	}
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, viewer := signIn(t, s, ana, "Acme"), signIn(t, s, vera, "Acme")
	if first := scrape(t, s.Metrics); !strings.Contains(first, `isolation_refusals_total{reason="write_denied"} 0`) {
		t.Error("nothing is there before the first refusal")
	}
	form := owner.Get("/jobs/import")
	tenant := form.Find(`.switcher [aria-current]`).AttrOr("value", "")
	viewer.Get("/jobs")
	viewer.Post("/jobs/import", url.Values{"tenant": {tenant}, "text": {"title\nX\n"}})
	switchTo(t, owner, "Beta")
	owner.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {"title\nX\n"}})
	exec(t, s.Database, "UPDATE app.fence SET state = 'suspended'")
	owner.Get("/jobs")
	page := scrape(t, s.Metrics)
	for _, want := range []string{`reason="role"} 1`, `reason="other_tenant"} 1`, `reason="context"} 1`, `reason="not_a_member"} 0`} {
		if !strings.Contains(page, "isolation_refusals_total{"+want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// histogramLines is what one series of the latency histogram takes on the page.
const histogramLines = 16
