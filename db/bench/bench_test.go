package bench_test

import (
	"context"
	"errors"
	"io"
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
	plain  *pgxpool.Pool // a superuser's: no policy, no gate, autocommit
	like   *pgxpool.Pool // likewise, with the settings of app_tenant: they choose better plans than the server's own
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
	f.plain, f.like, f.naive = pool(b, f.URL("postgres"), without), pool(b, f.URL("postgres"), with), pool(b, f.URL("app_tenant"), with)
	if _, err := f.plain.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	if err := f.plain.QueryRow(ctx, "SELECT id FROM jobs WHERE tenant_id = $1 LIMIT 1", f.tenant.ID).Scan(&f.job); err != nil {
		b.Fatal(err)
	}
	return f
}

// What a pool sets for its sessions: that no query is compiled or split up, as for app_tenant, or everything that is set for
// app_tenant, so that only tenancy differs.
const (
	without = "SELECT set_config('jit', 'off', false), set_config('max_parallel_workers_per_gather', '0', false)"
	with    = `
		SELECT set_config(split_part(s, '=', 1), split_part(s, '=', 2), false)
		FROM pg_db_role_setting r, unnest(r.setconfig) s WHERE r.setrole = 'app_tenant'::regrole`
)

func pool(b *testing.B, url, settings string) *pgxpool.Pool {
	b.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns = 16
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		wire.RegisterUUID(conn.TypeMap())
		_, err := conn.Exec(ctx, settings)
		return err
	}
	p, err := pgxpool.NewWithConfig(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

// asked is what the app sends for a page, as its View queues it: the gate, who asks, and then what the page shows.
type asked []*pgx.QueuedQuery

// work is what remains without tenancy.
func (a asked) work() []*pgx.QueuedQuery { return a[2:] }

// who is the statement that reads the member.
func (a asked) who() *pgx.QueuedQuery { return a[1] }

// TraceBatchStart notes what is sent.
func (a *asked) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	*a = data.Batch.QueuedQueries
	return ctx
}

// TraceBatchQuery does nothing.
func (*asked) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd does nothing.
func (*asked) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceQueryStart does nothing: a tracer must be one of queries too.
func (*asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (*asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// listen reads a page once and returns what was sent for it, so that the floor runs the very statements of the app.
func (f *field) listen(b *testing.B, page func(*db.View)) asked {
	b.Helper()
	all := &asked{}
	d := f.Tuned(b, func(c *pgxpool.Config) { c.ConnConfig.Tracer = all })
	err := d.Read(b.Context(), f.actor(db.Viewer), func(v *db.View) error {
		page(v)
		return v.Load()
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(*all) < 3 || !strings.Contains((*all)[0].SQL, "set_tenant") || !strings.Contains(all.who().SQL, "clerk_id") {
		b.Fatalf("the app sends %d statements, and not the gate and the member first", len(*all))
	}
	return *all
}

// errNothing ends a Tx without a change: it is rolled back in the one trip that a COMMIT would have taken.
var errNothing = errors.New("nothing to change")

// rows runs q without tenancy.
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
	b.Queue(asked.SQL, asked.Arguments...).Query(func(r pgx.Rows) error {
		_, err := pgx.CollectRows(r, pgx.RowToStructByName[T])
		return err
	})
	return f.naive.SendBatch(ctx, b).Close()
}

// whoAsks reads the member and what it asks for, in one pipeline without tenancy: an app of one tenant has members too.
func (f *field) whoAsks(ctx context.Context, who, asked *pgx.QueuedQuery) error {
	b := &pgx.Batch{}
	b.Queue(who.SQL, who.Arguments...).Query(func(r pgx.Rows) error {
		_, err := pgx.CollectExactlyOneRow(r, func(r pgx.CollectableRow) (m db.Member, err error) {
			return m, r.Scan(&m.ID, &m.Name, &m.Email, (*string)(&m.Role))
		})
		return err
	})
	b.Queue(asked.SQL, asked.Arguments...).Query(func(r pgx.Rows) error {
		_, err := pgx.CollectRows(r, pgx.RowToStructByName[job.Job])
		return err
	})
	return f.like.SendBatch(ctx, b).Close()
}

// BenchmarkSeam races the seam against plain autocommit on a point look-up and on a list of fifty rows. The like of a View and
// of a Tx has the settings of app_tenant, and in the look-up asks who reads as well: an app of one tenant has members too, and
// its read of their row is no part of what tenancy costs. In a list it weighs little, and is left out.
func BenchmarkSeam(b *testing.B) {
	f := prepare(b)
	var (
		one  job.Job
		many []job.Row
	)
	look := f.listen(b, func(v *db.View) { job.Get(v, f.job, &one) })
	list := f.listen(b, func(v *db.View) { job.List(v, job.Filter{}, &many) })
	const likewise = 1 // the second variant
	for _, clients := range []int{1, 8} {
		race(b, "point look-up", clients, []variant{
			{"without tenancy", 0, 0, func(ctx context.Context) error {
				_, err := rows[job.Job](ctx, f.plain, look.work()[0])
				return err
			}},
			{"without tenancy, and who asks", 0, 0, func(ctx context.Context) error { return f.whoAsks(ctx, look.who(), look.work()[0]) }},
			{"View", 0.5, likewise, func(ctx context.Context) error {
				return f.DB.Read(ctx, f.actor(db.Viewer), func(v *db.View) error {
					var j job.Job
					job.Get(v, f.job, &j)
					return v.Load()
				})
			}},
			{"Tx", 0.35, likewise, func(ctx context.Context) error {
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
			{"gate and query by hand", 0, 0, func(ctx context.Context) error { return byHand[job.Job](ctx, f, look.work()[0]) }},
			{"four trips", 0, 0, func(ctx context.Context) error { return fourTrips[job.Job](ctx, f, look.work()[0]) }},
		})
		race(b, "list of 50", clients, []variant{
			{"without tenancy", 0, 0, func(ctx context.Context) error {
				_, err := rows[job.Row](ctx, f.plain, list.work()[0])
				return err
			}},
			{"without tenancy, and its settings", 0, 0, func(ctx context.Context) error {
				_, err := rows[job.Row](ctx, f.like, list.work()[0])
				return err
			}},
			{"View", 0.85, likewise, func(ctx context.Context) error {
				return f.DB.Read(ctx, f.actor(db.Viewer), func(v *db.View) error {
					var list []job.Row
					job.List(v, job.Filter{}, &list)
					return v.Load()
				})
			}},
			{"four trips", 0, 0, func(ctx context.Context) error { return fourTrips[job.Row](ctx, f, list.work()[0]) }},
		})
	}
}
