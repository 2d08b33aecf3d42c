package isolation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestTheControlPlaneHasNoRightOnATenantTable(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	conn := d.Connect(t, "app_control")
	for _, m := range makers {
		insertion, args := insert("public."+m.table, m.row(a, 2))
		if got := run(t.Context(), conn, insertion, args...); got.Code != "42501" {
			t.Errorf("%s: %s", insertion, got)
		}
		for _, sql := range []string{"SELECT * FROM %s", "UPDATE %s SET " + m.touch, "DELETE FROM %s", "TRUNCATE %s CASCADE", "COPY %s TO STDOUT"} {
			sql = strings.Replace(sql, "%s", "public."+m.table, 1)
			if got := run(t.Context(), conn, sql); got.Code != "42501" {
				t.Errorf("%s: %s", sql, got)
			}
		}
	}
	for _, sql := range []string{"SELECT public.search_jobs('engineer')", "SELECT app.set_tenant(gen_random_uuid(), '')", "SELECT * FROM app.context", "SELECT * FROM app.moving", "SET ROLE app_tenant", "SET ROLE app_owner", "CREATE TABLE control.x ()"} {
		if got := run(t.Context(), conn, sql); got.Code != "42501" {
			t.Errorf("%s: %s", sql, got)
		}
	}
	if got := run(t.Context(), conn, "SELECT count(*) FROM app.fence WHERE tenant_id = $1", a.id); got.Rows != "1" {
		t.Errorf("the fence, which it keeps: %s", got)
	}
}

func TestTheMoverSeesOnlyTenantsThatMove(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	conn := d.Connect(t, "app_mover")
	moving := []place.State{place.Copying, place.ReadOnly, place.Incoming, place.Moved, place.Erasing}
	for state := range place.States {
		n := newTenant(t, d, state, 1)
		want := "SELECT 0"
		if slices.Contains(moving, state) {
			want = "SELECT 2"
		}
		tx := beginIn(t, conn, n)
		if got := run(t.Context(), tx, "SELECT title FROM jobs"); !strings.HasPrefix(got.String(), want) {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
		end(t, tx)
		forged := n
		forged.token = d.Token(n.id, 2)
		tx = beginIn(t, conn, forged)
		if got := run(t.Context(), tx, "SELECT title FROM jobs"); !strings.HasPrefix(got.String(), "SELECT 0") {
			t.Errorf("%s with a forged token: %s", state, got)
		}
		end(t, tx)
	}
	for _, sql := range []string{"SELECT * FROM app.fence", "SELECT * FROM app.context", "SELECT * FROM control.registry", "TRUNCATE jobs CASCADE",
		"SET session_replication_role = replica", "SET ROLE app_tenant", "SET ROLE app_owner", "CREATE TEMP TABLE x ()", "SELECT search_jobs('engineer')"} {
		if got := run(t.Context(), conn, sql); got.Code != "42501" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

// The owner is bound by FORCE and has no policy. It could lift FORCE, and become app_search by SET ROLE: that is why it
// migrates only, and why no part of the running application logs in as it.
func TestTheOwnerSeesNoRow(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := newTenant(t, d, place.Active, 1)
	conn := d.Connect(t, "app_owner")
	for _, m := range makers {
		for _, sql := range []string{"SELECT * FROM " + m.table, "UPDATE " + m.table + " SET " + m.touch, "DELETE FROM " + m.table} {
			tx := beginIn(t, conn, a)
			if got := run(t.Context(), tx, sql); got.Code != "" || !strings.Contains(got.String(), " 0 ") {
				t.Errorf("%s: %s", sql, got)
			}
			end(t, tx)
		}
		insertion, args := insert(m.table, m.row(a, 2))
		if got := run(t.Context(), conn, insertion, args...); got.Code != "42501" {
			t.Errorf("%s: %s", insertion, got)
		}
	}
	tx := begin(t, conn)
	defer end(t, tx)
	mustExec(t, conn, "SET LOCAL ROLE app_search")
	if got := run(t.Context(), tx, "SELECT count(*) > 0 FROM jobs"); got.Rows != "true" {
		t.Errorf("as app_search: %s; the search function would find nothing", got)
	}
	if got := run(t.Context(), tx, "SELECT * FROM users"); got.Code != "42501" {
		t.Errorf("users as app_search: %s", got)
	}
}

func TestTheRolesAreWhatTheyAreSaidToBe(t *testing.T) {
	t.Parallel()
	super := dbtest.New(t).Connect(t, "postgres")
	type role struct{ Name, Is string }
	rows, err := super.Query(t.Context(), `
		SELECT rolname::text, concat_ws(' ', CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolinherit THEN 'inherit' END,
		         CASE WHEN rolsuper THEN 'super' END, CASE WHEN rolbypassrls THEN 'bypass' END, CASE WHEN rolcreaterole THEN 'createrole' END,
		         CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolreplication THEN 'replication' END,
		         (SELECT 'member of ' || string_agg(m.roleid::regrole::text, ',') FROM pg_auth_members m WHERE m.member = r.oid))
		FROM pg_roles r WHERE rolname IN ('app_owner', 'app_tenant', 'app_control', 'app_mover', 'app_search') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	want := []role{{"app_control", "login"}, {"app_mover", "login"}, {"app_owner", "login member of app_search"}, {"app_search", ""}, {"app_tenant", "login"}}
	var have []role
	for rows.Next() {
		var r role
		if err := rows.Scan(&r.Name, &r.Is); err != nil {
			t.Fatal(err)
		}
		have = append(have, r)
	}
	if !slices.Equal(have, want) {
		t.Errorf("have %v\nwant %v", have, want)
	}
}

func TestNobodyLogsInAsTheSearcher(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	_, err := pgx.Connect(t.Context(), d.URL("app_search"))
	if err == nil || !strings.Contains(err.Error(), "not permitted to log in") {
		t.Errorf("got %v", err)
	}
}

func TestTheMoverLearnsNothingOfOtherTenantsBesideItsPolicy(t *testing.T) {
	t.Parallel()
	d := dbtest.Own(t)
	a, b := newTenant(t, d, place.Copying, 1), newTenant(t, d, place.Active, 1)
	conn, super := d.Connect(t, "app_mover"), d.Connect(t, "postgres")
	ask := func(owner tenant) string {
		give(t, super, owner)
		tx := beginIn(t, conn, a)
		defer end(t, tx)
		mustExec(t, conn, "SELECT set_config('app.mark', '', true)")
		run(t.Context(), tx, "SELECT count(*) FROM jobs TABLESAMPLE SYSTEM (100) WHERE "+asking+" AND title < ANY (ARRAY[(SELECT set_config('app.mark', 'z', true))])")
		return run(t.Context(), tx, "SELECT current_setting('app.mark', true)").String()
	}
	there, absent, own := ask(b), ask(tenant{}), ask(a)
	if there != absent || own == absent {
		t.Errorf("another has it: %q, nobody: %q, the one that moves: %q", there, absent, own)
	}
}
