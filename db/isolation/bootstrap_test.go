package isolation_test

import (
	"net/url"
	"testing"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/migrate"
)

func TestBootstrappingAgainMendsTheRoles(t *testing.T) {
	t.Parallel()
	own := dbtest.Alone(t).Database
	super := own.Connect(t, "postgres")
	harms := []string{"GRANT app_owner TO app_tenant WITH ADMIN OPTION; SET ROLE app_tenant; GRANT app_owner TO app_mover; RESET ROLE", "GRANT pg_read_all_data TO app_search",
		"GRANT CREATE ON DATABASE %I TO app_tenant WITH GRANT OPTION; GRANT TEMP ON DATABASE %I TO PUBLIC", "ALTER ROLE app_tenant IN DATABASE %I SET statement_timeout = 0"}
	for _, x := range serverFlaws[:len(serverFlaws)-1] { // a role of another name is another role
		harms = append(harms, x.harm)
	}
	for _, s := range isolation.Unset() {
		value := map[string]string{"row_security": "off", "default_transaction_isolation": "'repeatable read'", "session_replication_role": "replica"}[s.Name]
		if value == "" {
			value = "app_search" // a schema, or a role
		}
		for _, of := range []string{"ROLE " + s.Role, "ROLE " + s.Role + " IN DATABASE %I", "DATABASE %I"} {
			harms = append(harms, "ALTER "+of+" SET "+s.Name+" = "+value)
		}
	}
	for _, harm := range harms {
		mustExec(t, super, inDatabase(own, harm))
	}
	if got := examine(t, own, "ALTER ROLE"); len(got.Findings) < 30 {
		t.Fatalf("it is hardly broken:\n%s", got.Findings)
	}
	bootstrapAgain(t, own)
	if got := examine(t, own, "ALTER ROLE"); !got.OK {
		t.Errorf("not mended:\n%s", got.Findings)
	}
}

// From Postgres 16 on a membership says itself whether it is inherited.
func TestBootstrappingAgainMendsAMembershipThatIsInherited(t *testing.T) {
	t.Parallel()
	own := dbtest.Alone(t).Database
	super := own.Connect(t, "postgres")
	var inherits string
	if err := super.QueryRow(t.Context(), "SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'GRANT app_search TO app_owner WITH INHERIT TRUE' ELSE 'ALTER ROLE app_owner INHERIT' END").Scan(&inherits); err != nil {
		t.Fatal(err)
	}
	mustExec(t, super, inherits)
	got, err := isolation.Doctor(t.Context(), own.DB, isolation.Options{})
	if err != nil || !found(got, "role memberships", "role app_owner", "inherits app_search") {
		t.Errorf("%v\n%s", err, got.Findings)
	}
	bootstrapAgain(t, own)
	healthy(t, own)
}

// Who may become one of ours is the server's business: from Postgres 16 on, whoever makes a role is given it.
func TestBootstrappingAgainLeavesWhoIsAMemberOfOurs(t *testing.T) {
	t.Parallel()
	own := dbtest.Alone(t).Database
	super := own.Connect(t, "postgres")
	mustExec(t, super, "CREATE ROLE dba; GRANT app_owner, app_tenant TO dba WITH ADMIN OPTION")
	bootstrapAgain(t, own)
	var kept int
	if err := super.QueryRow(t.Context(), "SELECT count(*) FROM pg_auth_members WHERE member = 'dba'::regrole AND admin_option").Scan(&kept); err != nil || kept != 2 {
		t.Errorf("%d of 2 are left: %v", kept, err)
	}
	healthy(t, own)
}

func bootstrapAgain(t *testing.T, d *dbtest.Database) {
	t.Helper()
	super := func(database string) string {
		u, err := url.Parse(d.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + database
		return u.String()
	}
	if err := migrate.Cluster(t.Context(), super, d.Name); err != nil {
		t.Fatal(err)
	}
}
