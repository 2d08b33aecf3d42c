package isolation_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/migrate"
	"upwork-ai-agent/db/pooler"
)

// serverFlaws concern a whole server. Each is done to a server of the test's own and stays: what follows is asked by itself.
var serverFlaws = []struct{ check, harm, object, fault string }{
	{"role attributes", "ALTER ROLE app_mover CREATEDB", "role app_mover", "may create databases"},
	{"role attributes", "ALTER ROLE app_control CREATEROLE", "role app_control", "may create roles"},
	{"role attributes", "ALTER ROLE app_control BYPASSRLS", "role app_control", "bypasses"},
	{"role attributes", "ALTER ROLE app_owner SUPERUSER", "role app_owner", "superuser"},
	{"role attributes", "ALTER ROLE app_owner INHERIT", "role app_owner", "inherits"},
	{"role attributes", "ALTER ROLE app_mover REPLICATION", "role app_mover", "replicate"},
	{"role attributes", "ALTER ROLE app_search LOGIN", "role app_search", "may log in"},
	{"role attributes", "ALTER ROLE app_mover NOLOGIN", "role app_mover", "may not log in"},
	{"role memberships", "GRANT pg_read_all_data TO app_control", "role app_control", "a member of pg_read_all_data"},
	{"role memberships", "GRANT app_owner TO app_mover", "role app_mover", "a member of app_owner"},
	{"role memberships", "REVOKE app_search FROM app_owner", "role app_owner", "no member of app_search"},
	{"role settings", "ALTER ROLE app_tenant RESET ALL", "role app_tenant", "has no statement_timeout"},
	{"role settings", "ALTER ROLE app_control RESET lock_timeout", "role app_control", "has no lock_timeout"},
	{"role attributes", "REVOKE app_owner FROM app_mover; DROP OWNED BY app_mover; DROP ROLE app_mover", "role app_mover", "does not exist"},
}

func TestTheDoctorNamesWhatIsWrongWithTheRoles(t *testing.T) {
	t.Parallel()
	url := ownServer(t)
	key, err := db.NewSealKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), db.Options{TenantURL: url("app_tenant"), ControlURL: url("app_control"), Keys: []db.SealKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	super, err := pgx.Connect(t.Context(), url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = super.Close(t.Context()) })
	if got, err := isolation.Doctor(t.Context(), d, isolation.Options{}); err != nil || !got.OK {
		t.Fatalf("%v\n%s", err, got.Findings)
	}
	for _, x := range serverFlaws {
		mustExec(t, super, x.harm)
		got, err := isolation.Doctor(t.Context(), d, isolation.Options{})
		if err != nil || !found(got, x.check, x.object, x.fault) {
			t.Errorf("%s: %v\n%s", x.harm, err, got.Findings)
		}
	}
}

// ownServer is a migrated database on a Postgres that nobody else uses.
func ownServer(t *testing.T) (url func(role string) string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "server") // not t.TempDir: Postgres runs as somebody else when the tests run as root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pg, err := embedded.Start(t.Context(), embedded.Options{DataDir: filepath.Join(dir, "data"), Log: io.Discard, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	super := func(database string) string { return pg.URL(embedded.Superuser, database) }
	if err := migrate.Cluster(t.Context(), super, "app"); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Up(t.Context(), pg.URL("app_owner", "app"), io.Discard); err != nil {
		t.Fatal(err)
	}
	return func(role string) string { return pg.URL(role, "app") }
}

// through opens d through a pooler with the given settings.
func through(t *testing.T, d *dbtest.Database, settings map[string]string) *db.DB {
	t.Helper()
	p, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := db.Open(t.Context(), db.Options{TenantURL: p.URL(d.URL("app_tenant")), ControlURL: d.URL("app_control"), Pooled: true, Keys: []db.SealKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

var announced = isolation.Options{Pooled: true}

func TestAPoolerInTransactionModeIsHealthyWhenAnnounced(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	d.NewTenant(t)
	d.NewTenant(t)
	for _, settings := range []map[string]string{{"default_pool_size": "1"}, {"default_pool_size": "2", "server_round_robin": "1"}, {"stats_users": "app_tenant"}} {
		on := through(t, d, settings)
		if got, err := isolation.Doctor(t.Context(), on, announced); err != nil || !got.OK {
			t.Errorf("%v: %v\n%s", settings, err, got.Findings)
		}
		got, err := isolation.Doctor(t.Context(), on, isolation.Options{})
		if err != nil || !found(got, "pooler announced", "DB_POOLER", "nobody has said so") || len(got.Findings) != 1 {
			t.Errorf("%v, not announced: %v\n%s", settings, err, got.Findings)
		}
	}
}

func TestAPoolerInStatementModeIsFound(t *testing.T) {
	t.Parallel()
	on := through(t, dbtest.Own(t), map[string]string{"pool_mode": "statement"})
	got, err := isolation.Doctor(t.Context(), on, announced)
	if err != nil || !found(got, "pooler mode", "connection of app_tenant", "a transaction of several statements fails") {
		t.Errorf("%v\n%s", err, got.Findings)
	}
}

// A session-level setting is what leaks behind a pooler: whoever gets the connection next finds it.
func TestASettingThatAnotherClientLeftIsFound(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a := d.NewTenant(t)
	super := d.Connect(t, "postgres")
	on := through(t, d, map[string]string{"default_pool_size": "1"})
	mustExec(t, super, `CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS $$
		SELECT set_config('app.tenant_id', tenant::text, false) || set_config('app.tenant_token', token, false) || set_config('app.tenant_at', now()::text, false) $$`)
	got, err := isolation.Doctor(t.Context(), on, announced)
	if err != nil || !found(got, "pooler isolation", "connection of app_tenant", "was there before anybody had set one") {
		t.Errorf("%v\n%s", err, got.Findings)
	}
	mustExec(t, super, "CREATE OR REPLACE VIEW app.opened WITH (security_barrier = true) AS SELECT tenant_id, state FROM app.fence")
	mustExec(t, super, "CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS 'SELECT token'")
	fresh := d.Tuned(t, func(*pgxpool.Config) {})
	got, err = isolation.Doctor(t.Context(), fresh, isolation.Options{})
	if err != nil || !found(got, "pooler isolation", "connection of app_tenant", "rows of tenants were shown before") {
		t.Errorf("of %s: %v\n%s", a.Name, err, got.Findings)
	}
}

func TestVersionsOfThePooler(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"PgBouncer 1.16.0": false, "PgBouncer 1.16.1": true, "PgBouncer 1.9.0": false, "PgBouncer 1.24.1 (x)": true, "PgBouncer 2.0.0": true, "pgcat 1.2.0": false, "": false} {
		if got := isolation.SupportedPooler(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestAClockThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for shift, fault := range map[time.Duration]string{time.Hour: "1h0m0s behind the application's", -time.Hour: "1h0m0s ahead of the application's"} {
		got, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{Now: func() time.Time { return time.Now().Add(shift) }})
		if err != nil || !found(got, "clocks", "clock of the server", fault) {
			t.Errorf("%v\n%s", err, got.Findings)
		}
	}
}

// TestEveryCheckHasAFlaw is what makes a check that nobody has seen fail a failure.
func TestEveryCheckHasAFlaw(t *testing.T) {
	t.Parallel()
	// Of these the flaw is not a statement: a test of its own shows each.
	shown := []string{"server version", "pooler mode", "pooler announced", "pooler version", "clocks"}
	for _, x := range breaks {
		shown = append(shown, x.check)
	}
	for _, x := range flaws {
		shown = append(shown, x.check)
	}
	for _, x := range serverFlaws {
		shown = append(shown, x.check)
	}
	for _, name := range isolation.Checks() {
		if !slices.Contains(shown, name) {
			t.Errorf("nobody has seen the check %q find anything", name)
		}
	}
	for _, name := range shown {
		if !slices.Contains(isolation.Checks(), name) {
			t.Errorf("there is no check %q", name)
		}
	}
}
