// Package web is the front: Echo lives here and nowhere else. A handler gets the transaction that its door opened for it
// and nothing to open another one with.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/static"
)

// Options is what the front is made of.
type Options struct {
	DB            *db.DB
	Clerk         *clerk.Client
	Organizations *app.Organizations
	Watch         *app.Watch // takes notice of tries at other organizations' data
	SessionKeys   [][]byte   // newest first, 32 bytes each
	Operators     []string   // Clerk user ids of those who operate the platform
	BaseURL       *url.URL   // what browsers see
	Sandbox       bool       // Clerk is the stand-in: every page says so
	Log           *slog.Logger
	RateLimit     int                   // requests a second that one person may make for long; 0: any number
	Proxies       []netip.Prefix        // whose X-Forwarded-For is believed
	Metrics       prometheus.Registerer // where requests are counted; may be nil
	Tracer        trace.Tracer          // makes a span of each request; nil: nobody records
}

// Server is the front.
type Server struct {
	db        *db.DB
	watch     *app.Watch
	cookies   *cookies
	tokens    *tokens
	late      late
	operators map[string]bool // by Clerk user id
	sandbox   bool
	log       *slog.Logger
	meter     *meter
	patterns  map[string]bool // every path of the route table
	echo      *echo.Echo
	base      *url.URL
	limits    *limits
	proxies   proxies
	headers   []header
	draining  atomic.Bool // about to end: not ready for more
}

// heapFloor is memory that nobody touches, so that the system never has to give it. The collector takes it for a live part of
// the heap, and runs when there is as much garbage again. Without it a heap of 2 MB, which is the app's, was collected for every
// fifty pages: that was a sixth of what a page cost.
var heapFloor = sync.OnceValue(func() []byte { return make([]byte, 32<<20) })

// New wires the chain and the routes. It fails for a session key that cannot be used.
func New(o Options) (*Server, error) {
	heapFloor()
	if o.Watch == nil {
		return nil, errors.New("web: nobody watches")
	}
	ck, err := newCookies(o.SessionKeys, o.BaseURL)
	if err != nil {
		return nil, err
	}
	tk, err := newTokens(o.SessionKeys)
	if err != nil {
		return nil, err
	}
	m, err := newMeter(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s := &Server{db: o.DB, watch: o.Watch, cookies: ck, tokens: tk, late: newLate(), operators: map[string]bool{}, sandbox: o.Sandbox, log: o.Log, meter: m, patterns: map[string]bool{}, echo: echo.New(),
		base: o.BaseURL, limits: newLimits(o.RateLimit), proxies: o.Proxies, headers: headersFor(o.BaseURL)}
	for _, person := range o.Operators {
		s.operators[person] = true
	}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.handleError
	// The chain, outermost first.
	s.echo.Use(
		s.identify,            // a request id, in the context, the answer and every log line
		traced(o.Tracer),      // a span, where somebody records
		s.observed,            // one line a request, and counted
		s.recovered,           // a panic is a 500, after its transaction was rolled back
		s.addressed,           // no other host than ours
		unencoded,             // no compressed body
		sameOrigin(o.BaseURL), // no form of another site
	)
	h := &handlers{cookies: ck, clerk: o.Clerk, orgs: o.Organizations, base: o.BaseURL, sandbox: o.Sandbox, ping: s.ping, see: o.Watch.See, assets: static.Handler(acceptsGzip),
		proof:   func(ctx context.Context) (control.Proof, error) { return control.LatestProof(ctx, o.DB) },
		posture: func(ctx context.Context) (isolation.Findings, error) { return isolation.Posture(ctx, o.DB) },
		why: func(ctx context.Context, q isolation.Question) (isolation.Answer, error) {
			return isolation.Why(ctx, o.DB, q)
		},
	}
	for _, r := range h.routes() {
		if err := s.add(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) add(r route) error {
	if r.door.handle == nil {
		return fmt.Errorf("web: %s %s has no policy", r.method, r.path)
	}
	if err := r.watched(); err != nil {
		return err
	}
	s.patterns[r.path] = true
	handle := r.door.handle(s)
	if r.door.body == 0 {
		handle = bodiless(handle)
	}
	s.echo.Add(r.method, r.path, handle)
	if r.method == http.MethodGet {
		s.echo.HEAD(r.path, handle) // net/http leaves the body out
	}
	if r.door.hidden {
		s.echo.RouteNotFound(r.path, echo.NotFoundHandler) // the other methods: 405 would say that there is something
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := w.Header()
	for _, h := range s.headers {
		answer[h.name] = h.values
	}
	s.echo.ServeHTTP(w, r)
}

// errDraining says that this process is about to end.
var errDraining = errors.New("draining")

// ping tells whether more requests may be sent here.
func (s *Server) ping(ctx context.Context) error {
	if s.draining.Load() {
		return errDraining
	}
	return s.db.Ping(ctx)
}

// pageOf is the address of the page that a request asks for, or whose form it sends.
func pageOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return local(r.URL)
	}
	if from, ok := referer(r); ok {
		return from
	}
	return "/"
}

// signInAddress is where to sign in and come back from. What was posted cannot be posted again after a sign-in, so its
// page is where the person comes back to; in the organization that it was written for, or else the one that the ended
// session was in. Whether the person may be there is asked after the sign-in.
func (s *Server) signInAddress(r *http.Request, cause error) string {
	q := url.Values{}
	if back := pageOf(r); back != "/" && !strings.HasPrefix(back, "/sign") && !strings.HasPrefix(back, "/auth/") {
		q.Set("return_to", back)
	}
	ck, _ := s.cookies.read(r)
	tenant := ck.tenant
	var lost *unentered
	if errors.As(cause, &lost) && lost.form.id("tenant") != uuid.Nil {
		tenant = lost.form.id("tenant")
	}
	if tenant != uuid.Nil {
		q.Set("organization", tenant.String())
	}
	if len(q) == 0 {
		return "/sign-in"
	}
	return "/sign-in?" + q.Encode()
}
