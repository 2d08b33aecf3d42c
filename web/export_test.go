package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/db/control"
)

// Client is the address of who sent r, where the word of known is believed.
func Client(known []netip.Prefix, r *http.Request) string {
	return household(proxies(known).client(r))
}

// Crowd counts a request of each of n keys, and returns how many of them are remembered.
func Crowd(n int, key func(int) string) int {
	a := newAllowances("crowd", 1, 10)
	for i := range n {
		_ = a.take(key(i), time.Now()) // refused or not
	}
	return len(a.of)
}

// Turns takes turns of one key, of which room may be taken at a time.
func Turns(room int) (take func(context.Context) (release func(), err error), kept func() int) {
	t := &turns{of: map[string]*queue{}}
	take = func(ctx context.Context) (func(), error) { return t.take(ctx, "key", room) }
	return take, func() int { return len(t.of) }
}

// Occupy takes all the turns of a person in a tenant until release is called.
func (s *Server) Occupy(ctx context.Context, person string, tenant uuid.UUID) (release func(), err error) {
	var all []func()
	release = func() {
		for _, one := range all {
			one()
		}
	}
	for range personTurns {
		one, err := s.limits.turn(ctx, person, tenant)
		if err != nil {
			release()
			return nil, err
		}
		all = append(all, one)
	}
	return release, nil
}

// Route is a row of the route table, for tests that go through all of it.
type Route struct {
	Method, Path, Policy string
	Body                 int64
}

// Routes is the whole table.
func Routes() []Route {
	var all []Route
	for _, r := range (&handlers{}).routes() {
		all = append(all, Route{r.method, r.path, r.door.policy, r.door.body})
	}
	return all
}

// Handle adds a route that is not in the table, for tests of the chain around it.
func (s *Server) Handle(path string, h func() error) {
	s.patterns[path] = true
	s.echo.GET(path, func(echo.Context) error { return h() })
}

// Sealed is a session cookie with a session id of one's choice, as only who has the key can make it.
func Sealed(s *Server, sid control.SID) string {
	w := httptest.NewRecorder()
	if err := s.cookies.write(w, httptest.NewRequest(http.MethodGet, "/", nil), cookie{sid: sid}); err != nil {
		panic(err)
	}
	return w.Result().Cookies()[0].Value
}

// Settle waits for what is done after answers.
func Settle(s *Server) { s.late.wait.Wait() }

// CookieLines are the cookies of a site as it sets them.
func CookieLines(t *testing.T, key []byte, base *url.URL) []string {
	t.Helper()
	c, err := newCookies([][]byte{key}, base)
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	if err := errors.Join(c.write(w, r, cookie{}), c.clear(w, r), c.end(w, r), c.begin(w, r, entry{returnTo: "/"})); err != nil {
		t.Fatal(err)
	}
	return w.Header().Values("Set-Cookie")
}
