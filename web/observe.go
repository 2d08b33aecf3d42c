package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"upwork-ai-agent/db"
)

// requestID is the id that the log line and the error page of a request share.
func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := rand.Text()[:16] // ours, never the client's: it goes into the log and the audit
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		c.SetRequest(c.Request().WithContext(db.WithRequestID(c.Request().Context(), id)))
		return next(c)
	}
}

// note remembers who a request is of, for its log line.
func note(c echo.Context, person string, tenant uuid.UUID) {
	c.Set("member", person)
	if tenant != uuid.Nil {
		c.Set("tenant", tenant.String())
	}
}

// pattern is the route of a request as the table has it. What was asked for in truth may hold ids and what people type,
// so it goes neither into the log nor into a metric.
func (s *Server) pattern(c echo.Context) string {
	if s.patterns[c.Path()] {
		return c.Path()
	}
	return "unknown"
}

// observed counts a request and writes its line in the log, once its answer is known. The line says who did what where,
// and nothing that was typed: no address, no query, no header, no form.
func (s *Server) observed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		s.meter.inFlight.Inc()
		defer s.meter.inFlight.Dec()
		if err := next(c); err != nil {
			c.Error(err) // answers it, so that the status is known
		}
		took, route, verb := time.Since(start), s.pattern(c), method(c.Request().Method)
		name(c, verb, route)
		s.meter.observe(route, verb, c.Response().Status, took)
		s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", line(c, verb, route, took)...)
		return nil
	}
}

func line(c echo.Context, verb, route string, took time.Duration) []slog.Attr {
	member, _ := c.Get("member").(string)
	tenant, _ := c.Get("tenant").(string)
	return []slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("method", verb),
		slog.String("route", route), slog.Int("status", c.Response().Status),
		slog.Float64("took_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", c.Response().Size),
		slog.String("tenant", tenant), slog.String("member", member),
	}
}

// panicked is a panic as an error. What it says and where it happened is for the log.
type panicked struct {
	value any
	stack []byte
}

// Error is for the log.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = &panicked{p, debug.Stack()}
			}
		}()
		return next(c)
	}
}

// failure is what the log says of an error that is worth a line of its own.
func failure(c echo.Context, err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("request_id", requestID(c)), slog.String("error", err.Error())}
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	return attrs
}

// meter counts requests. Its labels are the patterns of the route table, the methods and the classes of statuses, so that
// their number is known when the program is built and none of them names a tenant or a person.
type meter struct {
	requests *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refusals *prometheus.CounterVec
}

// latencies are the upper edges of the histogram in seconds: a warm page is a few milliseconds, an import a second.
var latencies = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// newMeter registers the counters. A nil registry keeps them to themselves.
func newMeter(r prometheus.Registerer) (*meter, error) {
	m := &meter{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds",
			Help: "Time until a request was answered.", Buckets: latencies}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests that are being answered."}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "isolation_refusals_total",
			Help: "Requests that were refused for the tenant's sake, by reason."}, []string{"reason"}),
	}
	for _, r := range refusals {
		m.refusals.WithLabelValues(r.reason) // there from the start, so that the first one is an increase
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.requests), r.Register(m.inFlight), r.Register(m.refusals))
}

// refusals is the table of refusals that are counted.
var refusals = []struct {
	err    error
	reason string
}{
	{db.ErrDenied, "write_denied"}, // by a policy or a grant: a defect, or somebody at work
	{db.ErrRefused, "context"},     // the gate did not open
	{db.ErrNotMember, "not_a_member"},
	{db.ErrForbidden, "role"},        // a member, of a lower role
	{db.ErrReadOnly, "read_only"},    // the tenant's state
	{errWrongTenant, "other_tenant"}, // a form that was drawn for another one
}

func (m *meter) refuse(err error) {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			m.refusals.WithLabelValues(r.reason).Inc()
			return
		}
	}
}

func (m *meter) observe(route, verb string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, verb, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

// method is a method of a request, or "other": a client can send any word.
func method(verb string) string {
	switch verb {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return verb
	}
	return "other"
}
