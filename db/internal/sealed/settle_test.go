package sealed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

type number struct {
	N int `db:"n"`
}

// Statements that fail, with $1 as the tenant.
const (
	divides   = `SELECT 1 / (CASE WHEN $1::uuid IS NULL THEN 1 ELSE 0 END) AS n`                   // 22012, which nobody expects
	unknown   = `SELECT nothing AS n FROM users WHERE tenant_id = $1`                              // 42703, likewise
	forbidden = `SELECT 1 AS n FROM control.sessions WHERE $1::uuid IS NULL`                       // 42501
	writes    = `UPDATE users SET name = 'changed' WHERE tenant_id = $1 RETURNING 1 AS n`          // 25006 on a View
	violates  = `UPDATE users SET role = 'emperor' WHERE tenant_id = $1`                           // 23514
	fine      = `SELECT count(*)::int AS n FROM users WHERE tenant_id = $1 AND removed_at IS NULL` // nothing
)

// one is an installation with one connection a pool, so that a connection that is not there any more is seen.
func one(t *testing.T) (*db.DB, *dbtest.Tenant) {
	t.Helper()
	shared := dbtest.New(t)
	return shared.Tuned(t, func(c *pgxpool.Config) { c.MaxConns = 1 }), shared.NewTenant(t)
}

// backends are the server's processes behind the connection of app_tenant and that of app_control.
func backends(t *testing.T, d *db.DB) (tenant, plane int) {
	t.Helper()
	const sql = "SELECT pg_backend_pid() AS n"
	var own []number
	if err := sealed.Catalog(t.Context(), d, place.Main, sql, &own); err != nil {
		t.Fatal(err)
	}
	var n number
	if err := sealed.Peek(t.Context(), d, "pid", sql, &n); err != nil {
		t.Fatal(err)
	}
	return own[0].N, n.N
}

// work is what may fail on a connection, done by a viewer of n.
type work struct {
	d *sealed.DB
	n *dbtest.Tenant
}

func (w work) view(sql string) func(context.Context) error {
	return func(ctx context.Context) error {
		var rows []number
		return w.d.Read(ctx, w.n.Actor(db.Viewer), func(v *db.View) error {
			sealed.List(v, "test", sql, &rows)
			return v.Load()
		})
	}
}

func (w work) find(sql string, says ...error) func(context.Context) error {
	return func(ctx context.Context) error {
		var rows []number
		return w.d.Write(ctx, w.n.Actor(db.Viewer), func(ctx context.Context, tx *db.Tx) error {
			err := sealed.FindAll(ctx, tx, "test", sql, &rows)
			if len(says) > 0 {
				return says[0]
			}
			return err
		})
	}
}

func (w work) change(sql string) func(context.Context) error {
	return func(ctx context.Context) error {
		return w.d.Write(ctx, w.n.Actor(db.Viewer), func(ctx context.Context, tx *db.Tx) error {
			return sealed.Change(ctx, tx, sealed.Event{Name: "test"}, sealed.Exec("test", sql))
		})
	}
}

func (w work) peek(sql string, args ...any) func(context.Context) error {
	return func(ctx context.Context) error { return sealed.Peek(ctx, w.d, "test", sql, new(number), args...) }
}

func (w work) plane(sql string, args ...any) func(context.Context) error {
	return func(ctx context.Context) error {
		return w.d.Control(ctx, func(tx *db.ControlTx) error {
			return sealed.ControlList(ctx, tx, "test", sql, new([]number), args...)
		})
	}
}

var errOther = errors.New("something else")

// outcome is how some work ends.
type outcome struct {
	do     func(context.Context) error
	fails  bool
	closes bool
	want   error
}

func (w work) outcomes() map[string]outcome {
	return map[string]outcome{
		"a View that works":                            {w.view(fine), false, false, nil},
		"a View that divides by zero":                  {w.view(divides), true, true, nil},
		"a View of a column that is not there":         {w.view(unknown), true, true, nil},
		"a View that writes":                           {w.view(writes), true, false, nil},
		"a View without the right":                     {w.view(forbidden), true, false, nil},
		"a Tx that looks and works":                    {w.find(fine), false, false, nil},
		"a Tx that divides by zero":                    {w.find(divides), true, true, nil},
		"a Tx that divides by zero and forgets":        {w.find(divides, nil), true, true, nil},
		"a Tx that divides by zero and says otherwise": {w.find(divides, errOther), true, true, errOther},
		"a Tx without the right":                       {w.find(forbidden), true, false, nil},
		"a change that divides by zero":                {w.change(divides), true, true, nil},
		"a change that breaks a rule of the data":      {w.change(violates), true, false, db.ErrBadInput},
		"a function that fails": {func(ctx context.Context) error {
			return w.d.Write(ctx, w.n.Actor(db.Viewer), func(context.Context, *db.Tx) error { return errOther })
		}, true, false, errOther},
		"a look-up that works":                    {w.peek("SELECT 1 AS n"), false, false, nil},
		"a look-up that finds nothing":            {w.peek("SELECT 1 AS n WHERE false"), true, false, db.ErrNotFound},
		"a look-up that divides by zero":          {w.peek(divides, w.n.ID), true, true, nil},
		"a look-up without the right":             {w.peek("SELECT 1 AS n FROM public.users"), true, false, nil},
		"a control transaction that works":        {w.plane("SELECT 1 AS n"), false, false, nil},
		"a control transaction that divides":      {w.plane(divides, w.n.ID), true, true, nil},
		"a control transaction without the right": {w.plane("SELECT 1 AS n FROM public.users"), true, false, nil},
		"a catalog that divides by zero": {func(ctx context.Context) error {
			return sealed.Catalog(ctx, w.d, place.Main, divides, new([]number), uuid.New())
		}, true, true, nil},
	}
}

func TestAConnectionThatFailedUnexpectedlyIsClosedAndEveryOtherIsKept(t *testing.T) {
	t.Parallel()
	d, n := one(t)
	for name, c := range (work{d, n}).outcomes() { // one after the other: they share the connections
		t.Run(name, func(t *testing.T) {
			tenant, plane := backends(t, d)

			err := c.do(t.Context())

			if (err != nil) != c.fails || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("answered %v", err)
			}
			tenantNow, planeNow := backends(t, d)
			if closed := tenant != tenantNow || plane != planeNow; closed != c.closes {
				t.Errorf("closed: %t", closed)
			}
			if tenant != tenantNow && plane != planeNow {
				t.Error("both were closed")
			}
		})
	}
	var names []string
	n.Read(t, db.Viewer, func(v *db.View) error {
		sealed.Values(v, "names", "SELECT name FROM users WHERE tenant_id = $1 AND name = 'changed'", &names)
		return v.Load()
	})
	if len(names) > 0 {
		t.Error("a View has written")
	}
}
