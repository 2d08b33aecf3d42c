package isolation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
)

// flaws are what Doctor finds beyond Posture, each under the name of its check.
var flaws = []broken{
	{"grants", "the search role may read one more table", "GRANT SELECT ON users TO app_search", "REVOKE SELECT ON users FROM app_search; GRANT SELECT (tenant_id, id) ON users TO app_search",
		"relation public.users", "app_search may SELECT"},
	{"grants", "the search role may read one more column", "GRANT SELECT (email) ON users TO app_search", "REVOKE SELECT (email) ON users FROM app_search",
		"relation public.users.email", "app_search may SELECT"},
	{"grants", "history may be changed", "GRANT UPDATE (detail) ON analytics TO app_tenant", "REVOKE UPDATE (detail) ON analytics FROM app_tenant",
		"relation public.analytics.detail", "app_tenant may UPDATE"},
	{"grants", "history may be deleted", "GRANT DELETE ON proposal_events TO app_tenant", "REVOKE DELETE ON proposal_events FROM app_tenant",
		"relation public.proposal_events", "app_tenant may DELETE"},
	{"grants", "the control plane may read tenants", "GRANT SELECT ON jobs TO app_control", "REVOKE SELECT ON jobs FROM app_control",
		"relation public.jobs", "app_control may SELECT"},
	{"grants", "the control plane may read one column of tenants", "GRANT SELECT (title) ON jobs TO app_control", "REVOKE SELECT (title) ON jobs FROM app_control",
		"relation public.jobs.title", "app_control may SELECT"},
	{"grants", "the control plane may truncate", "GRANT TRUNCATE ON control.registry TO app_control", "REVOKE TRUNCATE ON control.registry FROM app_control",
		"relation control.registry", "app_control may TRUNCATE"},
	{"grants", "the mover may read the fence", "GRANT SELECT ON app.fence TO app_mover", "REVOKE SELECT ON app.fence FROM app_mover",
		"relation app.fence", "app_mover may SELECT"},
	{"grants", "the mover may truncate", "GRANT TRUNCATE ON jobs TO app_mover", "REVOKE TRUNCATE ON jobs FROM app_mover",
		"relation public.jobs", "app_mover may TRUNCATE"},
	{"grants", "everybody may read the fence", "GRANT SELECT ON app.fence TO PUBLIC", "REVOKE SELECT ON app.fence FROM PUBLIC",
		"relation app.fence", "everybody may SELECT"},
	{"grants", "the tenant role may grant on", "GRANT SELECT ON jobs TO app_tenant WITH GRANT OPTION", "REVOKE GRANT OPTION FOR SELECT ON jobs FROM app_tenant",
		"relation public.jobs", "app_tenant may SELECT and grant it"},
	{"grants", "everybody may use the schema of the homes", "GRANT USAGE ON SCHEMA public TO PUBLIC", "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
		"schema public", "everybody may USAGE"},
	{"grants", "the mover may use the control plane", "GRANT USAGE ON SCHEMA control TO app_mover", "REVOKE USAGE ON SCHEMA control FROM app_mover",
		"schema control", "app_mover may USAGE"},
	{"missing grants", "the search may not ask the gate", "REVOKE SELECT ON app.context FROM app_search", "GRANT SELECT ON app.context TO app_search",
		"relation app.context", "app_search may not SELECT"},
	{"missing grants", "a grant of the tenant role is gone", "REVOKE SELECT ON jobs FROM app_tenant", "GRANT SELECT ON jobs TO app_tenant",
		"relation public.jobs", "app_tenant may not SELECT"},
	{"missing grants", "a grant of the mover is gone", "REVOKE DELETE ON analytics FROM app_mover", "GRANT DELETE ON analytics TO app_mover",
		"relation public.analytics", "app_mover may not DELETE"},
	{"missing grants", "the mover's gate is gone", "REVOKE EXECUTE ON FUNCTION app.set_tenant FROM app_mover", "GRANT EXECUTE ON FUNCTION app.set_tenant TO app_mover",
		"function app.set_tenant(uuid,text)", "app_mover may not run it"},
	{"missing grants", "a grant of the control plane is gone", "REVOKE SELECT ON control.events FROM app_control", "GRANT SELECT ON control.events TO app_control",
		"relation control.events", "app_control may not SELECT"},
	{"missing grants", "a lock of the gate is gone", "REVOKE EXECUTE ON FUNCTION pg_advisory_xact_lock_shared(bigint) FROM app_tenant", "GRANT EXECUTE ON FUNCTION pg_advisory_xact_lock_shared(bigint) TO app_tenant",
		"function pg_advisory_xact_lock_shared(bigint)", "no tenant can be opened"},
	{"public functions", "a function of ours for everybody", "GRANT EXECUTE ON FUNCTION search_jobs TO PUBLIC", "REVOKE EXECUTE ON FUNCTION search_jobs FROM PUBLIC",
		"function search_jobs(text)", "everybody may run it"},
	{"public functions", "a function of the control plane for everybody", "CREATE FUNCTION control.x() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION control.x",
		"function control.x()", "everybody may run it"},
	{"listed functions", "a function that nobody listed", "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION x FROM PUBLIC", "DROP FUNCTION x",
		"function x()", "not listed"},
	{"listed functions", "a definer function without a search_path", "ALTER FUNCTION search_jobs RESET ALL", "ALTER FUNCTION search_jobs SET search_path = pg_catalog, pg_temp",
		"function search_jobs(text)", "search_path"},
	{"listed functions", "the gate turned to its definer's rights", "ALTER FUNCTION app.set_tenant SECURITY DEFINER", "ALTER FUNCTION app.set_tenant SECURITY INVOKER",
		"function app.set_tenant(uuid,text)", "not as listed"},
	{"listed functions", "the gate turned stable", "ALTER FUNCTION app.set_tenant STABLE", "ALTER FUNCTION app.set_tenant VOLATILE",
		"function app.set_tenant(uuid,text)", "volatility"},
	{"listed functions", "the gate marked leakproof", "ALTER FUNCTION app.set_tenant LEAKPROOF", "ALTER FUNCTION app.set_tenant NOT LEAKPROOF",
		"function app.set_tenant(uuid,text)", "not as listed"},
	{"default privileges", "everybody will run what the owner makes", "ALTER DEFAULT PRIVILEGES FOR ROLE app_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC", "ALTER DEFAULT PRIVILEGES FOR ROLE app_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
		"role app_owner", "everybody may run"},
	{"outside functions", "large objects", "GRANT EXECUTE ON FUNCTION lo_get(oid) TO PUBLIC", "REVOKE EXECUTE ON FUNCTION lo_get(oid) FROM PUBLIC",
		"function lo_get(oid)", "beyond row-level security"},
	{"outside functions", "counters, for the tenant role alone", "GRANT EXECUTE ON FUNCTION pg_stat_get_xact_numscans(oid) TO app_tenant", "REVOKE EXECUTE ON FUNCTION pg_stat_get_xact_numscans(oid) FROM app_tenant",
		"function pg_stat_get_xact_numscans(oid)", "beyond row-level security"},

	{"role settings", "no limit of time", "ALTER ROLE app_tenant IN DATABASE %I SET statement_timeout = 0", "ALTER ROLE app_tenant IN DATABASE %I RESET statement_timeout",
		"role app_tenant", "its statement_timeout is 0"},
	{"role settings", "JIT", "ALTER ROLE app_tenant IN DATABASE %I SET jit = on", "ALTER ROLE app_tenant IN DATABASE %I RESET jit",
		"role app_tenant", "its jit is on"},
	{"role settings", "plans for a disk that turns", "ALTER ROLE app_tenant IN DATABASE %I SET random_page_cost = 4", "ALTER ROLE app_tenant IN DATABASE %I RESET random_page_cost",
		"role app_tenant", "its random_page_cost is 4"},
	{"role settings", "another search_path", "ALTER ROLE app_tenant IN DATABASE %I SET search_path = app", "ALTER ROLE app_tenant IN DATABASE %I RESET search_path",
		"role app_tenant", "its search_path is app"},
	{"role settings", "another isolation level, which the gate refuses", "ALTER ROLE app_tenant IN DATABASE %I SET default_transaction_isolation = 'serializable'", "ALTER ROLE app_tenant IN DATABASE %I RESET default_transaction_isolation",
		"role app_tenant", "its default_transaction_isolation is serializable"},
	{"role settings", "a role that sets off no trigger", "ALTER ROLE app_control IN DATABASE %I SET session_replication_role = replica", "ALTER ROLE app_control IN DATABASE %I RESET session_replication_role",
		"role app_control", "its session_replication_role is replica"},
	{"role settings", "a whole database that sets off no trigger", "ALTER DATABASE %I SET session_replication_role = replica", "ALTER DATABASE %I RESET session_replication_role",
		"role app_mover", "its session_replication_role is replica"},

	{"triggers", "foreign keys that are not asked", "ALTER TABLE job_notes DISABLE TRIGGER ALL", "ALTER TABLE job_notes ENABLE TRIGGER ALL",
		"foreign key job_notes_tenant_id_job_id_fkey of public.job_notes", "switched off"},
	{"extensions", "an extension that connects to anywhere", "CREATE EXTENSION dblink", "DROP EXTENSION dblink",
		"extension dblink", "not known"},
	{"extensions", "an extension with a view for everybody", "CREATE EXTENSION pg_stat_statements; DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE proname ~ '^pg_stat_statements' LOOP EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f); END LOOP; END $$", "DROP EXTENSION pg_stat_statements",
		"extension pg_stat_statements", "not known"},

	{"definitions", "a foreign key is gone", "ALTER TABLE proposals DROP CONSTRAINT proposals_tenant_id_job_id_fkey", "ALTER TABLE proposals ADD CONSTRAINT proposals_tenant_id_job_id_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id)",
		"constraint proposals_tenant_id_job_id_fkey of public.proposals", "missing"},
	{"definitions", "a limit is another", "ALTER TABLE jobs DROP CONSTRAINT jobs_title_check, ADD CONSTRAINT jobs_title_check CHECK (length(title) < 900)", "ALTER TABLE jobs DROP CONSTRAINT jobs_title_check, ADD CONSTRAINT jobs_title_check CHECK (length(title) BETWEEN 1 AND 500)",
		"constraint jobs_title_check of public.jobs", "CHECK ((length(title) < 900))"},
	{"definitions", "an index is gone", "DROP INDEX jobs_recent", "CREATE INDEX jobs_recent ON jobs (tenant_id, posted_at DESC, id DESC)",
		"index public.jobs_recent", "missing"},
	{"definitions", "a default is another", "ALTER TABLE jobs ALTER version SET DEFAULT 7", "ALTER TABLE jobs ALTER version SET DEFAULT 1",
		"column public.jobs.version", "NOT NULL 7"},
	{"definitions", "what protects a table is another", "UPDATE pg_proc SET prosrc = replace(prosrc, 'FORCE', 'NO FORCE') WHERE oid = 'app.protect'::regproc", "UPDATE pg_proc SET prosrc = replace(prosrc, 'NO FORCE', 'FORCE') WHERE oid = 'app.protect'::regproc",
		"function app.protect(regclass, name)", "NO FORCE"},

	{"tenant column", "a table whose tenant may be null", "CREATE TABLE bad (tenant_id uuid, id uuid)", "DROP TABLE bad",
		"table public.bad", "no tenant"},
	{"tenant column", "a table without a tenant", "CREATE TABLE bad (id uuid)", "DROP TABLE bad",
		"table public.bad", "no tenant"},
	{"tenant column", "a table whose tenant is a text", "CREATE TABLE bad (tenant_id text NOT NULL)", "DROP TABLE bad",
		"table public.bad", "no tenant"},
	{"primary key", "a table without a primary key", "CREATE TABLE bad (tenant_id uuid NOT NULL)", "DROP TABLE bad",
		"table public.bad", "no primary key"},
	{"index lead", "an index led by something else", "CREATE INDEX bad ON jobs (external_key, tenant_id)", "DROP INDEX bad",
		"index bad", "not led by the tenant"},
	{"index lead", "an index of an expression", "CREATE INDEX bad ON jobs (lower(title))", "DROP INDEX bad",
		"index bad", "not led by the tenant"},
	{"index lead", "a brin on something else than the id", "CREATE INDEX bad ON jobs USING brin (posted_at)", "DROP INDEX bad",
		"index bad", "not led by the tenant"},
	{"index lead", "a unique key without the tenant", "ALTER TABLE users ADD CONSTRAINT bad UNIQUE (email)", "ALTER TABLE users DROP CONSTRAINT bad",
		"index bad", "tells what others have"},
	{"index validity", "an index that could not be built", "SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_recent'::regclass", "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'jobs_recent'::regclass; RESET allow_system_table_mods",
		"index jobs_recent", "invalid"},
	{"index duplicates", "an index a second time", "CREATE INDEX bad ON jobs (tenant_id, posted_at DESC, id DESC)", "DROP INDEX bad",
		"index bad", "the same as jobs_recent"},
	{"index duplicates", "an index of what is unique already", "CREATE INDEX bad ON jobs (tenant_id, external_key)", "DROP INDEX bad",
		"index bad", "the same as jobs_tenant_id_external_key_key"},
	{"exclusion constraints", "rows that exclude those of others", "ALTER TABLE users ADD CONSTRAINT bad EXCLUDE USING btree (email WITH =)", "ALTER TABLE users DROP CONSTRAINT bad",
		"constraint bad of public.users", "tells what others have"},
	{"foreign key tenant", "a foreign key of one column", "ALTER TABLE jobs ADD CONSTRAINT one UNIQUE (id); ALTER TABLE proposals ADD CONSTRAINT bad FOREIGN KEY (job_id) REFERENCES jobs (id)", "ALTER TABLE proposals DROP CONSTRAINT bad; ALTER TABLE jobs DROP CONSTRAINT one",
		"foreign key bad of public.proposals", "does not carry the tenant"},
	{"foreign key actions", "SET NULL without its column", "ALTER TABLE jobs ADD CONSTRAINT bad FOREIGN KEY (tenant_id, assignee_id) REFERENCES users ON DELETE SET NULL", "ALTER TABLE jobs DROP CONSTRAINT bad",
		"foreign key bad of public.jobs", "set the tenant to null"},
	{"foreign key actions", "a foreign key that follows a change of the tenant", "ALTER TABLE jobs ADD CONSTRAINT bad FOREIGN KEY (tenant_id, assignee_id) REFERENCES users ON UPDATE CASCADE", "ALTER TABLE jobs DROP CONSTRAINT bad",
		"foreign key bad of public.jobs", "follow its change"},
	{"foreign key indexes", "a foreign key without an index", "ALTER TABLE jobs ADD COLUMN x uuid, ADD CONSTRAINT bad FOREIGN KEY (tenant_id, x) REFERENCES jobs", "ALTER TABLE jobs DROP COLUMN x",
		"foreign key bad of public.jobs", "no index"},
	{"constraint validity", "a check of new rows only", "ALTER TABLE jobs ADD CONSTRAINT bad CHECK (title <> '') NOT VALID", "ALTER TABLE jobs DROP CONSTRAINT bad",
		"constraint bad of public.jobs", "not valid"},
	{"constraint validity", "a foreign key of new rows only", "ALTER TABLE jobs ADD CONSTRAINT bad FOREIGN KEY (tenant_id, assignee_id) REFERENCES users NOT VALID", "ALTER TABLE jobs DROP CONSTRAINT bad",
		"constraint bad of public.jobs", "not valid"},
	{"sequences", "a sequence", "CREATE SEQUENCE bad", "DROP SEQUENCE bad",
		"sequence public.bad", "tell what others do"},
	{"relations", "a view of the app's own", "CREATE VIEW bad WITH (security_invoker = true) AS SELECT id FROM jobs", "DROP VIEW bad",
		"view public.bad", "only tables"},
	{"enums", "an enum", "CREATE TYPE mood AS ENUM ('x'); ALTER TABLE jobs ADD COLUMN bad mood", "ALTER TABLE jobs DROP COLUMN bad; DROP TYPE mood",
		"column public.jobs.bad", "an enum"},
	{"owners", "a table of a superuser", "ALTER TABLE jobs OWNER TO postgres", "ALTER TABLE jobs OWNER TO app_owner",
		"relation public.jobs", "belongs to postgres"},
	{"owners", "a schema of a superuser", "ALTER SCHEMA app OWNER TO postgres", "ALTER SCHEMA app OWNER TO app_owner",
		"schema app", "belongs to postgres"},
	{"owners", "a database of a superuser", "ALTER DATABASE %I OWNER TO postgres", "ALTER DATABASE %I OWNER TO app_owner",
		"database ", "belongs to postgres"},
	{"logged parameters", "parameters of failing statements are logged", "ALTER ROLE app_tenant IN DATABASE %I SET log_parameter_max_length_on_error = -1", "ALTER ROLE app_tenant IN DATABASE %I RESET log_parameter_max_length_on_error",
		"setting log_parameter_max_length_on_error", "logs parameters"},
	{"logged parameters", "parameters of slow statements are logged", "ALTER ROLE app_tenant IN DATABASE %I SET log_parameter_max_length = -1; ALTER ROLE app_tenant IN DATABASE %I SET log_min_duration_statement = 1000",
		"ALTER ROLE app_tenant IN DATABASE %I RESET log_parameter_max_length; ALTER ROLE app_tenant IN DATABASE %I RESET log_min_duration_statement",
		"setting log_parameter_max_length", "logs parameters"},
	{"migrations", "a file was never run", "DELETE FROM app.migrations_public WHERE version = '20261125130000'", "INSERT INTO app.migrations_public VALUES ('20261125130000')",
		"table app.migrations_public", "has not had 20261125130000"},
	{"migrations", "a newer program was here", "INSERT INTO control.control_migrations VALUES ('29990101000000')", "DELETE FROM control.control_migrations WHERE version = '29990101000000'",
		"table control.control_migrations", "newer program"},
	{"migrations", "the queue's tables are older", "DELETE FROM control.river_migration WHERE version = 6", "INSERT INTO control.river_migration (line, version) VALUES ('main', 6)",
		"table control.river_migration", "has not had 6"},
	{"migrations", "an older program was here", "REVOKE SELECT ON app.place_migrations FROM app_control", "GRANT SELECT ON app.place_migrations TO app_control",
		"table app.place_migrations", "older than this program"},
	{"fences", "a tenant without a fence", register("main", "active", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "no fence"},
	{"fences", "a tenant in a place that there is not", register("nowhere", "active", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "place nowhere is not configured"},
	{"fences", "a fence that the registry does not know", fence("active", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "registry does not know"},
	{"fences", "a state that differs", register("main", "active", 1) + fence("suspended", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "its fence says suspended, which decides, and the registry says active"},
	{"fences", "an epoch that differs", register("main", "active", 1) + fence("active", 2), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "epoch 2, the registry in epoch 1"},
	{"fences", "a tenant that is open in two places", register("nowhere", "active", 1) + fence("active", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "open here, and the registry says that it lives in nowhere"},
	{"seals", "a tenant that no key opens", register("main", "active", 1) + fence("active", 1), forget,
		"tenant 00000000-0000-4000-8000-00000000000d", "none of the configured keys"},
	{"pooler isolation", "a tenant set for a whole role", "ALTER ROLE app_tenant IN DATABASE %I SET app.tenant_id = 'x'", "ALTER ROLE app_tenant IN DATABASE %I RESET app.tenant_id",
		"connection of app_tenant", "was there before anybody had set one"},
	{"encoding", "an encoding of another time", "UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1') WHERE datname = current_database()", "UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = current_database()",
		"database ", "its encoding is LATIN1"},
	{"grants", "everybody may connect", "GRANT CONNECT ON DATABASE %I TO PUBLIC", "REVOKE CONNECT ON DATABASE %I FROM PUBLIC",
		"database ", "everybody may CONNECT"},
}

// register makes a tenant known that is older than a minute; fence raises a fence that no key opens; forget takes both away.
func register(place, state string, epoch int) string {
	return fmt.Sprintf("INSERT INTO control.registry (tenant_id, name, place, state, epoch, created_at) VALUES ('00000000-0000-4000-8000-00000000000d', 'x', '%s', '%s', %d, now() - interval '1 hour');", place, state, epoch)
}

func fence(state string, epoch int) string {
	return fmt.Sprintf("INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ('00000000-0000-4000-8000-00000000000d', %d, sha256('x'), '%s');", epoch, state)
}

const forget = "DELETE FROM app.fence WHERE tenant_id = '00000000-0000-4000-8000-00000000000d'; DELETE FROM control.registry WHERE tenant_id = '00000000-0000-4000-8000-00000000000d'"

func TestTheDoctorNamesWhatWasBroken(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	super := d.Connect(t, "postgres")
	healthy(t, d)
	for _, x := range flaws {
		t.Run(x.check+": "+x.name, func(t *testing.T) {
			mustExec(t, super, inDatabase(d, x.harm))
			got := examine(t, d, x.harm)
			if !found(got, x.check, x.object, x.fault) {
				t.Errorf("not found: %s: %s: %s\nfound:\n%s", x.check, x.object, x.fault, got.Findings)
			}
			mustExec(t, super, inDatabase(d, x.undo))
		})
	}
	healthy(t, d)
}

// A proof raises fences that the registry does not know and that no key opens, and takes them down again.
func TestAProofThatRunsIsNoFinding(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	mustExec(t, d.Connect(t, "postgres"), "INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, 1, sha256('x'), 'active')", isolation.CanaryID(3))
	healthy(t, d)
}

// examine is what the doctor says after harm. What a role is set to holds for those who connect afterwards.
func examine(t *testing.T, d *dbtest.Database, harm string) isolation.Diagnosis {
	t.Helper()
	on := d.DB
	if strings.Contains(harm, "ALTER ROLE") {
		on = d.Tuned(t, func(*pgxpool.Config) {})
	}
	got, err := isolation.Doctor(t.Context(), on, isolation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// healthy fails the test when the doctor finds anything.
func healthy(t *testing.T, d *dbtest.Database) {
	t.Helper()
	got, err := isolation.Doctor(t.Context(), d.DB, isolation.Options{})
	if err != nil || !got.OK || len(got.Findings) > 0 || got.Checks != len(isolation.Checks()) {
		t.Errorf("%v, %d checks\n%s", err, got.Checks, got.Findings)
	}
}

// inDatabase puts the name of d where sql says %I.
func inDatabase(d *dbtest.Database, sql string) string {
	return strings.ReplaceAll(sql, "%I", d.Name)
}

func found(got isolation.Diagnosis, check, object, fault string) bool {
	return !got.OK && slices.ContainsFunc(got.Findings, func(f isolation.Finding) bool {
		return f.Place == "main" && f.Check == check && strings.HasPrefix(f.Object, object) && strings.Contains(f.Fault, fault) && f.Mend != ""
	})
}
