package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/sessions"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/member"
	"upwork-ai-agent/views"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// BenchmarkPage races the jobs page of the app against the same page as one writes it without tenancy, and, to show what the
// gate and the policies cost by themselves, against the same app that sends no gate, with a role that no policy binds.
func BenchmarkPage(b *testing.B) {
	f := prepare(b)
	organization := demo.Organizations(time.Now())[0]
	site := webtest.Start(b, f.Database, sandbox.Seed{
		People:        []sandbox.Person{{ID: f.owner, Email: "mara@example.com", Name: "Mara Veldane"}},
		Organizations: []sandbox.Organization{{ID: organization.ClerkID, Name: organization.Name, CreatedBy: f.owner, Members: map[string]string{f.owner: "org:admin"}}},
	}, asServed)
	browser := site.Browser(b)
	browser.SignIn(f.owner)
	if page := browser.Get("/jobs"); page.Find(".row").Length() != job.PageSize {
		b.Fatalf("the jobs page has %d rows at %s", page.Find(".row").Length(), page.URL)
	}
	cookie := &http.Cookie{Name: "session", Value: browser.Cookie("session")}
	jobs := func(s *webtest.Site) func(context.Context) error { return fetch(s.URL+"/jobs", cookie) }
	floor, tuned := httptest.NewServer(f.floor(b, f.free)), httptest.NewServer(f.floor(b, f.tuned))
	b.Cleanup(floor.Close)
	b.Cleanup(tuned.Close)
	open, uncounted := f.site(b, f.without(b, f.set)), f.site(b, f.Tuned(b, func(c *pgxpool.Config) { c.MaxConns = 16 }))
	for _, clients := range []int{1, 4} {
		f.afresh(b)
		race(b, "jobs page, 50 rows", clients, []variant{
			{"without tenancy", 0, fetch(floor.URL+"/jobs", cookie)},
			{"without tenancy, and the settings of app_tenant", 0, fetch(tuned.URL+"/jobs", cookie)},
			{"the app", 0.95, jobs(site)},
			{"the app, but for its gate and the policies", 0, jobs(open)},
		})
	}
	f.afresh(b)
	race(b, "jobs page, policy hits", 1, []variant{
		{"not counted", 0, jobs(uncounted)},
		{"counted", 0.98, jobs(site)},
	})
	for _, clients := range []int{1, 4} {
		cost(b, site, cookie, clients)
	}
}

// site runs the app over another opening of the same database. Who is signed in somewhere is everywhere.
func (f *field) site(b *testing.B, d *db.DB) *webtest.Site {
	b.Helper()
	other := *f.Database
	other.DB = d
	return webtest.Start(b, &other, sandbox.Seed{}, asServed)
}

// afresh ends every connection of the app, which makes new ones: a race of connections that have done other things before, or have
// done the same for longer, is not fair by some hundredths.
func (f *field) afresh(b *testing.B) {
	b.Helper()
	if _, err := f.free.Exec(b.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('app_tenant', 'app_control')"); err != nil {
		b.Fatal(err)
	}
}

// without opens the database without tenancy, and with these settings where tenants' rows are read.
func (f *field) without(b *testing.B, settings map[string]string) *db.DB {
	b.Helper()
	t := &ungated{}
	b.Cleanup(func() {
		if t.gates.Load() == 0 {
			b.Error("nobody sent a gate that could be left out")
		}
	})
	return f.Tuned(b, func(c *pgxpool.Config) {
		c.MaxConns = 16
		if c.ConnConfig.User == "app_tenant" {
			*c = *config(b, f.URL("postgres"), settings)
			c.ConnConfig.Tracer = t
		}
	})
}

// ungated takes the gate out of every pipeline before it is sent.
type ungated struct {
	ignored
	gates atomic.Int64
}

// TraceBatchStart implements pgx.BatchTracer.
func (u *ungated) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if q := data.Batch.QueuedQueries; strings.Contains(q[0].SQL, "set_tenant") {
		data.Batch.QueuedQueries = q[1:]
		u.gates.Add(1)
	}
	return ctx
}

// What a page may cost the app while it is busy.
const (
	mostTime   = 350 * time.Microsecond // of the processor
	mostAllocs = 400
)

// cost prints what a page costs the app: time of the processor, the median of some rounds, and allocations. Requests do not go
// over a socket, so that what the client does is not counted, but for making them. The time of one client alone has no limit:
// much of it is the runtime's, which stays awake between two answers.
func cost(b *testing.B, site *webtest.Site, cookie *http.Cookie, clients int) {
	b.Helper()
	const pages = 1000
	var (
		before, after runtime.MemStats
		size          atomic.Int64
		took          [9]time.Duration
	)
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, site.URL+"/jobs", nil)
		r.AddCookie(cookie)
		w := &unread{header: http.Header{}}
		site.Front.ServeHTTP(w, r)
		size.Store(w.bytes)
	}
	ask()
	runtime.ReadMemStats(&before)
	for i := range took {
		began := spent(b)
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range pages / clients {
					ask()
				}
			})
		}
		wg.Wait()
		took[i] = (spent(b) - began) / pages
	}
	runtime.ReadMemStats(&after)
	slices.Sort(took[:])
	median, allocs := took[len(took)/2], (after.Mallocs-before.Mallocs)/(pages*uint64(len(took)))
	limit := ""
	if clients > 1 {
		limit = fmt.Sprintf(" (≤ %v %s)", mostTime, said(median <= mostTime))
	}
	fmt.Printf("\njobs page of %d bytes, %d client(s): the app's processor time %v%s, %d allocations (≤ %d %s) of %d bytes\n", size.Load(), clients,
		median.Round(time.Microsecond), limit, allocs, mostAllocs, said(allocs <= mostAllocs), (after.TotalAlloc-before.TotalAlloc)/(pages*uint64(len(took))))
}

// unread is an answer whose bytes are counted.
type unread struct {
	header http.Header
	bytes  int64
}

// Header implements http.ResponseWriter.
func (w *unread) Header() http.Header { return w.header }

// Write implements http.ResponseWriter.
func (w *unread) Write(p []byte) (int, error) {
	w.bytes += int64(len(p))
	return len(p), nil
}

// WriteHeader implements http.ResponseWriter.
func (w *unread) WriteHeader(int) {}

// spent is the time of the processor that this process has had.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// asServed takes away what a test listens with and nobody pays for who runs the app: spans, and a log in memory.
func asServed(o *web.Options) { o.Tracer, o.Log = nil, slog.New(slog.NewJSONHandler(io.Discard, nil)) }

func fetch(address string, cookie *http.Cookie) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		r.AddCookie(cookie)
		r.Header.Set("Accept-Encoding", "identity") // the floor compresses nothing
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK || n < 20_000 {
			return fmt.Errorf("%s: %d with %d bytes", address, response.StatusCode, n)
		}
		return nil
	}
}

// collect queues a statement for all its rows.
func collect[T any](b *pgx.Batch, asked *pgx.QueuedQuery, into *[]T, scan pgx.RowToFunc[T]) {
	b.Queue(asked.SQL, asked.Arguments...).Query(func(r pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(r, scan)
		return err
	})
}

// ask reads into p what the jobs page shows, and who asks.
func ask(ctx context.Context, from *pgxpool.Pool, a asked, p *views.JobsPage) error {
	b, work := &pgx.Batch{}, a.work()
	a.queueWho(b)
	collect(b, work[0], &p.Rows, pgx.RowToStructByName[job.Row])
	collect(b, work[1], &p.Searches, pgx.RowToStructByName[job.Search])
	collect(b, work[2], &p.Formats, pgx.RowTo[string])
	collect(b, work[3], &p.Members, pgx.RowToStructByName[member.Choice])
	return from.SendBatch(ctx, b).Close()
}

// floor is the page as one writes it without tenancy: the same session statement, the same cookie work, the same statements and
// the same component.
func (f *field) floor(b *testing.B, from *pgxpool.Pool) http.Handler {
	b.Helper()
	store := sessions.NewCookieStore(make([]byte, 32), make([]byte, 32))
	sealedCookie, err := store.Codecs[0].Encode("session", map[any]any{"sid": strings.Repeat("x", 43), "tenant": f.tenant.ID.String()})
	if err != nil {
		b.Fatal(err)
	}
	var like views.JobsPage
	page := f.listen(b, func(v *db.View) {
		job.List(v, job.Filter{}, &like.Rows)
		job.Searches(v, f.owner, &like.Searches)
		job.Formats(v, &like.Formats)
		member.Everybody(v, &like.Members)
	})
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	e := echo.New()
	e.GET("/jobs", func(c echo.Context) error {
		ctx, start := c.Request().Context(), time.Now()
		values := map[any]any{}
		if err := store.Codecs[0].Decode("session", sealedCookie, &values); err != nil {
			return err
		}
		session, err := control.LoadSession(ctx, f.DB, f.sid, f.tenant.ID)
		if err != nil {
			return err
		}
		p := views.JobsPage{Next: "/jobs?before=x", Shell: views.Shell{Title: "Jobs", Section: "jobs", PersonName: session.Name, PersonEmail: session.Email, Token: strings.Repeat("x", 43),
			Tenant: f.tenant.ID, TenantName: session.TenantName, Role: db.Owner, Organizations: session.Organizations, Sandbox: true, Now: time.Now(), Return: "/jobs"}}
		if err := ask(ctx, from, page, &p); err != nil {
			return err
		}
		p.Rows = p.Rows[:job.PageSize]
		var drawn bytes.Buffer
		if err := views.Jobs(p).Render(ctx, &drawn); err != nil {
			return err
		}
		err = c.HTMLBlob(http.StatusOK, drawn.Bytes())
		log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", c.Request().Method), slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status), slog.Duration("took", time.Since(start)), slog.Int64("bytes", c.Response().Size))
		return err
	})
	return e
}
