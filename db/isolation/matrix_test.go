package isolation_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestEveryTenantTableHasARowMaker(t *testing.T) {
	t.Parallel()
	have := scan[string](t, dbtest.New(t).Connect(t, "postgres"),
		"SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f', 'm') ORDER BY 1")
	var known []string
	for _, m := range makers {
		known = append(known, m.table)
	}
	slices.Sort(known)
	if !slices.Equal(have, known) {
		t.Fatalf("tables of schema public:\n%v\ntables with a row-maker, on which everything here is proven:\n%v", have, known)
	}
}

// situation is a tenant context that somebody may find or bring about.
type situation struct {
	name  string
	open  string // how the context is made
	args  []any
	self  tenant // whose context it claims to be
	read  bool
	write bool
}

// situations are the contexts of the matrix. own is the positive control.
func situations(t *testing.T, d *dbtest.Database, own, other tenant) []situation {
	const open = "SELECT app.set_tenant($1, $2)"
	const raw = "SELECT set_config('app.tenant_id', $1, true), set_config('app.tenant_token', $2, true), set_config('app.tenant_at', now()::text, true)"
	unknown := uuid.New()
	later := newTenant(t, d, place.Active, 2)
	all := []situation{
		{name: "own", open: open, args: []any{own.id, own.token}, self: own, read: true, write: true},
		{name: "no tenant", open: "SELECT 1", self: own},
		{name: "empty", open: raw, args: []any{"", ""}, self: own},
		{name: "empty id, own token", open: raw, args: []any{"", own.token}, self: own},
		{name: "malformed", open: raw, args: []any{"'; --", own.token}, self: own},
		{name: "upper case", open: raw, args: []any{strings.ToUpper(own.id.String()), own.token}, self: own},
		{name: "unknown tenant", open: open, args: []any{unknown, d.Token(unknown, 1)}, self: own},
		{name: "null", open: open, args: []any{nil, nil}, self: own},
		{name: "another's id, own token", open: open, args: []any{other.id, own.token}, self: own},
		{name: "own id, another's token", open: open, args: []any{own.id, other.token}, self: own},
		{name: "forged token", open: open, args: []any{other.id, strings.Repeat("ab", 32)}, self: own},
		{name: "the digest as token", open: "SELECT app.set_tenant($1, encode(sha256(convert_to($2, 'UTF8')), 'hex'))", args: []any{other.id, other.token}, self: own},
		{name: "old epoch", open: open, args: []any{later.id, d.Token(later.id, 1)}, self: later},
	}
	for state, may := range place.States {
		n := newTenant(t, d, state, 1)
		all = append(all, situation{name: "state " + string(state), open: open, args: []any{n.id, n.token}, self: n, read: may.Read, write: may.Write})
	}
	return all
}

// attack is one statement of the matrix. It is run twice: against a row that the other tenant has, and against one that
// it has not. Both must be answered alike.
type attack struct {
	name   string
	sql    func(m maker, victim tenant, n int) (string, []any)
	answer string // what outcome.String begins with; %s is the table
	grant  bool   // needs a right that nobody has on history
}

const (
	foreignRow = `42501 new row violates row-level security policy for table "%s"`
	noGrant    = `42501 permission denied for table %s`
)

// answered is answer about m, or that a grant is missing: history is refused by that before any policy is asked.
func (m maker) answered(answer string, grant bool) string {
	if grant && insertOnly[m.table] {
		answer = noGrant
	}
	if !strings.Contains(answer, "%s") {
		return answer
	}
	return fmt.Sprintf(answer, m.table)
}

// matching is the condition on the primary key that finds r.
func matching(m maker, r row) (string, []any) {
	var (
		terms []string
		args  []any
	)
	for i, c := range m.primary() {
		terms = append(terms, fmt.Sprintf("%s = $%d", c, i+1))
		args = append(args, r[c])
	}
	return strings.Join(terms, " AND "), args
}

func where(format string) func(maker, tenant, int) (string, []any) {
	return func(m maker, v tenant, n int) (string, []any) {
		condition, args := matching(m, m.row(v, n))
		return strings.NewReplacer("TABLE", m.table, "KEY", key(m.table), "TOUCH", m.touch, "CONDITION", condition).Replace(format), args
	}
}

func inserting(suffix string) func(maker, tenant, int) (string, []any) {
	return func(m maker, v tenant, n int) (string, []any) {
		sql, args := insert(m.table, m.row(v, n))
		return sql + strings.NewReplacer("PRIMARY", strings.Join(m.primary(), ", "), "TOUCH", strings.ReplaceAll(m.touch, "= ", "= "+m.table+"."), "KEY", key(m.table)).Replace(suffix), args
	}
}

// attacks are run at rows of the other tenant, in every situation.
var attacks = []attack{
	{"select", where("SELECT * FROM TABLE WHERE CONDITION"), "SELECT 0 ", false},
	{"select for update", where("SELECT * FROM TABLE WHERE CONDITION FOR UPDATE"), "SELECT 0 ", true},
	{"update", where("UPDATE TABLE SET TOUCH WHERE CONDITION"), "UPDATE 0 ", true},
	{"update returning", where("UPDATE TABLE SET TOUCH WHERE CONDITION RETURNING *"), "UPDATE 0 ", true},
	{"update of the key", where("UPDATE TABLE SET KEY = gen_random_uuid() WHERE CONDITION"), "UPDATE 0 ", true},
	{"delete", where("DELETE FROM TABLE WHERE CONDITION"), "DELETE 0 ", true},
	{"delete returning", where("DELETE FROM TABLE WHERE CONDITION RETURNING *"), "DELETE 0 ", true},
	{"insert", inserting(""), foreignRow, false},
	{"insert returning", inserting(" RETURNING *"), foreignRow, false},
	{"upsert do nothing", inserting(" ON CONFLICT DO NOTHING"), foreignRow, false},
	{"upsert do nothing returning", inserting(" ON CONFLICT (PRIMARY) DO NOTHING RETURNING *"), foreignRow, false},
	{"upsert do update", inserting(" ON CONFLICT (PRIMARY) DO UPDATE SET TOUCH"), foreignRow, true},
	{"upsert do update returning", inserting(" ON CONFLICT (PRIMARY) DO UPDATE SET TOUCH RETURNING *"), foreignRow, true},
	{"merge do nothing", where("MERGE INTO TABLE USING (SELECT) AS s ON CONDITION WHEN MATCHED THEN DO NOTHING"), "MERGE 0 ", false},
	{"merge update", where("MERGE INTO TABLE USING (SELECT) AS s ON CONDITION WHEN MATCHED THEN UPDATE SET TOUCH"), "MERGE 0 ", true},
	{"merge delete", where("MERGE INTO TABLE USING (SELECT) AS s ON CONDITION WHEN MATCHED THEN DELETE"), "MERGE 0 ", true},
}

// TestTheTableMatrix commits what must change nothing, so that a change would stay and be seen.
func TestTheTableMatrix(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a, b := newTenant(t, d, place.Active, 1), newTenant(t, d, place.Active, 1)
	absent := tenant{id: uuid.New(), name: "nobody"}
	for _, s := range situations(t, d, a, b) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			conn, super := d.Connect(t, "app_tenant"), d.Connect(t, "postgres")
			for _, m := range makers {
				before := checksum(t, super, b, s.self)
				for _, x := range attacks {
					got, other := s.try(t, conn, x, m, b), s.try(t, conn, x, m, absent)
					if got != other {
						t.Errorf("%s of %s: the answer tells whether the other tenant has the row\nit has:     %s\nit has not: %s", x.name, m.table, got, other)
					}
					if want := m.answered(x.answer, x.grant); !strings.HasPrefix(got.String(), want) {
						t.Errorf("%s of %s: answered %q, want %q", x.name, m.table, got, want)
					}
				}
				s.sweep(t, conn, m)
				if after := checksum(t, super, b, s.self); after != before {
					t.Fatalf("%s: rows have changed: %s, before %s", m.table, after, before)
				}
				s.control(t, conn, m)
			}
		})
	}
}

// try runs x against row 0 of v and commits.
func (s situation) try(t *testing.T, conn *pgx.Conn, x attack, m maker, v tenant) outcome {
	t.Helper()
	tx := s.begin(t, conn)
	sql, args := x.sql(m, v, 0)
	got := run(t.Context(), tx, sql, args...)
	if err := tx.Commit(t.Context()); err != nil && got.Code == "" {
		t.Fatal(err)
	}
	return got
}

func (s situation) begin(t *testing.T, conn *pgx.Conn) pgx.Tx {
	t.Helper()
	tx := begin(t, conn)
	if o := run(t.Context(), tx, s.open, s.args...); o.Code != "" {
		t.Fatalf("opening %s: %s", s.name, o)
	}
	return tx
}

// sweep runs statements without a condition. They find the rows of the situation's own tenant, or none.
func (s situation) sweep(t *testing.T, conn *pgx.Conn, m maker) {
	t.Helper()
	own := " 2 "
	if m.one {
		own = " 1 "
	}
	for _, x := range []struct {
		sql   string
		may   bool
		grant bool
	}{
		{"SELECT * FROM TABLE", s.read, false},
		{"SELECT * FROM TABLE FOR SHARE", s.write, true},
		{"UPDATE TABLE SET TOUCH", s.write, true},
		{"UPDATE TABLE SET TOUCH RETURNING *", s.write, true},
		{"WITH u AS (UPDATE TABLE SET TOUCH RETURNING 1) SELECT * FROM u", s.write, true},
	} {
		want := " 0 "
		if x.may {
			want = own
		}
		tx := s.begin(t, conn)
		sql := strings.NewReplacer("TABLE", m.table, "TOUCH", m.touch).Replace(x.sql)
		got := run(t.Context(), tx, sql)
		end(t, tx)
		if want = m.answered(want, x.grant); !strings.Contains(got.String(), want) {
			t.Errorf("%s: answered %q, want %q", sql, got, want)
		}
	}
	tx := s.begin(t, conn)
	defer end(t, tx)
	for _, id := range scan[uuid.UUID](t, tx, "SELECT "+key(m.table)+" FROM "+m.table) {
		if id != s.self.id {
			t.Errorf("%s shows a row of %s", m.table, id)
		}
	}
}

// control runs the statements on the situation's own rows: they work exactly where the state allows it, or else the
// whole matrix would prove nothing. Each is rolled back.
func (s situation) control(t *testing.T, conn *pgx.Conn, m maker) {
	t.Helper()
	for _, x := range []struct {
		name  string
		sql   func(maker, tenant, int) (string, []any)
		n     int
		may   string
		not   string
		grant bool
	}{
		{"insert", inserting(""), 2, "INSERT 0 1", foreignRow, false},
		{"insert returning", inserting(" RETURNING KEY"), 2, "INSERT 0 1", foreignRow, false},
		{"upsert do nothing", inserting(" ON CONFLICT DO NOTHING"), 0, "INSERT 0 0", foreignRow, false},
		{"upsert do update", inserting(" ON CONFLICT (PRIMARY) DO UPDATE SET TOUCH"), 0, "INSERT 0 1", foreignRow, true},
		{"update", where("UPDATE TABLE SET TOUCH WHERE CONDITION"), 1, "UPDATE 1", "UPDATE 0", true},
		{"update of the key", where("UPDATE TABLE SET KEY = gen_random_uuid() WHERE CONDITION"), 1, foreignRow, "UPDATE 0", true},
		{"delete", where("DELETE FROM TABLE WHERE CONDITION"), 1, "DELETE 1", "DELETE 0", true},
	} {
		want := x.not
		if s.write {
			want = cmp.Or(exceptions[exception{m.table, x.name}], x.may)
		}
		tx := s.begin(t, conn)
		sql, args := x.sql(m, s.self, x.n)
		got := run(t.Context(), tx, sql, args...)
		end(t, tx)
		if want = m.answered(want, x.grant); !strings.HasPrefix(got.String(), want) {
			t.Errorf("own %s of %s: answered %q, want %q", x.name, m.table, got, want)
		}
	}
}

type exception struct{ table, statement string }

// exceptions: the row of the tenant itself is there once, and everything hangs on it. Both answers come from behind the
// policies, so they are positive controls as well.
var exceptions = map[exception]string{
	{"tenants", "insert"}:           "23505 ",
	{"tenants", "insert returning"}: "23505 ",
	{"tenants", "delete"}:           "23503 ",
}
