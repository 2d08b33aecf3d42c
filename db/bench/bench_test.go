package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/sessions"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/views"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// field is where the race is run: the demo, its larger organization, and a pool that tenancy does not bind.
type field struct {
	*dbtest.Database
	tenant db.Tenant
	owner  string // Clerk user id
	job    uuid.UUID
	sid    control.SID
	plain  *pgxpool.Pool // a superuser's: no policy, no gate, autocommit
	naive  *pgxpool.Pool // app_tenant's, for BEGIN, set_tenant, query, COMMIT as four trips
}

func prepare(b *testing.B) *field {
	b.Helper()
	f := &field{Database: dbtest.Own(b), owner: demo.People()[0].ID, sid: control.NewSID()}
	ctx := b.Context()
	if err := demo.Load(ctx, f.DB, time.Now(), io.Discard); err != nil {
		b.Fatal(err)
	}
	err := f.DB.Control(ctx, func(tx *db.ControlTx) error {
		var known []control.Known
		if err := control.Directory(ctx, tx, f.owner, &known); err != nil {
			return err
		}
		f.tenant = known[0].Tenant() // the first that was made, which has the most jobs
		return control.SignIn(ctx, tx, f.sid, control.Person{ClerkUser: f.owner, ClerkSession: "sess_bench", Email: "mara@example.com", Name: "Mara Veldane"}, time.Now())
	})
	if err != nil {
		b.Fatal(err)
	}
	f.plain, f.naive = pool(b, f.URL("postgres")), pool(b, f.URL("app_tenant"))
	if _, err := f.plain.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	if err := f.plain.QueryRow(ctx, "SELECT id FROM jobs WHERE tenant_id = $1 LIMIT 1", f.tenant.ID).Scan(&f.job); err != nil {
		b.Fatal(err)
	}
	return f
}

// pool has the settings of app_tenant, so that only tenancy differs.
func pool(b *testing.B, url string) *pgxpool.Pool {
	b.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns = 16
	c.ConnConfig.RuntimeParams["jit"] = "off"
	c.ConnConfig.RuntimeParams["max_parallel_workers_per_gather"] = "0"
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	c.AfterConnect = func(_ context.Context, conn *pgx.Conn) error { sealed.RegisterUUID(conn.TypeMap()); return nil }
	p, err := pgxpool.NewWithConfig(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

// The statements of db/job.
var (
	jobSQL  = "SELECT " + columns[job.Job]() + " FROM jobs WHERE tenant_id = $1 AND id = $2"
	listSQL = `
		SELECT j.id, j.title, left(j.description, 240) || CASE WHEN length(j.description) > 240 THEN '…' ELSE '' END AS snippet, j.contract,
		       j.hourly_min, j.hourly_max, j.budget, j.experience, j.skills, j.proposals_min, j.proposals_max, j.client_country,
		       j.client_payment_verified, j.client_spent, j.client_spent_floor, j.posted_at, j.triage,
		       coalesce((SELECT u.name FROM users u WHERE u.tenant_id = $1 AND u.id = j.assignee_id), '') AS assignee
		FROM jobs j WHERE j.tenant_id = $1 ORDER BY j.posted_at DESC, j.id DESC LIMIT 51`
)

// errNothing ends a Tx without a change: it is rolled back in the one trip that a COMMIT would have taken.
var errNothing = errors.New("nothing to change")

// columns are the columns that T is read from.
func columns[T any]() string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name := f.Tag.Get("db"); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func rows[T any](ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, sql string, args ...any) ([]T, error) {
	r, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(r, pgx.RowToStructByName[T])
}

func (f *field) actor(least db.Role) db.Actor { return db.NewMember(f.tenant, f.owner, least) }

// fourTrips is how tenancy is usually done.
func fourTrips[T any](ctx context.Context, f *field, sql string, args ...any) error {
	return pgx.BeginFunc(ctx, f.naive, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT app.set_tenant($1, $2)", f.tenant.ID, f.Token(f.tenant.ID, f.tenant.Epoch)); err != nil {
			return err
		}
		_, err := rows[T](ctx, tx, sql, args...)
		return err
	})
}

// BenchmarkSeam races the seam against plain autocommit on a point look-up and on a list of fifty rows.
func BenchmarkSeam(b *testing.B) {
	f := prepare(b)
	for _, clients := range []int{1, 8} {
		race(b, "point look-up", clients, []variant{
			{"without tenancy", 0, func(ctx context.Context) error {
				_, err := rows[job.Job](ctx, f.plain, jobSQL, f.tenant.ID, f.job)
				return err
			}},
			{"View", 0.5, func(ctx context.Context) error {
				return f.DB.Read(ctx, f.actor(db.Viewer), func(v *db.View) error {
					var j job.Job
					job.Get(v, f.job, &j)
					return v.Load()
				})
			}},
			{"Tx", 0.35, func(ctx context.Context) error {
				err := f.DB.Write(ctx, f.actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
					var j job.Job
					if err := sealed.Find(ctx, tx, "bench", jobSQL, &j, f.job); err != nil {
						return err
					}
					return errNothing
				})
				if errors.Is(err, errNothing) {
					return nil
				}
				return err
			}},
			{"four trips", 0, func(ctx context.Context) error { return fourTrips[job.Job](ctx, f, jobSQL, f.tenant.ID, f.job) }},
		})
		race(b, "list of 50", clients, []variant{
			{"without tenancy", 0, func(ctx context.Context) error {
				_, err := rows[job.Row](ctx, f.plain, listSQL, f.tenant.ID)
				return err
			}},
			{"View", 0.85, func(ctx context.Context) error {
				return f.DB.Read(ctx, f.actor(db.Viewer), func(v *db.View) error {
					var list []job.Row
					job.List(v, job.Filter{}, &list)
					return v.Load()
				})
			}},
			{"four trips", 0, func(ctx context.Context) error { return fourTrips[job.Row](ctx, f, listSQL, f.tenant.ID) }},
		})
	}
}

// BenchmarkPage races the jobs page of the whole app against the same page without tenancy: the same session statement, the
// same cookie work, the same query and the same component, but no gate, no actor row and no policy.
func BenchmarkPage(b *testing.B) {
	f := prepare(b)
	site := webtest.Start(b, f.Database, sandbox.Seed{
		People:        []sandbox.Person{{ID: f.owner, Email: "mara@example.com", Name: "Mara Veldane"}},
		Organizations: []sandbox.Organization{{ID: demo.Organizations(time.Now())[0].ClerkID, Name: demo.Organizations(time.Now())[0].Name, CreatedBy: f.owner, Members: map[string]string{f.owner: "org:admin"}}},
	})
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
	silent := webtest.Start(b, &uncounted, sandbox.Seed{})
	floor := httptest.NewServer(f.floor(b))
	b.Cleanup(floor.Close)
	for _, clients := range []int{1, 4} {
		race(b, "jobs page, 50 rows", clients, []variant{
			{"without tenancy", 0, fetch(floor.URL+"/jobs", cookie)},
			{"the app", 0.95, fetch(site.URL+"/jobs", cookie)},
		})
		race(b, "jobs page, policy hits", clients, []variant{
			{"not counted", 0, fetch(silent.URL+"/jobs", cookie)},
			{"counted", 0.98, fetch(site.URL+"/jobs", cookie)},
		})
	}
}

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

// floor is the page as it would be without tenancy.
func (f *field) floor(b *testing.B) http.Handler {
	b.Helper()
	store := sessions.NewCookieStore(make([]byte, 32), make([]byte, 32))
	sealedCookie, err := store.Codecs[0].Encode("session", map[any]any{"sid": strings.Repeat("x", 43), "tenant": f.tenant.ID.String()})
	if err != nil {
		b.Fatal(err)
	}
	e := echo.New()
	e.GET("/jobs", func(c echo.Context) error {
		ctx := c.Request().Context()
		values := map[any]any{}
		if err := store.Codecs[0].Decode("session", sealedCookie, &values); err != nil {
			return err
		}
		session, err := control.LoadSession(ctx, f.DB, f.sid, f.tenant.ID)
		if err != nil {
			return err
		}
		list, err := rows[job.Row](ctx, f.plain, listSQL, f.tenant.ID)
		if err != nil {
			return err
		}
		p := views.JobsPage{Rows: list[:job.PageSize], Next: "/jobs?before=x", Shell: views.Shell{Title: "Jobs", Section: "jobs", PersonName: session.Name, PersonEmail: session.Email,
			Tenant: f.tenant.ID, TenantName: session.TenantName, Role: db.Owner, Organizations: session.Organizations, Sandbox: true, Now: time.Now(), Return: "/jobs"}}
		var page bytes.Buffer
		if err := views.Jobs(p).Render(ctx, &page); err != nil {
			return err
		}
		return c.HTMLBlob(http.StatusOK, page.Bytes())
	})
	return e
}
