package isolation_test

import (
	"strings"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

// injection is SQL that runs in a transaction of tenant A after the gate: what somebody got into it. {id} and {token} are
// A's own, {other} is the other tenant's id. Its last answer begins with want; no answer shows anything of the other tenant,
// and nothing of the other tenant changes, although whatever was not refused is committed.
type injection struct {
	name       string
	statements []string
	want       string
}

// become makes the settings say the other tenant, in one expression. {credential} is A's token, because nobody there
// has the other's.
const become = "set_config('app.tenant_id', '{other}', true) || set_config('app.tenant_token', '{credential}', true) || set_config('app.tenant_at', now()::text, true)"

var switches = []injection{
	{"in statements before", []string{"SELECT " + become, "SELECT * FROM jobs"}, "SELECT 0"},
	{"in WHERE", []string{"SELECT * FROM jobs WHERE " + become + " IS NOT NULL AND tenant_id = '{other}'"}, "SELECT 0"},
	{"in OR", []string{"SELECT * FROM jobs WHERE tenant_id = '{id}' OR " + become + " IS NOT NULL"}, "SELECT "},
	{"in ORDER BY", []string{"SELECT * FROM jobs ORDER BY " + become, "SELECT * FROM jobs"}, "SELECT 0"},
	{"in the target list", []string{"SELECT " + become + ", (SELECT count(*) FROM jobs)"}, "SELECT 1"},
	{"in FROM", []string{"SELECT j.* FROM (SELECT " + become + " OFFSET 0) x, jobs j"}, "SELECT 0"},
	{"in a CTE", []string{"WITH x AS (SELECT " + become + " AS s) SELECT j.* FROM x, jobs j WHERE s IS NOT NULL"}, "SELECT 0"},
	{"in a materialized CTE", []string{"WITH x AS MATERIALIZED (SELECT " + become + " AS s) SELECT j.* FROM x, jobs j WHERE s IS NOT NULL"}, "SELECT 0"},
	{"in a sub-select", []string{"SELECT * FROM jobs WHERE tenant_id::text = (SELECT left(" + become + ", 36))"}, "SELECT 0"},
	{"in LATERAL", []string{"SELECT j.* FROM (SELECT " + become + " AS s OFFSET 0) x, LATERAL (SELECT * FROM jobs WHERE s IS NOT NULL OFFSET 0) j"}, "SELECT 0"},
	{"in a function's argument", []string{"SELECT * FROM search_jobs(substr(" + become + ", 1, 0) || 'engineer')"}, "SELECT 0"},
	{"in VALUES", []string{"SELECT j.* FROM (VALUES (" + become + ")) v (s) JOIN jobs j ON s IS NOT NULL"}, "SELECT 0"},
	{"in LIMIT", []string{"SELECT * FROM jobs LIMIT length(" + become + ")"}, "SELECT "},
	{"in CASE", []string{"SELECT CASE WHEN " + become + " IS NOT NULL THEN (SELECT string_agg(title, ',') FROM jobs) END"}, "SELECT 1"},
	{"in RETURNING", []string{"UPDATE jobs SET triage = triage RETURNING " + become, "SELECT * FROM jobs"}, "SELECT 0"},
	{"in RETURNING's sub-select", []string{"UPDATE users SET name = name RETURNING " + become + ", (SELECT string_agg(title, ',') FROM jobs)"}, "UPDATE 2"},
	{"in an INSERT's VALUES", []string{"INSERT INTO analytics (tenant_id, id, event, entity) VALUES (left(" + become + ", 36)::uuid, gen_random_uuid(), 'x', 'y')"}, "42501"},
	{"in an INSERT from SELECT", []string{"INSERT INTO analytics (tenant_id, id, event, entity) SELECT left(" + become + ", 36)::uuid, gen_random_uuid(), 'x', 'y'"}, "42501"},
	{"in an INSERT of one's own row", []string{"INSERT INTO users (tenant_id, id, clerk_id, email, name, role) SELECT '{id}', gen_random_uuid(), 'user_x', 'x@y', left(" + become + ", 36), 'viewer'"}, ""},
	{"in ON CONFLICT", []string{"INSERT INTO tenants (id, name) VALUES ('{id}', 'x') ON CONFLICT (id) DO UPDATE SET name = left(" + become + ", 36)"}, ""},
	{"in UPDATE SET", []string{"UPDATE jobs SET skip_reason = left(" + become + ", 36)", "SELECT * FROM jobs"}, ""},
	{"in UPDATE's WHERE", []string{"UPDATE jobs SET title = 'taken' WHERE " + become + " IS NOT NULL AND tenant_id = '{other}'"}, "UPDATE 0"},
	{"in DELETE's WHERE", []string{"DELETE FROM proposals WHERE " + become + " IS NOT NULL AND tenant_id = '{other}'"}, "DELETE 0"},
	{"in MERGE", []string{"MERGE INTO jobs USING (SELECT " + become + " AS s OFFSET 0) x ON s IS NOT NULL WHEN MATCHED THEN DELETE"}, "42501"},
	{"in a block", []string{"DO $$ BEGIN PERFORM " + become + "; IF EXISTS (SELECT FROM jobs) THEN RAISE 'seen %', (SELECT string_agg(title, ',') FROM jobs); END IF; END $$"}, "DO"},
	{"in a block with a handler", []string{"DO $$ DECLARE s text; BEGIN BEGIN PERFORM " + become + "; RAISE 'undo'; EXCEPTION WHEN OTHERS THEN s := 'undone'; END; PERFORM " + become + "; SELECT string_agg(title, ',') INTO s FROM jobs; IF s IS NOT NULL THEN RAISE '%', s; END IF; END $$"}, "DO"},
	{"through the gate's own function", []string{"SELECT app.set_tenant('{other}', '{credential}')", "SELECT * FROM jobs"}, "SELECT 0"},
	{"through the gate's own function, in FROM", []string{"SELECT * FROM app.set_tenant('{other}', '{credential}'), jobs"}, "SELECT 0"},
	{"with SET LOCAL", []string{"SET LOCAL app.tenant_id = '{other}'", "SET LOCAL app.tenant_token = '{credential}'", "SELECT * FROM jobs"}, "SELECT 0"},
	{"with a function's SET clause", []string{"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql SET app.tenant_id = '{other}' AS $$ SELECT string_agg(title, ',') FROM jobs $$"}, "42501"},
	{"with a statement prepared before", []string{"PREPARE p AS SELECT * FROM jobs WHERE tenant_id <> '{id}'", "EXECUTE p", "SELECT " + become, "EXECUTE p"}, "SELECT 0"},
	{"with a generic plan", []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE q (text) AS SELECT * FROM jobs WHERE tenant_id::text = $1", "EXECUTE q ('{id}')", "SELECT " + become, "EXECUTE q ('{other}')"}, "SELECT 0"},
	{"with a cursor opened before", []string{"DECLARE c SCROLL CURSOR FOR SELECT * FROM jobs WHERE tenant_id <> '{id}'", "SELECT " + become, "FETCH ALL FROM c"}, "FETCH 0"},
	{"with a cursor half read", []string{"DECLARE c NO SCROLL CURSOR FOR SELECT * FROM jobs", "FETCH 1 FROM c", "SELECT " + become, "FETCH ALL FROM c"}, ""},
	{"with a cursor that outlives the transaction", []string{"DECLARE h CURSOR WITH HOLD FOR SELECT * FROM jobs, (SELECT " + become + ") x", "FETCH ALL FROM h", "CLOSE h"}, "CLOSE"},
	{"with a savepoint", []string{"SAVEPOINT s", "SELECT " + become, "SELECT * FROM jobs", "ROLLBACK TO s", "SELECT * FROM jobs WHERE tenant_id = '{other}'"}, "SELECT 0"},
	{"and back", []string{"SELECT " + become, "SELECT app.set_tenant('{id}', '{token}')", "SELECT * FROM jobs WHERE tenant_id = '{other}'"}, "SELECT 0"},
}

var others = []injection{
	{"UNION", []string{"SELECT title FROM jobs WHERE false UNION ALL SELECT title FROM jobs WHERE tenant_id = '{other}'"}, "SELECT 0"},
	{"a condition that is always true", []string{"SELECT * FROM jobs WHERE tenant_id = '{other}' OR true"}, "SELECT 2"},
	{"a stored token cannot be read", []string{"SELECT * FROM app.fence"}, "42501"},
	{"nor a column of it", []string{"SELECT seal FROM app.fence"}, "42501"},
	{"nor the row", []string{"SELECT f FROM app.fence f"}, "42501"},
	{"nor where it lies", []string{"SELECT ctid FROM app.fence"}, "42501"},
	{"nor locked", []string{"LOCK TABLE app.fence"}, "42501"},
	{"nor written", []string{"UPDATE app.fence SET seal = sha256('x')"}, "42501"},
	{"nor added to", []string{"INSERT INTO app.fence VALUES (gen_random_uuid(), 1, sha256('x'), NULL, 'active')"}, "42501"},
	{"nor through the mover's view", []string{"SELECT * FROM app.moving"}, "42501"},
	{"nor can its view be written", []string{"UPDATE app.context SET state = 'active'"}, "55000"},
	{"nor the one of writers", []string{"DELETE FROM app.writable"}, "55000"},
	{"the context shows one's own", []string{"SELECT * FROM app.context WHERE tenant_id <> '{id}'"}, "SELECT 0"},
	{"the gate's procedure", []string{"CALL app.protect('jobs')"}, "42501"},
	{"the registry", []string{"SELECT * FROM control.registry"}, "42501"},
	{"the directory", []string{"SELECT * FROM control.directory"}, "42501"},
	{"the sessions", []string{"SELECT * FROM control.sessions"}, "42501"},
	{"the seals' record", []string{"DELETE FROM control.seals"}, "42501"},
	{"the record of migrations", []string{"SELECT * FROM app.migrations_public"}, "42501"},
	{"SET ROLE to the owner", []string{"SET ROLE app_owner"}, "42501"},
	{"SET ROLE to the searcher", []string{"SET LOCAL ROLE app_search"}, "42501"},
	{"SET ROLE to the mover", []string{"SELECT set_config('role', 'app_mover', true)"}, "42501"},
	{"SET ROLE to the superuser", []string{"SET ROLE postgres"}, "42501"},
	{"SET SESSION AUTHORIZATION", []string{"SET SESSION AUTHORIZATION app_owner"}, "42501"},
	{"row_security off shows an error, not rows", []string{"SET LOCAL row_security = off", "SELECT * FROM jobs"}, "42501 query would be affected"},
	{"row_security off in the same query", []string{"SELECT j.* FROM (SELECT set_config('row_security', 'off', true) OFFSET 0) x, jobs j WHERE j.tenant_id = '{other}'"}, "SELECT 0"},
	{"replica mode", []string{"SET LOCAL session_replication_role = replica"}, "42501"},
	{"parameters of the server", []string{"ALTER SYSTEM SET log_statement = 'all'"}, "25001"}, // not within a transaction, and a superuser's
	{"a temporary table", []string{"CREATE TEMP TABLE x AS SELECT * FROM jobs"}, "42501"},
	{"SELECT INTO", []string{"SELECT * INTO TEMP x FROM jobs"}, "42501"},
	{"a temporary view", []string{"CREATE TEMP VIEW x AS SELECT * FROM jobs"}, "42501"},
	{"a table", []string{"CREATE TABLE x (y int)"}, "42501"},
	{"a view", []string{"CREATE VIEW x AS SELECT * FROM jobs"}, "42501"},
	{"a materialized view", []string{"CREATE MATERIALIZED VIEW x AS SELECT * FROM jobs"}, "42501"},
	{"a function", []string{"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"}, "42501"},
	{"a leakproof function", []string{"CREATE FUNCTION pg_temp.f(text) RETURNS bool LANGUAGE plpgsql LEAKPROOF COST 0.001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END'"}, "42501"},
	{"a schema", []string{"CREATE SCHEMA x"}, "42501"},
	{"a sequence", []string{"CREATE SEQUENCE s"}, "42501"},
	{"a type", []string{"CREATE TYPE x AS (y int)"}, "42501"},
	{"a domain", []string{"CREATE DOMAIN x AS text CHECK (length(value) > (SELECT 1))"}, ""}, // a sub-select is refused before the right is
	{"an operator", []string{"CREATE OPERATOR === (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)"}, "42501"},
	{"an extension", []string{"CREATE EXTENSION dblink"}, "42501"},
	{"a foreign server", []string{"CREATE SERVER x FOREIGN DATA WRAPPER postgres_fdw"}, "42704"},
	{"a role", []string{"CREATE ROLE x"}, "42501"},
	{"a policy", []string{"CREATE POLICY x ON jobs USING (true)"}, "42501"},
	{"a trigger", []string{"CREATE TRIGGER x BEFORE INSERT ON jobs EXECUTE FUNCTION suppress_redundant_updates_trigger()"}, "42501"},
	{"a rule", []string{"CREATE RULE x AS ON INSERT TO jobs DO INSTEAD NOTHING"}, "42501"},
	{"an index", []string{"CREATE INDEX ON jobs ((1 / 0))"}, "42501"},
	{"statistics", []string{"CREATE STATISTICS x ON title, url FROM jobs"}, "42501"},
	{"a publication", []string{"CREATE PUBLICATION x FOR TABLE jobs"}, "42501"},
	{"an event trigger", []string{"CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION pg_notify()"}, "42501"},
	{"a changed table", []string{"ALTER TABLE jobs DISABLE ROW LEVEL SECURITY"}, "42501"},
	{"a changed role", []string{"ALTER ROLE app_tenant BYPASSRLS"}, "42501"},
	{"a changed view", []string{"CREATE OR REPLACE VIEW app.context AS SELECT '{other}'::uuid AS tenant_id, 'active' AS state"}, "42501"},
	{"a dropped table", []string{"DROP TABLE jobs"}, "42501"},
	{"a grant", []string{"GRANT SELECT ON app.fence TO app_tenant"}, "42501"},
	{"a grant of a role", []string{"GRANT app_search TO app_tenant"}, "42501"},
	{"TRUNCATE", []string{"TRUNCATE jobs CASCADE"}, "42501"},
	{"COPY to the client", []string{"COPY (SELECT title FROM jobs WHERE tenant_id = '{other}') TO STDOUT"}, "COPY 0"},
	{"COPY of the table to a file", []string{"COPY jobs TO '/tmp/x'"}, "42501"},
	{"COPY to a program", []string{"COPY jobs TO PROGRAM 'cat'"}, "42501"},
	{"COPY from a file", []string{"COPY jobs FROM '/etc/passwd'"}, "42501"},
	{"a file of the server", []string{"SELECT pg_read_file('PG_VERSION')"}, "42501"},
	{"a directory of the server", []string{"SELECT pg_ls_dir('.')"}, "42501"},
	{"LOCK shows nothing", []string{"LOCK TABLE jobs IN ACCESS SHARE MODE", "SELECT * FROM jobs WHERE tenant_id = '{other}'"}, "SELECT 0"},
	{"a large object", []string{"SELECT lo_create(0)"}, "42501"},
	{"a large object from bytes", []string{"SELECT lo_from_bytea(0, 'x')"}, "42501"},
	{"the large objects", []string{"SELECT * FROM pg_largeobject"}, "42501"},
	{"a session-level advisory lock", []string{"SELECT pg_advisory_lock(hashtextextended('{other}', 0))"}, "42501"},
	{"an exclusive advisory lock", []string{"SELECT pg_advisory_xact_lock(hashtextextended('{other}', 0))"}, "42501"},
	{"an advisory lock that is tried", []string{"SELECT pg_try_advisory_xact_lock(hashtextextended('{other}', 0))"}, "42501"},
	{"another's advisory lock", []string{"SELECT pg_advisory_unlock_all()"}, "42501"},
	{"pg_notify", []string{"SELECT pg_notify('x', 'y')"}, "42501"},
	{"pg_terminate_backend", []string{"SELECT pg_terminate_backend(pg_backend_pid())"}, "42501"},
	{"pg_cancel_backend", []string{"SELECT pg_cancel_backend(pg_backend_pid())"}, "42501"},
	{"query_to_xml", []string{"SELECT query_to_xml('SELECT * FROM jobs', true, true, '')"}, "42501"},
	{"table_to_xml", []string{"SELECT table_to_xml('jobs', true, true, '')"}, "42501"},
	{"schema_to_xml", []string{"SELECT schema_to_xml('public', true, true, '')"}, "42501"},
	{"database_to_xml", []string{"SELECT database_to_xml(true, true, '')"}, "42501"},
	{"cursor_to_xml", []string{"SELECT cursor_to_xml('c', 1, true, true, '')"}, "42501"},
	{"ts_stat", []string{"SELECT * FROM ts_stat('SELECT search FROM jobs')"}, "42501"},
	{"the versions of a row at a place", []string{"SELECT currtid2('jobs', '(0,1)')"}, "42501"},
	{"what others run", []string{"SELECT query FROM pg_stat_activity"}, "42501"},
	{"what others run, by number", []string{"SELECT pg_stat_get_backend_activity(1)"}, "42501"},
	{"what others lock", []string{"SELECT * FROM pg_locks"}, "42501"},
	{"what is counted", []string{"SELECT * FROM pg_stat_user_tables"}, "42501"},
	{"what is sampled of the columns", []string{"SELECT * FROM pg_stats WHERE schemaname IN ('public', 'app')"}, "SELECT 0"},
	{"passwords", []string{"SELECT rolpassword FROM pg_authid"}, "42501"},
	{"search for everything", []string{"SELECT j.* FROM search_jobs('engineer -zzz') s JOIN jobs j ON j.id = s"}, "SELECT 2"},
	{"search with a syntax error", []string{"SELECT * FROM search_jobs(''' OR 1=1 --')"}, "SELECT 0"},
	{"search with another search_path", []string{"SET LOCAL search_path = pg_temp, public", "SELECT count(*) FROM public.search_jobs('engineer')"}, "SELECT 1 2"},
	{"search replaced", []string{"CREATE OR REPLACE FUNCTION public.search_jobs(query text) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT id FROM jobs'"}, "42501"},
	{"a change of the isolation level", []string{"SELECT set_config('transaction_isolation', 'repeatable read', true)"}, "25001"},
}

func TestInjectedSQLGainsNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	b := newTenant(t, d, place.Active, 1)
	super := d.Connect(t, "postgres")
	before := checksum(t, super, b)
	for _, x := range append(switches, others...) {
		a := newTenant(t, d, place.Active, 1)
		t.Run(x.name, func(t *testing.T) {
			told := x.run(t, d, a, b, a.token)
			if last := told[len(told)-1]; !strings.HasPrefix(last, x.want) {
				t.Errorf("answered %q, want %q\nall: %q", last, x.want, told)
			}
			if all := strings.Join(told, "\n"); strings.Contains(all, b.name) || strings.Contains(all, b.word("jobs", 0)) {
				t.Errorf("shows what is the other tenant's: %s", all)
			}
		})
	}
	if after := checksum(t, super, b); after != before {
		t.Errorf("the other tenant's rows have changed: %s, before %s", after, before)
	}
}

// TestTheInjectionsWouldWorkWithTheToken is the positive control: with the one thing that A does not have, most of them
// reach the other tenant. So it is the token that holds them off, and not a mistake in the attack.
func TestTheInjectionsWouldWorkWithTheToken(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	super := d.Connect(t, "postgres")
	reached := 0
	for _, x := range switches {
		a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
		before := checksum(t, super, b)
		all := strings.Join(x.run(t, d, a, b, b.token), "\n")
		if strings.Contains(all, b.name) || strings.Contains(all, b.word("jobs", 0)) || checksum(t, super, b) != before {
			reached++
		} else {
			t.Logf("%s: would not reach the other tenant even with its token: %s", x.name, all)
		}
	}
	if least := len(switches) / 2; reached < least {
		t.Errorf("%d of %d attacks work with the right token, want at least %d", reached, len(switches), least)
	}
}

// run runs x on a connection of its own and commits what was not refused.
func (x injection) run(t *testing.T, d *dbtest.Database, a, b tenant, credential string) []string {
	t.Helper()
	conn := d.Connect(t, "app_tenant")
	defer conn.Close(t.Context())
	tx := beginIn(t, conn, a)
	var told []string
	for _, s := range x.statements {
		s = strings.NewReplacer("{other}", b.id.String(), "{credential}", credential, "{token}", a.token, "{id}", a.id.String()).Replace(s)
		told = append(told, run(t.Context(), tx, s).String())
	}
	_ = tx.Commit(t.Context()) // of a refused statement it is a rollback
	return told
}
