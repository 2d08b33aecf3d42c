package isolation_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

func TestANewInstallationHasNoFinding(t *testing.T) {
	t.Parallel()
	found, err := isolation.Posture(t.Context(), dbtest.New(t).DB)
	if err != nil || len(found) > 0 {
		t.Fatalf("%v\n%s", err, found)
	}
}

// broken is one thing that somebody did to a database, and what must be said of it.
type broken struct {
	check  string // that says it
	name   string
	harm   string
	undo   string
	object string
	fault  string
}

const leakyView = "CREATE OR REPLACE VIEW app.readable WITH (security_barrier = true) AS SELECT tenant_id FROM app.fence WHERE tenant_id::text = current_setting('app.tenant_id', true)"

var soundView = gateView("readable", readable, thisTime)

const soundGate = "CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid, token text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.tenant_id', coalesce(tenant::text, ''), true) || set_config('app.tenant_token', coalesce(token, ''), true) || set_config('app.tenant_at', now()::text, true) || pg_advisory_xact_lock_shared(hashtextextended(coalesce(tenant::text, ''), 0))::text $$"

const soundSearch = `CREATE OR REPLACE FUNCTION search_jobs(query text) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp BEGIN ATOMIC SELECT j.id FROM public.jobs j WHERE j.tenant_id = (SELECT c.tenant_id FROM app.context c) AND j.search @@ websearch_to_tsquery('english', query); END`

var breaks = []broken{
	{"row-level security", "FORCE is lifted", "ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY", "ALTER TABLE jobs FORCE ROW LEVEL SECURITY",
		"table public.jobs", "FORCE is off"},
	{"row-level security", "row-level security is off", "ALTER TABLE users DISABLE ROW LEVEL SECURITY", "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
		"table public.users", "row-level security is off"},
	{"row-level security", "row-level security of the tenants themselves is off", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
		"table public.tenants", "row-level security is off"},
	{"row-level security", "a policy lets everything through", "ALTER POLICY tenant_select ON jobs USING (true)", "ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))",
		"table public.jobs", "policy tenant_select is not as listed"},
	{"row-level security", "a policy checks nothing", "ALTER POLICY tenant_insert ON jobs WITH CHECK (true)", "ALTER POLICY tenant_insert ON jobs WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))",
		"table public.jobs", "policy tenant_insert is not as listed"},
	{"row-level security", "a policy writes where only reading is allowed", "ALTER POLICY tenant_delete ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))", "ALTER POLICY tenant_delete ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)]))",
		"table public.jobs", "policy tenant_delete is not as listed"},
	{"row-level security", "a policy asks the setting alone", "ALTER POLICY tenant_select ON users USING (tenant_id::text = current_setting('app.tenant_id', true))", "ALTER POLICY tenant_select ON users USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)]))",
		"table public.users", "policy tenant_select is not as listed"},
	{"row-level security", "a policy is dropped", "DROP POLICY tenant_update ON proposals", "CREATE POLICY tenant_update ON proposals FOR UPDATE TO app_tenant USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.writable)])) WITH CHECK (tenant_id = (SELECT tenant_id FROM app.writable))",
		"table public.proposals", "policy tenant_update is missing"},
	{"row-level security", "one more permissive policy", "CREATE POLICY support ON analytics FOR SELECT TO app_tenant USING (event = 'x')", "DROP POLICY support ON analytics",
		"table public.analytics", "policy support is not as listed"},
	{"row-level security", "one more policy for everybody", "CREATE POLICY everybody ON jobs FOR SELECT USING (true)", "DROP POLICY everybody ON jobs",
		"table public.jobs", "policy everybody is not as listed"},
	{"row-level security", "a policy turned to everybody", "ALTER POLICY search ON jobs TO PUBLIC", "ALTER POLICY search ON jobs TO app_search",
		"table public.jobs", "policy search is not as listed"},
	{"row-level security", "a policy turned to the tenant role", "ALTER POLICY search ON jobs TO app_search, app_tenant", "ALTER POLICY search ON jobs TO app_search",
		"table public.jobs", "policy search is not as listed"},
	{"row-level security", "a table that nobody protected", "CREATE TABLE notes (tenant_id uuid)", "DROP TABLE notes",
		"table public.notes", "row-level security is off"},
	{"row-level security", "a table of another schema that nobody protected", "CREATE SCHEMA extra; CREATE TABLE extra.notes ()", "DROP SCHEMA extra CASCADE",
		"table extra.notes", "row-level security is off"},
	{"row-level security", "a table protected by its policies only", "CREATE TABLE notes (tenant_id uuid); CALL app.protect('notes'); ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "DROP TABLE notes",
		"table public.notes", "row-level security is off"},
	{"row-level security", "a partition that nobody protected", "CREATE TABLE notes (tenant_id uuid) PARTITION BY HASH (tenant_id); CALL app.protect('notes'); CREATE TABLE notes_0 PARTITION OF notes FOR VALUES WITH (MODULUS 1, REMAINDER 0)", "DROP TABLE notes",
		"table public.notes_0", "row-level security is off"},
	{"row-level security", "a child that nobody protected", "CREATE TABLE jobs_old () INHERITS (jobs)", "DROP TABLE jobs_old",
		"table public.jobs_old", "row-level security is off"},
	{"row-level security", "a foreign table", "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere; CREATE FOREIGN TABLE far (x int) SERVER nowhere", "DROP FOREIGN DATA WRAPPER nowhere CASCADE",
		"table public.far", "foreign table"},
	{"row-level security", "a materialized view", "CREATE MATERIALIZED VIEW totals AS SELECT tenant_id, count(*) FROM jobs GROUP BY 1", "DROP MATERIALIZED VIEW totals",
		"table public.totals", "materialized view"},
	{"tenant grants", "TRUNCATE is granted", "GRANT TRUNCATE ON jobs TO app_tenant", "REVOKE TRUNCATE ON jobs FROM app_tenant",
		"table public.jobs", "may TRUNCATE"},
	{"tenant grants", "TRUNCATE is granted to everybody", "GRANT TRUNCATE ON jobs TO PUBLIC", "REVOKE TRUNCATE ON jobs FROM PUBLIC",
		"table public.jobs", "may TRUNCATE"},
	{"tenant grants", "REFERENCES on a column is granted", "GRANT REFERENCES (id) ON jobs TO app_tenant", "REVOKE REFERENCES (id) ON jobs FROM app_tenant",
		"table public.jobs", "may REFERENCES"},
	{"tenant grants", "TRIGGER is granted", "GRANT TRIGGER ON jobs TO app_tenant", "REVOKE TRIGGER ON jobs FROM app_tenant",
		"table public.jobs", "may TRIGGER"},
	{"tenant grants", "CREATE on a schema is granted", "GRANT CREATE ON SCHEMA public TO app_tenant", "REVOKE CREATE ON SCHEMA public FROM app_tenant",
		"schema public", "may create in it"},
	{"tenant role", "temporary tables are allowed", "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO PUBLIC', current_database()); END $$", "DO $$ BEGIN EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database()); END $$",
		"role app_tenant", "temporary tables"},
	{"tenant role", "schemas may be made", "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO app_tenant', current_database()); END $$", "DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM app_tenant', current_database()); END $$",
		"role app_tenant", "may create schemas"},
	{"tenant grants", "the control plane is opened", "GRANT USAGE ON SCHEMA control TO PUBLIC", "REVOKE USAGE ON SCHEMA control FROM PUBLIC",
		"schema control", "may use it"},
	{"tenant grants", "a table of the control plane is readable", "GRANT SELECT ON control.sessions TO app_tenant", "REVOKE SELECT ON control.sessions FROM app_tenant",
		"relation control.sessions", "may SELECT"},
	{"tenant grants", "the fence is readable", "GRANT SELECT ON app.fence TO app_tenant", "REVOKE SELECT ON app.fence FROM app_tenant",
		"relation app.fence", "may SELECT"},
	{"tenant grants", "a column of the fence is readable", "GRANT SELECT (seal) ON app.fence TO PUBLIC", "REVOKE SELECT (seal) ON app.fence FROM PUBLIC",
		"relation app.fence", "may SELECT"},
	{"tenant grants", "the fence is writable", "GRANT UPDATE (seal) ON app.fence TO app_tenant", "REVOKE UPDATE (seal) ON app.fence FROM app_tenant",
		"relation app.fence", "may UPDATE"},
	{"tenant grants", "the fence is writable through its view", "GRANT INSERT ON app.context TO app_tenant", "REVOKE INSERT ON app.context FROM app_tenant",
		"relation app.context", "may INSERT"},
	{"tenant grants", "the mover's view is readable", "GRANT SELECT ON app.moving TO app_tenant", "REVOKE SELECT ON app.moving FROM app_tenant",
		"relation app.moving", "may SELECT"},
	{"gate", "the fence is without row-level security", "ALTER TABLE app.fence DISABLE ROW LEVEL SECURITY", "ALTER TABLE app.fence ENABLE ROW LEVEL SECURITY",
		"table app.fence", "row-level security is off"},
	{"gate", "the fence has one more policy", "CREATE POLICY all_of_it ON app.fence USING (true)", "DROP POLICY all_of_it ON app.fence",
		"table app.fence", "policy all_of_it"},
	{"gate", "the gate asks for no token", leakyView, soundView,
		"view app.readable", "does not say what the gate must say"},
	{"gate", "the gate lets a suspended tenant in", strings.Replace(soundView, "read_only", "suspended", 1), soundView,
		"view app.readable", "does not say what the gate must say"},
	{"gate", "the gate can be looked into", strings.TrimSuffix(soundView, "OFFSET 0"), soundView,
		"view app.readable", "does not say what the gate must say"},
	{"gate", "the gate is no barrier", "ALTER VIEW app.writable SET (security_barrier = false)", "ALTER VIEW app.writable SET (security_barrier = true)",
		"view app.writable", "does not say what the gate must say"},
	{"gate", "the operator of the policies has another estimate", "ALTER OPERATOR app.=== (uuid, uuid) SET (RESTRICT = eqsel)", "ALTER OPERATOR app.=== (uuid, uuid) SET (RESTRICT = nlikesel)",
		"operator app.===", "not as listed"},
	{"gate", "the operator of the policies compares nothing", "UPDATE pg_operator SET oprcode = 'uuid_ge' WHERE oprnamespace = 'app'::regnamespace AND oprname = '==='", "UPDATE pg_operator SET oprcode = 'uuid_eq' WHERE oprnamespace = 'app'::regnamespace AND oprname = '==='",
		"operator app.===", "not as listed"},
	{"gate", "another operator has its name, and a policy compares by it", `CREATE FUNCTION app.yes(anyelement, anyelement) RETURNS bool LANGUAGE sql AS 'SELECT true'; REVOKE ALL ON FUNCTION app.yes FROM PUBLIC;
		UPDATE pg_operator SET oprname = '====' WHERE oprnamespace = 'app'::regnamespace AND oprname = '==='; CREATE OPERATOR app.=== (FUNCTION = app.yes, LEFTARG = anyelement, RIGHTARG = anyelement);
		ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])); UPDATE pg_operator SET oprname = '===' WHERE oprnamespace = 'app'::regnamespace AND oprname = '===='`,
		"ALTER POLICY tenant_select ON jobs USING (tenant_id OPERATOR(app.===) ANY (ARRAY[(SELECT tenant_id FROM app.readable)])); DROP OPERATOR app.=== (anyelement, anyelement); DROP FUNCTION app.yes",
		"operator app.===(anyelement,anyelement)", "has the name of the one"},
	{"gate", "what the policies compare by is dear", "ALTER FUNCTION pg_catalog.uuid_eq COST 9", "ALTER FUNCTION pg_catalog.uuid_eq COST 1", "function uuid_eq(uuid,uuid)", "not as Postgres has it"},
	{"gate", "something is cheaper than what the policies compare by", "ALTER FUNCTION pg_catalog.texteq COST 0.1", "ALTER FUNCTION pg_catalog.texteq COST 1", "function texteq(text,text)", "comes before them"},
	{"gate", "the tenant as text may be anything", "UPDATE pg_attribute SET attgenerated = '' WHERE attrelid = 'app.fence'::regclass AND attname = 'tenant'", "UPDATE pg_attribute SET attgenerated = 's' WHERE attrelid = 'app.fence'::regclass AND attname = 'tenant'",
		"column app.fence.tenant", "not the tenant as text"},
	{"gate", "a tenant may have two rows in the fence", "ALTER TABLE app.fence DROP CONSTRAINT fence_pkey", "ALTER TABLE app.fence ADD PRIMARY KEY (tenant_id)",
		"column app.fence.tenant_id", "two tenants"},
	{"gate", "a row of the fence is unique among some", "ALTER TABLE app.fence DROP CONSTRAINT fence_tenant_key; CREATE UNIQUE INDEX partly ON app.fence (tenant) WHERE state = 'active'", "DROP INDEX app.partly; ALTER TABLE app.fence ADD UNIQUE (tenant)",
		"column app.fence.tenant", "two tenants"},
	{"gate", "two tenants may have one token", "ALTER TABLE app.fence DROP CONSTRAINT fence_seal_key", "ALTER TABLE app.fence ADD UNIQUE (seal)",
		"column app.fence.seal", "two tenants"},
	{"gate", "the gate sets the tenant for the session", strings.Replace(soundGate, "token, ''), true", "token, ''), false", 1), soundGate,
		"function app.set_tenant(uuid,text)", "does not say what the gate must say"},
	{"gate", "the gate takes no lock", strings.Replace(soundGate, "|| pg_advisory_xact_lock_shared(hashtextextended(coalesce(tenant::text, ''), 0))::text", "", 1), soundGate,
		"function app.set_tenant(uuid,text)", "does not say what the gate must say"},
	{"tenant grants", "a sequence", "CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO app_tenant", "DROP SEQUENCE numbers",
		"sequence public.numbers", "counts what other tenants do"},
	{"views", "a view that reads as its owner", "CREATE VIEW all_jobs AS SELECT * FROM jobs; ALTER VIEW all_jobs OWNER TO app_owner; GRANT SELECT ON all_jobs TO app_tenant", "DROP VIEW all_jobs",
		"view public.all_jobs", "rights of app_owner"},
	{"views", "a view that reads as the superuser", "CREATE VIEW all_jobs WITH (security_barrier = true) AS SELECT * FROM jobs; ALTER VIEW all_jobs OWNER TO postgres; GRANT SELECT (title) ON all_jobs TO PUBLIC", "DROP VIEW all_jobs",
		"view public.all_jobs", "rights of postgres"},
	{"functions", "a function that runs as its owner", "CREATE FUNCTION all_jobs() RETURNS SETOF jobs LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM jobs'; GRANT EXECUTE ON FUNCTION all_jobs TO app_tenant", "DROP FUNCTION all_jobs",
		"function all_jobs()", "runs with the rights of"},
	{"functions", "a function of the gate that runs as its owner", "CREATE FUNCTION app.owner_of(id uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS 'SELECT tenant_id FROM jobs j WHERE j.id = owner_of.id'; GRANT EXECUTE ON FUNCTION app.owner_of TO PUBLIC", "DROP FUNCTION app.owner_of",
		"function app.owner_of(uuid)", "runs with the rights of"},
	{"functions", "a trigger that runs as its owner", "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'; REVOKE ALL ON FUNCTION spy FROM PUBLIC; CREATE TRIGGER spy BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION spy()", "DROP FUNCTION spy CASCADE",
		"function spy()", "runs with the rights of"},
	{"functions", "the search function without its search_path", "ALTER FUNCTION search_jobs RESET ALL", "ALTER FUNCTION search_jobs SET search_path = pg_catalog, pg_temp",
		"function search_jobs(text)", "runs with the rights of app_search"},
	{"functions", "the search function without its tenant", "DO $$ BEGIN GRANT CREATE ON SCHEMA public TO app_search; SET LOCAL ROLE app_search; CREATE OR REPLACE FUNCTION search_jobs(query text) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp BEGIN ATOMIC SELECT j.id FROM public.jobs j WHERE j.search @@ websearch_to_tsquery('english', query); END; END $$; REVOKE CREATE ON SCHEMA public FROM app_search",
		soundSearch,
		"function search_jobs(text)", "runs with the rights of app_search"},
	{"functions", "the search function with more than what it searched", "GRANT CREATE ON SCHEMA public TO app_search; " + strings.Replace(soundSearch, "; END", " UNION ALL SELECT i.id FROM public.jobs i; END", 1) + "; REVOKE CREATE ON SCHEMA public FROM app_search", soundSearch,
		"function search_jobs(text)", "runs with the rights of app_search"},
	{"functions", "another function of the search function's name", "CREATE FUNCTION search_jobs(query text, n int) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT id FROM public.jobs'; ALTER FUNCTION search_jobs(text, int) OWNER TO app_search; GRANT EXECUTE ON FUNCTION search_jobs(text, int) TO PUBLIC", "DROP FUNCTION search_jobs(text, int)",
		"function search_jobs(text,integer)", "runs with the rights of app_search"},
	{"functions", "a leakproof function", "CREATE FUNCTION seen(text) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true'", "DROP FUNCTION seen",
		"function seen(text)", "leakproof"},
	{"rules", "a rule", "CREATE RULE copy AS ON INSERT TO jobs DO ALSO INSERT INTO analytics (tenant_id, id, event, entity) VALUES (new.tenant_id, gen_random_uuid(), new.title, 'job')", "DROP RULE copy ON jobs",
		"table public.jobs", "rule copy"},
	{"system grants", "the samples of every column", "GRANT SELECT ON pg_statistic TO app_tenant", "REVOKE SELECT ON pg_statistic FROM app_tenant",
		"relation pg_statistic", "the tenant role may SELECT"},
	{"system grants", "a column of the passwords", "GRANT SELECT (rolname, rolpassword) ON pg_authid TO PUBLIC", "REVOKE SELECT (rolname, rolpassword) ON pg_authid FROM PUBLIC",
		"relation pg_authid.rolpassword", "everybody may SELECT"},
	{"system grants", "the server's files", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app_tenant", "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM app_tenant",
		"function pg_read_file(text)", "the tenant role may run it"},
	{"system grants", "the server's files, for everybody", "GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO PUBLIC", "REVOKE EXECUTE ON FUNCTION pg_ls_dir(text) FROM PUBLIC",
		"function pg_ls_dir(text)", "everybody may run it"},
	{"system grants", "a setting that is for superusers", "GRANT SET ON PARAMETER session_replication_role TO app_tenant", "REVOKE SET ON PARAMETER session_replication_role FROM app_tenant",
		"setting session_replication_role", "the tenant role may SET it"},
	{"system grants", "another server", "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far; GRANT USAGE ON FOREIGN SERVER away TO app_tenant", "DROP FOREIGN DATA WRAPPER far CASCADE",
		"foreign server away", "the tenant role may use it"},
	{"system grants", "any other server", "CREATE FOREIGN DATA WRAPPER far; GRANT USAGE ON FOREIGN DATA WRAPPER far TO PUBLIC", "DROP FOREIGN DATA WRAPPER far",
		"foreign-data wrapper far", "the tenant role may use it"},
	{"tenant role", "a table that belongs to the tenant role", "ALTER TABLE jobs OWNER TO app_tenant", "ALTER TABLE jobs OWNER TO app_owner",
		"role app_tenant", "owns tables"},
}

// TestThePostureNamesWhatWasBroken breaks one thing after the other, by the hand of a superuser, and mends it again.
func TestThePostureNamesWhatWasBroken(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	for _, x := range breaks {
		t.Run(x.name, func(t *testing.T) {
			mustExec(t, super, x.harm)
			found, err := isolation.Posture(t.Context(), d.DB)
			if err != nil {
				t.Fatal(err)
			}
			if !named(found, x.check, x.object, x.fault) {
				t.Errorf("not found: %s: %s\nfound:\n%s", x.object, x.fault, found)
			}
			mustExec(t, super, x.undo)
			if found, err = isolation.Posture(t.Context(), d.DB); err != nil || len(found) > 0 {
				t.Fatalf("after mending: %v\n%s", err, found)
			}
		})
	}
}

// TestTheMendOfATableMendsIt does what a finding says, as the one whom it names.
func TestTheMendOfATableMendsIt(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super, owner := d.Connect(t, "postgres"), d.Connect(t, "app_owner")
	for _, harm := range []string{
		"ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "DROP POLICY tenant_delete ON users",
		"ALTER POLICY tenant_select ON jobs USING (true)", "DROP POLICY mover ON analytics",
		"ALTER POLICY search ON users TO PUBLIC", "DROP POLICY search ON jobs",
	} {
		mustExec(t, super, harm)
		found, err := isolation.Posture(t.Context(), d.DB)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v\n%s", harm, err, found)
		}
		mend, more, _ := strings.Cut(found[0].Mend, "; ")
		if !strings.HasPrefix(mend, "as app_owner, ") || more != "drop what else it has" {
			t.Fatalf("%s: %s", harm, found[0].Mend)
		}
		for sql := range strings.SplitSeq(strings.TrimPrefix(mend, "as app_owner, "), " and ") {
			mustExec(t, owner, sql)
		}
		if got, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{}); err != nil || !got.OK {
			t.Errorf("%s: after %s: %v\n%s", harm, found[0].Mend, err, got.Findings)
		}
	}
}

func named(found isolation.Findings, check, object, fault string) bool {
	for _, f := range found {
		if f.Place == "main" && f.Check == check && f.Object == object && strings.Contains(f.Fault, fault) && f.Mend != "" {
			return true
		}
	}
	return false
}

// TestAnUnsafeRoleIsNotServed connects as roles of its own, because what a role is concerns the whole server.
func TestAnUnsafeRoleIsNotServed(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	for _, x := range []struct{ attributes, fault string }{
		{"SUPERUSER", "is a superuser"},
		{"BYPASSRLS", "bypasses row-level security"},
		{"CREATEROLE", "may create roles"},
		{"CREATEDB", "may create roles or databases"},
		{"REPLICATION", "may create roles or databases, or replicate"},
		{"IN ROLE app_owner", "is a member of another role"},
		{"NOINHERIT IN ROLE app_search", "is a member of another role"},
		{"IN ROLE pg_read_all_data", "is a member of another role"},
	} {
		t.Run(x.attributes, func(t *testing.T) {
			name := "role_" + strings.ToLower(rand.Text())
			mustExec(t, super, "CREATE ROLE "+name+" LOGIN "+x.attributes)
			mustExec(t, super, "GRANT CONNECT ON DATABASE "+d.Name+" TO "+name)
			t.Cleanup(func() { drop(t, d, name) })
			refusedBecause(t, d, name, "role "+name+": "+x.fault)
		})
	}
	t.Run("the owner", func(t *testing.T) { refusedBecause(t, d, "app_owner", "role app_owner: owns tables") })
}

// drop runs after the test, whose context has ended by then.
func drop(t *testing.T, d *dbtest.Database, name string) {
	ctx := context.Background()
	super, err := pgx.Connect(ctx, d.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(ctx)
	for _, sql := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
		if _, err := super.Exec(ctx, sql); err != nil {
			t.Error(err)
		}
	}
}

// refusedBecause opens the database with role as its tenant role.
func refusedBecause(t *testing.T, d *dbtest.Database, role, why string) {
	t.Helper()
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := db.Open(t.Context(), db.Options{TenantURL: d.URL(role), ControlURL: d.URL("app_control"), Keys: []db.SealKey{key}})
	if err == nil {
		opened.Close()
		t.Fatalf("opened as %s", role)
	}
	if !errors.Is(err, isolation.ErrUnsafe) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "To mend it: ") {
		t.Errorf("got %v, want it to say %q and how to mend that", err, why)
	}
}

func TestAnUnsafeDatabaseIsNotOpened(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	mustExec(t, super, "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY; GRANT TRUNCATE ON users TO app_tenant")
	refusedBecause(t, d, "app_tenant", "main: table public.jobs: row-level security is off. To mend it: as app_owner, CALL app.protect")
	refusedBecause(t, d, "app_tenant", "main: table public.users: the tenant role may TRUNCATE. To mend it: REVOKE it")
	mustExec(t, super, "ALTER TABLE jobs ENABLE ROW LEVEL SECURITY; REVOKE TRUNCATE ON users FROM app_tenant")
	again, err := d.Open(t.Context(), d.Key)
	if err != nil {
		t.Fatalf("after mending: %v", err)
	}
	again.Close()
}

func TestAVersionWithKnownHolesIsRefused(t *testing.T) {
	t.Parallel()
	for number, want := range map[int]bool{
		140020: false, 150013: false, 150014: true, 150018: true, 160009: false, 160010: true, 170005: false, 170006: true,
		180000: true, 180001: true, 190000: true, 90624: false, 0: false,
	} {
		if got := isolation.Supported(number); got != want {
			t.Errorf("%d: %v", number, got)
		}
	}
}

func TestASearchPathThatPutsSomethingBeforeTheServersOwnIsNotServed(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	mustExec(t, d.Connect(t, "postgres"), "ALTER DATABASE "+d.Name+" SET search_path = public, pg_catalog")
	_, err := d.Open(t.Context(), d.Key)
	if !errors.Is(err, isolation.ErrUnsafe) || !strings.Contains(err.Error(), "finds what is in schema public before what is the server's own") {
		t.Errorf("opened: %v", err)
	}
}
