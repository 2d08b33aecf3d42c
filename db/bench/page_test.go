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
	"strings"
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

// BenchmarkPage races the jobs page of the whole app against the same page without tenancy: the same session statement, the
// same cookie work, the same queries and the same component, but no gate, no member and no policy.
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
	uncounted := *f.Database // the same database, whose statements nobody counts
	uncounted.DB = f.Tuned(b, func(c *pgxpool.Config) { c.MaxConns = 16 })
	silent := webtest.Start(b, &uncounted, sandbox.Seed{}, asServed)
	floor, like := httptest.NewServer(f.floor(b, f.plain)), httptest.NewServer(f.floor(b, f.like))
	b.Cleanup(floor.Close)
	b.Cleanup(like.Close)
	for _, clients := range []int{1, 4} {
		race(b, "jobs page, 50 rows", clients, []variant{
			{"without tenancy", 0, 0, fetch(floor.URL+"/jobs", cookie)},
			{"without tenancy, and its settings", 0, 0, fetch(like.URL+"/jobs", cookie)},
			{"the app", 0.95, 1, fetch(site.URL+"/jobs", cookie)},
		})
	}
	race(b, "jobs page, policy hits", 1, []variant{
		{"not counted", 0, 0, fetch(silent.URL+"/jobs", cookie)},
		{"counted", 0.98, 0, fetch(site.URL+"/jobs", cookie)},
	})
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

// ask reads into p what the jobs page shows, without tenancy.
func ask(ctx context.Context, from *pgxpool.Pool, work []*pgx.QueuedQuery, p *views.JobsPage) error {
	b := &pgx.Batch{}
	collect(b, work[0], &p.Rows, pgx.RowToStructByName[job.Row])
	collect(b, work[1], &p.Searches, pgx.RowToStructByName[job.Search])
	collect(b, work[2], &p.Formats, pgx.RowTo[string])
	collect(b, work[3], &p.Members, pgx.RowToStructByName[member.Choice])
	return from.SendBatch(ctx, b).Close()
}

// floor is the page as it would be without tenancy, read from a pool.
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
		if err := ask(ctx, from, page.work(), &p); err != nil {
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
