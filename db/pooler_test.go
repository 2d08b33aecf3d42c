package db_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
)

// pooler starts PgBouncer in transaction mode before d, with so few server connections that clients must share them, and
// returns the URL of app_tenant through it.
func pooler(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	direct, err := pgx.ParseConfig(d.URL("app_tenant"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pooler") // t.TempDir is out of reach for the account that PgBouncer runs as
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := fmt.Sprintf("[databases]\n%[1]s = host=%[2]s port=%[3]d dbname=%[1]s\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %[4]s\nlisten_port = 6432\n"+
		"auth_type = trust\nauth_file = %[4]s/users\npool_mode = transaction\ndefault_pool_size = 2\nlogfile = %[4]s/log\npidfile = %[4]s/pid\n",
		d.Name, direct.Host, direct.Port, dir)
	for name, content := range map[string]string{"config": config, "users": `"app_tenant" ""`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("pgbouncer", "-q", filepath.Join(dir, "config"))
	runAsOwner(t, cmd, dir, direct.Host)
	if err := cmd.Start(); err != nil {
		t.Fatalf("no PgBouncer for the tests (on Debian: apt-get install pgbouncer): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: that is its error
	})
	through := "postgres://app_tenant@/" + d.Name + "?" + url.Values{"host": {dir}, "port": {"6432"}, "sslmode": {"disable"}}.Encode()
	awaitPooler(t, through, dir)
	return through
}

// runAsOwner runs cmd as the account that may reach Postgres's socket: PgBouncer refuses to run as root.
func runAsOwner(t *testing.T, cmd *exec.Cmd, dir, socket string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(owner.Uid) // numbers on every system that has Postgres's sockets
	gid, _ := strconv.Atoi(owner.Gid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func awaitPooler(t *testing.T, through, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, through)
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		if ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("PgBouncer does not answer: %v: %s", err, log)
		}
	}
}

func TestThroughAPoolerInTransactionModeNobodySeesAnotherTenant(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	pooled, err := db.Open(t.Context(), db.Options{TenantURL: pooler(t, d), ControlURL: d.URL("app_control"), Pooled: true, Keys: []db.SealKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pooled.Close)
	a, b := d.NewTenant(t), d.NewTenant(t)
	own := importOne(t, a)

	var wg sync.WaitGroup
	for range 8 {
		for _, n := range []*dbtest.Tenant{a, b} {
			wg.Go(func() {
				for range 40 {
					var rows []job.Row
					err := pooled.Read(context.Background(), n.Actor(db.Viewer), func(v *db.View) error {
						job.List(v, job.Filter{}, &rows)
						return v.Load()
					})
					want := 0
					if n == a {
						want = 1
					}
					if err != nil || len(rows) != want {
						t.Errorf("%d rows, want %d, %v", len(rows), want, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	err = pooled.Write(t.Context(), b.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		_, err := job.Lock(ctx, tx, own)
		return err
	})
	if !errors.Is(err, db.ErrNotFound) {
		t.Errorf("the other tenant's job through the pooler: %v", err)
	}
	err = pooled.Write(t.Context(), a.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		j, err := job.Lock(ctx, tx, own)
		if err != nil {
			return err
		}
		return job.Move(ctx, tx, j, job.Shortlisted, "")
	})
	if err != nil {
		t.Errorf("a write through the pooler: %v", err)
	}
}
