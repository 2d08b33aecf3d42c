package isolation_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

// What the other tenant has, or has not. Each probe asks for it.
const (
	secretTitle = "The launch of Zephyr"
	secretKey   = "zephyr-launch"
	secretClerk = "user_zephyr"
)

// probe is SQL that somebody got into a query of tenant A. {id} stands for A's id and {other} for the other tenant's.
type probe struct {
	name       string
	statements []string
	own        bool // the positive control: it does tell whether A itself has such a row
}

// asking is a condition that ran before the policy's own when that was a comparison: it is leakproof, and cheaper by half.
// It is what makes a policy that raises, or that can be watched, or a sub-select beside it, an oracle.
const asking = "title = ANY (ARRAY['" + secretTitle + "'])"

// EXPLAIN is not among the probes: its row counts and its "never executed" do tell, and no defence is known. It takes a
// statement of its own, which a query with bound parameters cannot be made into.
//
// Nor is what costs nothing at all in Postgres's estimate, such as ('{"x": 1}'::jsonb)[title] or a bool: it still runs before
// every policy, so a sub-select behind it tells whether some tenant has a row with exactly that text, number or bool. No
// expression of a policy is as cheap, except over a text of the row itself.
var probes = []probe{
	{"count", []string{"SELECT count(*) FROM jobs WHERE title = '" + secretTitle + "'"}, true},
	{"count, filter first", []string{"SELECT count(*) FROM jobs WHERE " + asking}, true},
	{"greater", []string{"SELECT count(*) FROM jobs WHERE title >= ANY (ARRAY['The l'])"}, true},
	{"exists", []string{"SELECT EXISTS (SELECT FROM jobs WHERE " + asking + ")"}, true},
	{"a sub-select that marks", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND title < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])", "SELECT current_setting('app.mark', true)"}, true},
	{"a sub-select that raises", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"a sub-select behind a range", []string{"SELECT count(*) FROM jobs WHERE title > ANY (ARRAY['The l']) AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"a sub-select in a sample", []string{"SELECT count(*) FROM jobs TABLESAMPLE SYSTEM (100) WHERE " + asking + " AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"a sub-select beside the tenant", []string{"SELECT count(*) FROM jobs TABLESAMPLE SYSTEM (100) WHERE tenant_id = '{other}' AND " + asking + " AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"a sub-select behind the greatest", []string{"SELECT count(*) FROM jobs TABLESAMPLE SYSTEM (100) WHERE ('{\"The l\": 1}'::jsonb)[least(title, 'The l')] IS NOT NULL AND title < (SELECT (1 / (random() * 0)::int)::text)"}, true},
	{"a sub-select in an update", []string{"UPDATE jobs SET triage = triage WHERE " + asking + " AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"a sub-select in a delete", []string{"DELETE FROM jobs WHERE " + asking + " AND title < ANY (ARRAY[(SELECT (1 / (random() * 0)::int)::text)])"}, true},
	{"no token", []string{"SELECT set_config('app.tenant_token', '', true)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"no token, within WHERE", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND set_config('app.tenant_token', '', true) IS NOT NULL"}, true},
	{"no token, within FROM", []string{"SELECT count(*) FROM set_config('app.tenant_token', '', true), jobs WHERE " + asking}, false},
	{"malformed id", []string{"SELECT set_config('app.tenant_id', 'x', true)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"malformed id, within FROM", []string{"SELECT count(*) FROM set_config('app.tenant_id', 'x', true), jobs WHERE " + asking}, false},
	{"no id", []string{"SELECT set_config('app.tenant_id', NULL, true)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"malformed time", []string{"SELECT set_config('app.tenant_at', 'x', true)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"settings reset", []string{"RESET app.tenant_token", "RESET app.tenant_id", "RESET ALL", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"other id", []string{"SELECT set_config('app.tenant_id', '{other}', true)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"other date style", []string{"SET LOCAL datestyle = 'SQL, DMY'", "SET LOCAL timezone = 'Asia/Tokyo'", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"error in the target list", []string{"SELECT 1 / (length(title) - length(title)) FROM jobs WHERE " + asking}, true},
	{"error in WHERE", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND 1 / (length(title) - length(title)) = 1"}, true},
	{"error in a cast", []string{"SELECT count(*) FROM jobs WHERE title LIKE 'The%' AND title::int = 1"}, true},
	{"error in ORDER BY", []string{"SELECT id FROM jobs WHERE " + asking + " ORDER BY title::int"}, true},
	{"error in an aggregate", []string{"SELECT sum(title::int) FROM jobs WHERE " + asking}, true},
	{"a setting as a mark", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND set_config('app.mark', title, true) IS NOT NULL", "SELECT current_setting('app.mark', true)"}, true},
	{"a lock", []string{"SELECT id FROM jobs WHERE " + asking + " FOR UPDATE NOWAIT"}, true},
	{"a skipped lock", []string{"SELECT count(*) FROM (SELECT FROM jobs WHERE " + asking + " FOR UPDATE SKIP LOCKED) x"}, true},
	{"an update", []string{"UPDATE jobs SET triage = 'archived' WHERE " + asking}, true},
	{"an update that fails", []string{"UPDATE jobs SET triage = 'nonsense' WHERE " + asking}, true},
	{"an update that moves", []string{"UPDATE jobs SET tenant_id = '{other}' WHERE " + asking}, true},
	{"a delete", []string{"DELETE FROM jobs WHERE " + asking + " RETURNING title"}, true},
	{"a merge", []string{"MERGE INTO jobs USING (SELECT) s ON " + asking + " WHEN MATCHED THEN DELETE"}, true},
	{"an insert from a select", []string{"INSERT INTO analytics (tenant_id, id, event, entity) SELECT '{id}', gen_random_uuid(), title, 'job' FROM jobs WHERE " + asking}, true},
	{"a row by its place", []string{"SELECT count(*) FROM jobs WHERE " + asking + " AND ctid = ANY (SELECT format('(%s,%s)', p, i)::tid FROM generate_series(0, 3) p, generate_series(1, 60) i)"}, true},
	{"a sample", []string{"SELECT count(*) FROM jobs TABLESAMPLE BERNOULLI (100) WHERE " + asking}, true},
	{"a correlated sub-select", []string{"SELECT (SELECT count(*) FROM jobs WHERE title = ANY (ARRAY[t])) FROM (VALUES ('" + secretTitle + "')) v (t)"}, true},
	{"a left join", []string{"SELECT j.id IS NULL FROM (SELECT) x LEFT JOIN jobs j ON " + asking}, true},
	{"a block", []string{"DO $$ BEGIN PERFORM set_config('app.tenant_token', '', true); PERFORM FROM jobs WHERE " + asking + "; IF FOUND THEN RAISE 'there'; END IF; END $$"}, false},
	{"a block that keeps the token", []string{"DO $$ BEGIN PERFORM FROM jobs WHERE " + asking + "; IF FOUND THEN RAISE 'there'; END IF; END $$"}, true},
	{"a cursor", []string{"DECLARE c CURSOR FOR SELECT title FROM jobs WHERE " + asking, "FETCH ALL FROM c"}, true},
	{"search", []string{"SELECT count(*) FROM search_jobs('zephyr')"}, true},
	{"search without a token", []string{"SELECT set_config('app.tenant_token', '', true)", "SELECT count(*) FROM search_jobs('zephyr')"}, false},
	{"search explained", []string{"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT search_jobs('zephyr')"}, true},
	{"statistics of columns", []string{"SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'public'"}, false},
	{"statistics themselves", []string{"SELECT count(*) FROM pg_statistic"}, false},
	{"query_to_xml", []string{"SELECT query_to_xml('SELECT FROM jobs WHERE " + strings.ReplaceAll(asking, "'", "''") + "', true, true, '')"}, false},
	{"query_to_xml that blanks", []string{"SELECT set_config('app.tenant_token', '', true), query_to_xml('SELECT FROM jobs', true, true, '')"}, false},
	{"ts_stat", []string{"SELECT count(*) FROM ts_stat('SELECT search FROM jobs WHERE " + strings.ReplaceAll(asking, "'", "''") + "')"}, false},
	{"ts_rewrite", []string{"SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery FROM jobs')"}, false},
	{"scans of the fence", []string{"SELECT pg_stat_get_xact_numscans('app.fence'::regclass)", "SELECT count(*) FROM jobs WHERE " + asking}, false},
	{"scans of the fence, afterwards", []string{"SELECT (SELECT count(*) FROM jobs WHERE " + asking + "), pg_stat_get_xact_numscans('app.fence'::regclass) + pg_stat_get_xact_numscans('app.fence_seal_key'::regclass)"}, false},
	{"scans of the fence, by its view", []string{"SELECT count(*) FROM jobs WHERE " + asking, "SELECT seq_scan, idx_scan FROM pg_stat_xact_all_tables WHERE relname = 'fence'"}, true},
	{"locks", []string{"SELECT count(*) FROM jobs WHERE " + asking, "SELECT relation::regclass, mode FROM pg_locks"}, true},
	{"a taken key", []string{"INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source) VALUES ('{id}', gen_random_uuid(), '" + secretKey + "', 'x', now(), 'source')"}, true},
	{"a taken key, do nothing", []string{"INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source) VALUES ('{id}', gen_random_uuid(), '" + secretKey + "', 'x', now(), 'source') ON CONFLICT DO NOTHING RETURNING external_key"}, true},
	{"a taken person", []string{"INSERT INTO users (tenant_id, id, clerk_id, email, name, role) VALUES ('{id}', gen_random_uuid(), '" + secretClerk + "', 'z@example.com', 'Z', 'viewer')"}, true},
	{"another's key", []string{"INSERT INTO jobs (tenant_id, id, external_key, title, posted_at, posted_at_source) VALUES ('{other}', gen_random_uuid(), '" + secretKey + "', 'x', now(), 'source') ON CONFLICT DO NOTHING"}, false},
}

// plans are ways to make the server choose the plan that reads other tenants' rows before it filters them out.
var plans = []string{"", "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off"}

// TestNoAnswerDependsOnWhatAnotherTenantHas asks the same questions while the other tenant has the row, while nobody has
// it and, as the positive control, while the asking tenant has it. It takes a database of its own, in which nothing else
// changes meanwhile.
func TestNoAnswerDependsOnWhatAnotherTenantHas(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	super := d.Connect(t, "postgres")
	ask := func(owner tenant) map[string]string {
		give(t, super, owner)
		answers := map[string]string{}
		for _, p := range probes {
			for _, plan := range plans {
				answers[strings.TrimSpace(p.name+" "+plan)] = p.ask(t, d, plan, a, b)
			}
		}
		return answers
	}
	there, absent, own := ask(b), ask(tenant{}), ask(a)
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		if there[name] != absent[name] {
			t.Errorf("%s: the answer tells what the other tenant has\nit has:     %s\nit has not: %s", name, there[name], absent[name])
		}
	}
	for _, p := range probes {
		if tells := own[p.name] != absent[p.name]; tells != p.own {
			t.Errorf("%s: tells about the own tenant: %v, want %v\nhas:     %s\nhas not: %s", p.name, tells, p.own, own[p.name], absent[p.name])
		}
	}
}

// give lets owner, and nobody else, have the secrets.
func give(t *testing.T, super *pgx.Conn, owner tenant) {
	t.Helper()
	mustExec(t, super, "UPDATE jobs SET title = 'Plain', external_key = id::text")
	mustExec(t, super, "UPDATE users SET clerk_id = 'user_' || replace(id::text, '-', '')")
	mustExec(t, super, "UPDATE jobs SET title = $2, external_key = $3 WHERE tenant_id = $1 AND id = $4", owner.id, secretTitle, secretKey, owner.of("jobs", 1))
	mustExec(t, super, "UPDATE users SET clerk_id = $2 WHERE tenant_id = $1 AND id = $3", owner.id, secretClerk, owner.of("users", 1))
	mustExec(t, super, "VACUUM (FULL, ANALYZE) jobs")
}

// ask runs p as A on a connection of its own, and everything it was told.
func (p probe) ask(t *testing.T, d *dbtest.Database, plan string, a, other tenant) string {
	t.Helper()
	conn := d.Connect(t, "app_tenant")
	defer conn.Close(t.Context())
	tx := beginIn(t, conn, a)
	defer end(t, tx)
	if plan != "" {
		mustExec(t, conn, plan)
	}
	var told []string
	for _, s := range p.statements {
		s = strings.NewReplacer("{other}", other.id.String(), "{id}", a.id.String()).Replace(s)
		told = append(told, run(t.Context(), tx, s).String())
	}
	return strings.Join(told, "\n")
}

func TestIdentifiersOfAnotherTenantAreFreeInThisOne(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	conn, super := d.Connect(t, "app_tenant"), d.Connect(t, "postgres")
	for _, m := range makers {
		if m.one {
			continue // its identifier is the tenant's: the matrix has it
		}
		r, taken := m.row(a, 2), m.row(b, 0)
		for _, column := range scan[string](t, super, identifiers, m.table) {
			r[column] = taken[column]
			if r[column] == m.row(a, 0)[column] {
				r[column] = m.row(b, 2)[column] // a number that every tenant counts for itself
			}
		}
		sql, args := insert(m.table, r)
		tx := beginIn(t, conn, a)
		if got := run(t.Context(), tx, sql, args...); got.Tag != "INSERT 0 1" {
			t.Errorf("%s with the other tenant's identifiers: %s", m.table, got)
		}
		end(t, tx)
	}
}

// identifiers are the columns of a table that are unique, apart from the tenant and from what refers to other rows.
const identifiers = `
	SELECT DISTINCT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
	WHERE i.indisunique AND i.indrelid = $1::regclass
	  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = i.indrelid AND c.contype = 'f' AND a.attnum = ANY (c.conkey))`

func TestAReferenceToAnotherTenantsRowIsAnsweredAsOneToNone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	conn, super := d.Connect(t, "app_tenant"), d.Connect(t, "postgres")
	type reference struct{ Column, Target string }
	for _, m := range makers {
		rows, err := super.Query(t.Context(), references, m.table)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reference])
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range all {
			point := func(to uuid.UUID) string {
				r := m.row(a, 2)
				r[ref.Column] = to
				if at := since[ref.Column]; at != "" {
					r[at] = day
				}
				sql, args := insert(m.table, r)
				tx := beginIn(t, conn, a)
				defer end(t, tx)
				return strings.ReplaceAll(run(t.Context(), tx, sql, args...).String(), to.String(), "ID")
			}
			foreign, missing, own := point(b.of(ref.Target, 0)), point(uuid.New()), point(a.of(ref.Target, 0))
			if foreign != missing || !strings.HasPrefix(missing, "23503 ") {
				t.Errorf("%s.%s to %s:\nthe other tenant's: %s\nnobody's:           %s", m.table, ref.Column, ref.Target, foreign, missing)
			}
			if !strings.HasPrefix(own, "INSERT 0 1") {
				t.Errorf("%s.%s to the own row of %s: %s", m.table, ref.Column, ref.Target, own)
			}
		}
	}
}

// since is the column that a check wants beside a reference.
var since = map[string]string{"typing_by": "typing_since"}

// references are a table's foreign keys to rows of a tenant: the column beside the tenant, and the table it points into.
const references = `
	SELECT a.attname::text, c.confrelid::regclass::text FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
	WHERE c.contype = 'f' AND c.conrelid = $1::regclass AND a.attname <> 'tenant_id' ORDER BY 1`

// fenceProbes ask whether the other tenant is here, and suspended. No token is needed for any of them.
var fenceProbes = []string{
	"SELECT count(*) FROM app.fence TABLESAMPLE SYSTEM (100) WHERE state = ANY (ARRAY['suspended']) AND state < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])",
	"SELECT count(*) FROM app.fence WHERE tenant_id = '{other}' AND state = ANY (ARRAY['suspended']) AND state < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])",
	"SELECT count(*) FROM app.fence WHERE tenant_id > ANY (ARRAY['00000000-0000-0000-0000-000000000000'::uuid]) AND state = ANY (ARRAY['suspended']) AND state < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])",
	"SELECT count(*) FROM app.context WHERE ('{\"suspended\": 1}'::jsonb)[state] IS NOT NULL AND state < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])",
	"SELECT count(*) FROM app.readable WHERE tenant_id > ANY (ARRAY['00000000-0000-0000-0000-000000000000'::uuid]) AND tenant_id < ANY (ARRAY[(SELECT nullif(set_config('app.mark', 'z', true), 'z')::uuid)])",
	"SELECT count(*) FROM app.context WHERE state = ANY (ARRAY['suspended']) AND state < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])",
}

func TestTheFenceTellsNothingOfOtherTenants(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, other := newTenant(t, d, place.Active, 1), uuid.New()
	super, conn := d.Connect(t, "postgres"), d.Connect(t, "app_tenant")
	ask := func() (told []string) {
		for _, s := range fenceProbes {
			for _, plan := range append(slices.Clone(plans), "SELECT set_config('app.tenant_id', '"+other.String()+"', true)") { // the last: as if in it
				tx := beginIn(t, conn, a)
				if plan != "" {
					mustExec(t, conn, plan)
				}
				mustExec(t, conn, "SELECT set_config('app.mark', '', true)")
				told = append(told, s+" "+run(t.Context(), tx, strings.ReplaceAll(s, "{other}", other.String())).String()+" "+
					run(t.Context(), tx, "SELECT current_setting('app.mark', true)").String())
				end(t, tx)
			}
		}
		return told
	}
	absent := ask()
	mustExec(t, super, "INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, 1, sha256('x'), 'suspended')", other)
	for i, there := range ask() {
		if there != absent[i] {
			t.Errorf("the answer tells that the other tenant is here\nit is:     %s\nit is not: %s", there, absent[i])
		}
	}
}
