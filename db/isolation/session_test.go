package isolation_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

const readsAll = "SELECT (SELECT count(*) FROM tenants) + (SELECT count(*) FROM users) + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM search_jobs('engineer'))"

// A pooled connection serves one tenant after the other: nothing of the first may be left for the second, also when
// somebody keeps the settings on purpose.
func TestACopyOfTheSettingsDoesNotOutliveItsTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	conn := d.Connect(t, "app_tenant")
	tx := beginIn(t, conn, a)
	if got := run(t.Context(), tx, readsAll); got.Rows != "7" {
		t.Fatalf("in the transaction itself: %s", got)
	}
	for _, setting := range []string{"app.tenant_id", "app.tenant_token", "app.tenant_at"} {
		if o := run(t.Context(), tx, "SELECT set_config($1, current_setting($1), false)", setting); o.Code != "" {
			t.Fatal(o)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := scan[string](t, conn, "SELECT current_setting('app.tenant_token')"); kept[0] != a.token {
		t.Fatal("the attempt itself is broken: no copy was kept")
	}
	if got := run(t.Context(), conn, readsAll); got.Rows != "0" {
		t.Errorf("a statement of its own afterwards: %s", got)
	}
	tx = begin(t, conn)
	defer end(t, tx)
	if got := run(t.Context(), tx, readsAll); got.Rows != "0" {
		t.Errorf("the next transaction: %s", got)
	}
	sql, args := insert("jobs", makers[2].row(a, 2))
	if got := run(t.Context(), tx, sql, args...); got.Code != "42501" {
		t.Errorf("a write of the next transaction: %s", got)
	}
}

func TestTheContextEndsWithItsTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	for name, finish := range map[string]func(pgx.Tx) error{
		"commit":   func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
		"rollback": func(tx pgx.Tx) error { return tx.Rollback(t.Context()) },
	} {
		conn := d.Connect(t, "app_tenant")
		if err := finish(beginIn(t, conn, a)); err != nil {
			t.Fatal(err)
		}
		if got := run(t.Context(), conn, readsAll); got.Rows != "0" {
			t.Errorf("after %s: %s", name, got)
		}
	}
}

func TestTheContextEndsWithItsSavepoint(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	tx := begin(t, d.Connect(t, "app_tenant"))
	defer end(t, tx)
	for _, step := range []struct {
		sql  string
		args []any
	}{{"SAVEPOINT s", nil}, {"SELECT app.set_tenant($1, $2)", []any{a.id, a.token}}, {"ROLLBACK TO s", nil}} {
		if o := run(t.Context(), tx, step.sql, step.args...); o.Code != "" {
			t.Fatal(o)
		}
	}
	if got := run(t.Context(), tx, readsAll); got.Rows != "0" {
		t.Errorf("after the savepoint was rolled back: %s", got)
	}
}

func TestTheContextIsOfOneConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	first, second, third := beginIn(t, d.Connect(t, "app_tenant"), a), beginIn(t, d.Connect(t, "app_tenant"), b), begin(t, d.Connect(t, "app_tenant"))
	for _, x := range []struct {
		tx   pgx.Tx
		want string
	}{{first, a.name}, {second, b.name}, {third, ""}, {first, a.name}} {
		if got := run(t.Context(), x.tx, "SELECT name FROM tenants"); got.Rows != x.want {
			t.Errorf("got %q, want %q", got.Rows, x.want)
		}
	}
	end(t, first)
	end(t, second)
	end(t, third)
}

// A snapshot that is older than a flip of the fence would go on writing to a tenant that has moved away.
func TestAnOlderSnapshotSeesNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	conn := d.Connect(t, "app_tenant")
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
		if err != nil {
			t.Fatal(err)
		}
		if o := run(t.Context(), tx, "SELECT app.set_tenant($1, $2)", a.id, a.token); o.Code != "" {
			t.Fatal(o)
		}
		if got := run(t.Context(), tx, readsAll); got.Rows != "0" {
			t.Errorf("%s: %s", level, got)
		}
		sql, args := insert("jobs", makers[2].row(a, 2))
		if got := run(t.Context(), tx, sql, args...); got.Code != "42501" {
			t.Errorf("a write in %s: %s", level, got)
		}
		end(t, tx)
	}
	if _, err := conn.Exec(t.Context(), "SET default_transaction_isolation = 'repeatable read'"); err != nil {
		t.Fatal(err)
	}
	tx := beginIn(t, conn, a)
	defer end(t, tx)
	if got := run(t.Context(), tx, readsAll); got.Rows != "7" {
		t.Errorf("a session with another default is not what the application's BEGIN leaves it at: %s", got)
	}
}

// The transaction that was under way when the state changed may finish what it has read, but its next statement meets
// the fence as it is.
func TestAFlipOfTheFenceIsSeenByTheNextStatement(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	super := d.Connect(t, "postgres")
	tx := beginIn(t, d.Connect(t, "app_tenant"), a)
	defer end(t, tx)
	if got := run(t.Context(), tx, readsAll); got.Rows != "7" {
		t.Fatal(got)
	}
	for _, flip := range []string{"state = 'suspended'", "state = 'active', epoch = 2, seal = sha256(tenant_id::text::bytea)"} {
		mustExec(t, super, "UPDATE app.fence SET "+flip+" WHERE tenant_id = $1", a.id)
		if got := run(t.Context(), tx, readsAll); got.Rows != "0" {
			t.Errorf("after %s: %s", flip, got)
		}
	}
}

func TestANextSealOpensAsWell(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	mustExec(t, d.Connect(t, "postgres"), "UPDATE app.fence SET next_seal = sha256('the new token') WHERE tenant_id = $1", a.id)
	conn := d.Connect(t, "app_tenant")
	for _, x := range []struct {
		n     tenant
		token string
		want  string
	}{{a, a.token, "7"}, {a, "the new token", "7"}, {b, "the new token", "0"}, {a, "", "0"}} {
		x.n.token = x.token
		tx := beginIn(t, conn, x.n)
		if got := run(t.Context(), tx, readsAll); got.Rows != x.want {
			t.Errorf("token %.8q: %s, want %s", x.token, got, x.want)
		}
		end(t, tx)
	}
}
