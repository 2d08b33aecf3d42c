package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// BenchmarkPage races the jobs page of the app against the same page of the same app without tenancy: it sends no gate, and no
// policy binds its role.
func BenchmarkPage(b *testing.B) {
	f := prepare(b)
	organization := demo.Organizations(time.Now())[0]
	site := webtest.Start(b, f.Database, sandbox.Seed{
		People:        []sandbox.Person{{ID: f.owner, Email: "mara@example.com", Name: "Mara Veldane"}},
		Organizations: []sandbox.Organization{{ID: organization.ClerkID, Name: organization.Name, CreatedBy: f.owner, Members: map[string]string{f.owner: "org:admin"}}},
	}, asServed)
	browser := site.Browser(b)
	if page := browser.SignIn(f.owner); page.Find(".row").Length() != job.PageSize {
		page = browser.Get("/jobs")
		if page.Find(".row").Length() != job.PageSize {
			b.Fatalf("the jobs page has %d rows at %s", page.Find(".row").Length(), page.URL)
		}
	}
	cookie := &http.Cookie{Name: "session", Value: browser.Cookie("session")}
	jobs := func(s *webtest.Site) func(context.Context) error { return fetch(s.URL+"/jobs", cookie) }
	free, tuned := f.site(b, f.without(b, own)), f.site(b, f.without(b, f.set))
	for _, clients := range []int{1, 4} {
		race(b, "jobs page, 50 rows", clients, []variant{
			{"without tenancy", 0, jobs(free)},
			{"without tenancy, and the settings of app_tenant", 0, jobs(tuned)},
			{"the app", 0.95, jobs(site)},
		})
	}
	uncounted := f.site(b, f.Tuned(b, func(c *pgxpool.Config) { c.MaxConns = 16 }))
	race(b, "jobs page, policy hits", 1, []variant{
		{"not counted", 0, jobs(uncounted)},
		{"counted", 0.98, jobs(site)},
	})
	for _, clients := range []int{1, 4} {
		cost(b, site, cookie, clients)
	}
}

// site runs the app over another opening of the same database. Who is signed in at one site is at all of them.
func (f *field) site(b *testing.B, d *db.DB) *webtest.Site {
	b.Helper()
	other := *f.Database
	other.DB = d
	return webtest.Start(b, &other, sandbox.Seed{}, asServed)
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

// cost prints what a page costs the app: time of the processor, and allocations. Requests do not go over a socket, so that
// what the client does is not counted.
func cost(b *testing.B, site *webtest.Site, cookie *http.Cookie, clients int) {
	b.Helper()
	const pages = 4000
	var (
		before, after runtime.MemStats
		wg            sync.WaitGroup
		bytes         atomic.Int64
	)
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, site.URL+"/jobs", nil)
		r.AddCookie(cookie)
		w := &unread{header: http.Header{}}
		site.Front.ServeHTTP(w, r)
		bytes.Store(w.bytes)
	}
	ask()
	runtime.ReadMemStats(&before)
	began := spent(b)
	for range clients {
		wg.Go(func() {
			for range pages / clients {
				ask()
			}
		})
	}
	wg.Wait()
	took := spent(b) - began
	runtime.ReadMemStats(&after)
	fmt.Printf("\njobs page of %d bytes, %d client(s): the app's processor time %v, %d allocations of %d bytes\n", bytes.Load(), clients,
		took/pages, (after.Mallocs-before.Mallocs)/pages, (after.TotalAlloc-before.TotalAlloc)/pages)
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
