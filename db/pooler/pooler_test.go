package pooler_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/pooler"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func start(t *testing.T, d *dbtest.Database, settings map[string]string) *pooler.Pooler {
	t.Helper()
	p, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClientsOfThePoolerShareAServerConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	p := start(t, d, map[string]string{"default_pool_size": "1"})
	var pids [2]int
	for i := range pids {
		conn, err := pgx.Connect(t.Context(), p.URL(d.URL("app_tenant")))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if pids[0] != pids[1] {
		t.Errorf("two clients at once have the backends %v: this is no transaction mode", pids)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), p.URL(d.URL("app_tenant"))); err == nil {
		t.Error("it answers after its end")
	}
}

func TestThePoolerLetsNoOtherRoleIn(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	p := start(t, d, nil)
	defer p.Stop()
	if _, err := pgx.Connect(t.Context(), p.URL(d.URL("app_control"))); err == nil {
		t.Error("app_control was let in")
	}
}

func TestAPoolerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	_, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, map[string]string{"pool_mode": "nonsense"})
	if err == nil || !strings.Contains(err.Error(), "pool_mode") {
		t.Errorf("got %v", err)
	}
	if _, err = pooler.Start(t.Context(), "postgres://app_tenant@127.0.0.1:1/app", []string{"app_tenant"}, nil); err == nil || errors.Is(err, pooler.ErrMissing) {
		t.Errorf("before a server on TCP: %v", err)
	}
}
