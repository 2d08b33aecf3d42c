package bench_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/internal/wire"
	"upwork-ai-agent/db/job"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// field is where the race is run: the demo, its larger organization, and a pool that tenancy does not bind.
type field struct {
	*dbtest.Database
	tenant db.Tenant
	owner  string // Clerk user id
	job    uuid.UUID
	sid    control.SID
	free   *pgxpool.Pool     // a superuser's: no policy, no gate, autocommit
	tuned  *pgxpool.Pool     // likewise, with the settings of app_tenant: they choose better plans than the server's own
	set    map[string]string // what app_tenant's sessions set
	naive  *pgxpool.Pool     // app_tenant's, for BEGIN, set_tenant, query, COMMIT as four trips
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
	f.free, f.naive = pool(b, f.URL("postgres"), own), pool(b, f.URL("app_tenant"), nil)
	f.set = settings(b, f.free)
	f.tuned = pool(b, f.URL("postgres"), f.set)
	if _, err := f.free.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	if err := f.free.QueryRow(ctx, "SELECT id FROM jobs WHERE tenant_id = $1 LIMIT 1", f.tenant.ID).Scan(&f.job); err != nil {
		b.Fatal(err)
	}
	return f
}

// own are the settings of who leaves Postgres as it is installed, but for what would only disturb: that a query is compiled or
// split up.
var own = map[string]string{"jit": "off", "max_parallel_workers_per_gather": "0"}

// settings are those of app_tenant.
func settings(b *testing.B, from *pgxpool.Pool) map[string]string {
	b.Helper()
	rows, err := from.Query(b.Context(), `
		SELECT split_part(s, '=', 1), split_part(s, '=', 2)
		FROM pg_db_role_setting r, unnest(r.setconfig) s WHERE r.setrole = 'app_tenant'::regrole`)
	if err != nil {
		b.Fatal(err)
	}
	var name, value string
	set := map[string]string{}
	if _, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error { set[name] = value; return nil }); err != nil {
		b.Fatal(err)
	}
	if set["random_page_cost"] == "" {
		b.Fatalf("the settings of app_tenant are %v", set)
	}
	return set
}

// pool is of sessions with these settings besides the role's own.
func pool(b *testing.B, url string, settings map[string]string) *pgxpool.Pool {
	b.Helper()
	c := config(b, url, settings)
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	c.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		wire.RegisterUUID(conn.TypeMap())
		return nil
	}
	p, err := pgxpool.NewWithConfig(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

func config(b *testing.B, url string, settings map[string]string) *pgxpool.Config {
	b.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns = 16
	maps.Copy(c.ConnConfig.RuntimeParams, settings)
	return c
}

// asked is what the app sends for a page, as its View queues it: the gate, who asks, and then what the page shows.
type asked []*pgx.QueuedQuery

// work is what remains without tenancy.
func (a asked) work() []*pgx.QueuedQuery { return a[2:] }

// queueWho asks for the member as a View does.
func (a asked) queueWho(b *pgx.Batch) {
	b.Queue(a[1].SQL, a[1].Arguments...).Query(func(r pgx.Rows) error {
		_, err := pgx.CollectExactlyOneRow(r, func(r pgx.CollectableRow) (m db.Member, err error) {
			return m, r.Scan(&m.ID, &m.Name, &m.Email, (*string)(&m.Role))
		})
		return err
	})
}

// listener notes the last pipeline.
type listener struct {
	ignored
	asked asked
}

// TraceBatchStart implements pgx.BatchTracer.
func (l *listener) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	l.asked = data.Batch.QueuedQueries
	return ctx
}

// ignored is what a tracer of batches need not trace.
type ignored struct{}

// TraceBatchQuery implements pgx.BatchTracer.
func (ignored) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (ignored) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceQueryStart implements pgx.QueryTracer: a tracer of batches must be one of queries too.
func (ignored) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (ignored) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// listen reads a page once and returns what was sent for it, so that the floor runs the very statements of the app.
func (f *field) listen(b *testing.B, page func(*db.View)) asked {
	b.Helper()
	l := &listener{}
	d := f.Tuned(b, func(c *pgxpool.Config) { c.ConnConfig.Tracer = l })
	err := d.Read(b.Context(), f.actor(db.Viewer), func(v *db.View) error {
		page(v)
		return v.Load()
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(l.asked) < 3 || !strings.Contains(l.asked[0].SQL, "set_tenant") || !strings.Contains(l.asked[1].SQL, "clerk_id") {
		b.Fatalf("the app sends %d statements, and not the gate and the member first", len(l.asked))
	}
	return l.asked
}

// errNothing ends a Tx without a change: it is rolled back in the one trip that a COMMIT would have taken.
var errNothing = errors.New("nothing to change")

// rows runs q and reads the rows as one does with pgx.
func rows[T any](ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, asked *pgx.QueuedQuery) ([]T, error) {
	r, err := q.Query(ctx, asked.SQL, asked.Arguments...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(r, pgx.RowToStructByName[T])
}

func (f *field) actor(least db.Role) db.Actor { return db.NewMember(f.tenant, f.owner, least) }

// fourTrips is how tenancy is usually done.
func fourTrips[T any](ctx context.Context, f *field, asked *pgx.QueuedQuery) error {
	return pgx.BeginFunc(ctx, f.naive, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT app.set_tenant($1, $2)", f.tenant.ID, f.Token(f.tenant.ID, f.tenant.Epoch)); err != nil {
			return err
		}
		_, err := rows[T](ctx, tx, asked)
		return err
	})
}

// byHand is the least that tenancy under the gate can cost: it is set and the query sent in one pipeline, and nobody asks
// whether the person is a member.
func byHand[T any](ctx context.Context, f *field, asked *pgx.QueuedQuery) error {
	b := &pgx.Batch{}
	b.Queue("SELECT app.set_tenant($1, $2)", f.tenant.ID, f.Token(f.tenant.ID, f.tenant.Epoch))
	queue[T](b, asked)
	return f.naive.SendBatch(ctx, b).Close()
}

func queue[T any](b *pgx.Batch, asked *pgx.QueuedQuery) {
	b.Queue(asked.SQL, asked.Arguments...).Query(func(r pgx.Rows) error {
		_, err := pgx.CollectRows(r, pgx.RowToStructByName[T])
		return err
	})
}

// free reads the member and what it asks for, in one pipeline without tenancy: an app of one tenant has members too, and reads
// them as every View does.
func free[T any](ctx context.Context, from *pgxpool.Pool, a asked) error {
	b := &pgx.Batch{}
	a.queueWho(b)
	queue[T](b, a.work()[0])
	return from.SendBatch(ctx, b).Close()
}

// BenchmarkSeam races the seam against the same work without tenancy on a point look-up and on a list of fifty rows. The floor
// is pgx and Postgres as they are installed.
func BenchmarkSeam(b *testing.B) {
	f := prepare(b)
	var (
		one  job.Job
		many []job.Row
	)
	look := f.listen(b, func(v *db.View) { job.Get(v, f.job, &one) })
	list := f.listen(b, func(v *db.View) { job.List(v, job.Filter{}, &many) })
	for _, clients := range []int{1, 8} {
		race(b, "point look-up", clients, []variant{
			{"without tenancy", 0, func(ctx context.Context) error { return free[job.Job](ctx, f.free, look) }},
			{"without tenancy, whoever asks", 0, func(ctx context.Context) error {
				_, err := rows[job.Job](ctx, f.free, look.work()[0])
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
					if err := sealed.Find(ctx, tx, "bench", look.work()[0].SQL, &j, f.job); err != nil {
						return err
					}
					return errNothing
				})
				if errors.Is(err, errNothing) {
					return nil
				}
				return err
			}},
			{"gate and query by hand", 0, func(ctx context.Context) error { return byHand[job.Job](ctx, f, look.work()[0]) }},
			{"four trips", 0, func(ctx context.Context) error { return fourTrips[job.Job](ctx, f, look.work()[0]) }},
		})
		race(b, "list of 50", clients, []variant{
			{"without tenancy", 0, func(ctx context.Context) error { return free[job.Row](ctx, f.free, list) }},
			{"without tenancy, and the settings of app_tenant", 0, func(ctx context.Context) error { return free[job.Row](ctx, f.tuned, list) }},
			{"View", 0.85, func(ctx context.Context) error {
				return f.DB.Read(ctx, f.actor(db.Viewer), func(v *db.View) error {
					var list []job.Row
					job.List(v, job.Filter{}, &list)
					return v.Load()
				})
			}},
			{"four trips", 0, func(ctx context.Context) error { return fourTrips[job.Row](ctx, f, list.work()[0]) }},
		})
	}
}
