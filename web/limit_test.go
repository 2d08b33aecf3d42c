package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

func TestTheClientIsTheLastOneThatNoneOfOurProxiesHas(t *testing.T) {
	t.Parallel()
	known := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		remote, forwarded, client string
	}{
		{"203.0.113.7:1234", "", "203.0.113.7"},
		{"203.0.113.7:1234", "198.51.100.1", "203.0.113.7"}, // nobody we know says so
		{"10.0.0.1:1234", "", "10.0.0.1"},
		{"10.0.0.1:1234", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1234", "127.0.0.1, 198.51.100.1", "198.51.100.1"}, // the first was there before
		{"10.0.0.1:1234", "1.1.1.1, 198.51.100.1, 10.2.3.4", "198.51.100.1"},
		{"10.0.0.1:1234", "198.51.100.1:4711", "198.51.100.1"},
		{"10.0.0.1:1234", "198.51.100.1,,", "10.0.0.1"},
		{"10.0.0.1:1234", "198.51.100.1, nonsense", "10.0.0.1"},
		{"10.0.0.1:1234", "10.9.9.9, 10.8.8.8", "10.9.9.9"},
		{"[fd00::1]:1234", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"[fd00::1]:1234", "[2001:db8:1:2::9]:80", "2001:db8:1:2::/64"},
		{"[::ffff:10.0.0.1]:1234", "::ffff:198.51.100.1", "198.51.100.1"},
		{"@", "198.51.100.1", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		for _, line := range strings.SplitAfter(c.forwarded, ", ") { // over several lines it means the same
			r.Header.Add("X-Forwarded-For", strings.TrimSuffix(line, ", "))
		}
		if got := web.Client(known, r); got != c.client {
			t.Errorf("%s for %q is %s, want %s", c.remote, c.forwarded, got, c.client)
		}
	}
}

func TestWhoAsksTooOftenIsToldWhenToComeAgainAndNobodyElseNoticesIt(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.RateLimit = 20 }) // 200 at once
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	editor := b.Get("/jobs/import")
	refused := flood(t, b, 3000) // as many as a slow machine needs to outrun the allowance
	if refused == nil || refused.Header.Get("Retry-After") != "1" || refused.H1() != "A moment, please" {
		t.Fatalf("after 3000 requests: %+v", refused)
	}
	if p := other.Get("/jobs"); p.Status != http.StatusOK {
		t.Errorf("somebody else of the organization gets %d", p.Status)
	}
	for range 100 {
		if refused = b.Submit(editor, `form[action="/jobs/import"]`, url.Values{"text": {"my precious text"}}); refused.Status == http.StatusTooManyRequests {
			break
		}
	}
	if refused.Status != http.StatusTooManyRequests || refused.Find("textarea").Text() != "my precious text" {
		t.Errorf("%d, what was typed is lost: %s", refused.Status, refused.Find("main").Text())
	}
	if !strings.Contains(s.Log.String(), "too many requests of person "+ana) || strings.Contains(s.Log.String(), "my precious text") {
		t.Error("the log does not say who it was, or says more")
	}
}

// flood asks for a page until it is refused, at most n times, and returns the refusal.
func flood(t *testing.T, b *webtest.Browser, n int) *webtest.Page {
	t.Helper()
	for range n {
		if p := b.Get("/organizations"); p.Status == http.StatusTooManyRequests {
			return p
		}
	}
	return nil
}

func TestSigningInIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) {
		o.RateLimit, o.Proxies = 10, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")} // five at once
	})
	ask := func(from string) int {
		r := httptest.NewRequest(http.MethodGet, s.URL+"/sign-in", nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("X-Forwarded-For", from)
		w := httptest.NewRecorder()
		s.Front.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 20 {
		if got := ask("203.0.113.7"); i < 5 && got != http.StatusSeeOther || i > 10 && got != http.StatusTooManyRequests {
			t.Errorf("sign-in %d: %d", i, got)
		}
	}
	if got := ask("203.0.113.8"); got != http.StatusSeeOther {
		t.Errorf("from another address: %d", got)
	}
	if got := ask("9.9.9.9, 203.0.113.7"); got != http.StatusTooManyRequests {
		t.Errorf("the same address with another in front: %d", got)
	}
}

func TestACrowdCostsBoundedMemory(t *testing.T) {
	t.Parallel()
	if kept := web.Crowd(100_000, func(i int) string { return fmt.Sprint(i) }); kept > 20_000 {
		t.Errorf("%d are remembered", kept)
	}
}

func TestOnlySoMuchIsDoneAtTheSameTimeAndTheOthersWait(t *testing.T) {
	t.Parallel()
	take, kept := web.Turns(2)
	one, err := take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	two, err := take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		release, err := take(t.Context())
		if err == nil {
			release()
		}
		got <- err
	}()
	one()
	if err := <-got; err != nil {
		t.Errorf("the third did not get the turn of the first: %v", err)
	}
	again, err := take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := take(t.Context()); err == nil || err.Error() != "too many requests of key at the same time" {
		t.Errorf("without room: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := take(gone); err == nil {
		t.Error("somebody who left got a turn")
	}
	two()
	again()
	if kept() != 0 {
		t.Errorf("%d queues are kept", kept())
	}
}

func TestAnExportWaitsForATurnLikeAPage(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.RateLimit = 100 })
	b := signIn(t, s, ana, "Acme")
	tenant := uuid.MustParse(b.Get("/organization/audit").Find("body").AttrOr("data-tenant", ""))
	for _, path := range []string{"/organization/audit", "/organization/audit/export.csv"} {
		release, err := s.Front.Occupy(t.Context(), ana, tenant)
		if err != nil {
			t.Fatal(err)
		}
		if p := b.Get(path); p.Status != http.StatusTooManyRequests {
			t.Errorf("%s while eight things are under way: %d", path, p.Status)
		}
		release()
		if p := b.Get(path); p.Status != http.StatusOK {
			t.Errorf("%s with room: %d", path, p.Status)
		}
	}
}

func TestAnOperatorIsToldOfTooManyRequestsAndOthersLearnNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/admin", "/admin/components"} {
		s := start(t, func(o *web.Options) { o.RateLimit = 8 })
		operator := s.Browser(t)
		operator.SignIn(webtest.Operator)
		told := operator.Get(path)
		for range 200 {
			if told.Status != http.StatusOK {
				break
			}
			told = operator.Get(path)
		}
		if told.Status != http.StatusTooManyRequests || told.Header.Get("Retry-After") == "" {
			t.Errorf("%s for an operator: %d", path, told.Status)
		}
		s = start(t, func(o *web.Options) { o.RateLimit = 8 })
		other := s.Browser(t)
		other.SignIn(ana)
		if flood(t, other, 600) == nil {
			t.Fatal("nobody is limited: this test tests nothing")
		}
		alike := false // of one moment: a little later she may do something again
		for range 20 {
			hidden, nothing := other.Get(path), other.Get("/nothing/here")
			if hidden.Status != http.StatusNotFound || hidden.Header.Get("Retry-After") != "" {
				t.Errorf("%s for somebody else: %d", path, hidden.Status)
			}
			alike = alike || same(hidden.Body) == same(nothing.Body)
		}
		if !alike {
			t.Errorf("%s is never what there is where there is nothing", path)
		}
	}
}

func TestOnlyAFewFormsOfOnePersonAreReadAtATime(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.RateLimit = 100 })
	b, other := signIn(t, s, ana, "Acme"), signIn(t, s, ben, "Acme")
	slow := func() (stop func()) {
		body, w := io.Pipe()
		r, err := http.NewRequest(http.MethodPost, s.URL+"/jobs/import", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}, "Cookie": {"session=" + b.Cookie("session")}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if answer, err := http.DefaultTransport.RoundTrip(r); err == nil {
				answer.Body.Close()
			}
		}()
		if _, err := w.Write([]byte("text=")); err != nil {
			t.Error(err)
		}
		return func() { w.Close(); <-done }
	}
	var all []func()
	for range 8 {
		all = append(all, slow())
	}
	var ninth *webtest.Page
	for range 50 { // until all of them have arrived
		if ninth = b.Submit(b.Get("/jobs?q=go"), ".keep form:has(input[name=address])", url.Values{"name": {"my search"}}); ninth.Status == http.StatusTooManyRequests {
			break
		}
	}
	if ninth.Status != http.StatusTooManyRequests || !strings.Contains(ninth.Body, "my search") {
		t.Errorf("a ninth form while eight are being sent: %d", ninth.Status)
	}
	if p := other.Submit(other.Get("/jobs?q=go"), ".keep form:has(input[name=address])", url.Values{"name": {"Other"}}); p.Status != http.StatusOK {
		t.Errorf("of somebody else: %d", p.Status)
	}
	for _, stop := range all {
		stop()
	}
	if p := b.Submit(b.Get("/jobs?q=go"), ".keep form:has(input[name=address])", url.Values{"name": {"Mine"}}); p.Status != http.StatusOK {
		t.Errorf("with room again: %d", p.Status)
	}
}
