package isolation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/place"
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
	{"role attributes", "ALTER ROLE app_mover RENAME TO somebody", "role app_mover", "does not exist"},
}

func TestTheDoctorNamesWhatIsWrongWithTheRoles(t *testing.T) {
	t.Parallel()
	own := dbtest.Alone(t).Database
	d, super := own.DB, own.Connect(t, "postgres")
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
	mustExec(t, super, "CREATE OR REPLACE VIEW app.readable WITH (security_barrier = true) AS SELECT tenant_id FROM app.fence")
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

func TestThePoolerSaysItsVersionToWhoMayAsk(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	version, known := sealed.PoolerVersion(t.Context(), through(t, d, map[string]string{"stats_users": "app_tenant"}), place.Main)
	if !known || !isolation.SupportedPooler(version) {
		t.Errorf("%q, %v", version, known)
	}
	for name, on := range map[string]*db.DB{"direct": d.DB, "not among stats_users": through(t, d, nil)} {
		if version, known := sealed.PoolerVersion(t.Context(), on, place.Main); known {
			t.Errorf("%s: %q", name, version)
		}
	}
}

// Both clocks are of one server; the application's jumps between the places.
func TestPlacesWhoseClocksDifferAreFound(t *testing.T) {
	t.Parallel()
	asked := 0
	now := func() time.Time {
		if asked++; asked > 2 { // twice for each place
			return time.Now().Add(-time.Minute)
		}
		return time.Now()
	}
	got, err := isolation.Doctor(t.Context(), places(t, map[string]*dbtest.Database{place.Main: dbtest.New(t), "eu-1": dbtest.Own(t)}), isolation.Options{Now: now})
	if err != nil || !found(got, "clocks", "clock of the server", "1m0s ahead of that of place eu-1") {
		t.Errorf("%v\n%s", err, got)
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

// TestEveryPlaceIsExamined has the same tenant in two places, as after a move.
func TestEveryPlaceIsExamined(t *testing.T) {
	t.Parallel()
	main, eu := dbtest.Own(t), dbtest.Own(t)
	n := main.NewTenant(t)
	super := eu.Connect(t, "postgres")
	mustExec(t, super, "INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, 7, sha256(convert_to($2, 'UTF8')), 'moved')", n.ID, eu.Token(n.ID, 7))
	d := places(t, map[string]*dbtest.Database{place.Main: main, "eu-1": eu})
	got, err := isolation.Doctor(t.Context(), d, isolation.Options{})
	if err != nil || !got.OK || got.Checks != 2*len(isolation.Checks()) {
		t.Errorf("%v\n%s", err, got)
	}
	mustExec(t, super, "UPDATE app.fence SET state = 'active'; ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY; GRANT UPDATE ON analytics TO app_tenant")
	got, err = isolation.Doctor(t.Context(), d, isolation.Options{})
	if err != nil || len(got.Findings) != 3 {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, f := range got.Findings {
		if f.Place != "eu-1" {
			t.Errorf("in another place: %+v", f)
		}
	}
}

// places opens an installation over several databases.
func places(t *testing.T, all map[string]*dbtest.Database) *db.DB {
	t.Helper()
	config := func(url string) *pgxpool.Config {
		c, err := pgxpool.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	o := sealed.Options{Control: config(all[place.Main].URL("app_control")), Tenant: map[string]*pgxpool.Config{}, Fence: map[string]*pgxpool.Config{}, Registry: control.Tenant}
	var names []string
	for name, d := range all {
		names = append(names, name)
		o.Tenant[name] = config(d.URL("app_tenant"))
		if name != place.Main {
			o.Fence[name] = config(d.URL("app_control"))
		}
		key, err := db.NewSealKey(d.Key)
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = []db.SealKey{key}
	}
	o.Drivers = place.Drivers{place.Shared: place.NewShared(names...)}
	d, err := sealed.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
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
