package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"upwork-ai-agent/web"
)

// It runs by itself: what other tests allocate would be counted.
func TestAFullPageOfJobsTakesFewAllocations(t *testing.T) {
	const most = 400 + dropped
	s := start(t, func(o *web.Options) { o.Tracer, o.Log = nil, slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	b := signIn(t, s, ana, "Acme")
	jobsOf(t, b, 0, 60)
	cookie := &http.Cookie{Name: "session", Value: b.Cookie("session")}
	page := func() *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(http.MethodGet, s.URL+"/jobs", nil), httptest.NewRecorder()
		r.AddCookie(cookie)
		s.Front.ServeHTTP(w, r)
		return w
	}
	if w := page(); w.Code != http.StatusOK || strings.Count(w.Body.String(), `<li class="row">`) != 50 {
		t.Fatalf("%d: %d rows", w.Code, strings.Count(w.Body.String(), `<li class="row">`))
	}
	if got := testing.AllocsPerRun(30, func() { page() }); got > most {
		t.Errorf("%.0f allocations, want at most %d", got, most)
	}
}
