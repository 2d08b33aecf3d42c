package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plain is a Postgres as a database administrator would have one: passwords, TCP, nothing of ours.
type plain struct {
	dir, port string
	as        *syscall.Credential // Postgres and PgBouncer refuse to run as root
}

const superPassword = "of the superuser"

// newPlain makes the cluster and runs it until the test ends.
func newPlain(t *testing.T) *plain {
	t.Helper()
	s := &plain{as: unprivileged(t)}
	s.dir, s.port = place(t)
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "password", superPassword)
	data := filepath.Join(s.dir, "data")
	s.do(t, s.command("", binary(t, "initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", filepath.Join(s.dir, "password"), "-N", "-E", "UTF8"))
	s.start(t, s.command("", binary(t, "postgres"), "-D", data, "-p", s.port, "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"), s.port)
	return s
}

// unprivileged is an account to run servers as, when the tests run as root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32) // numbers, on every system that has the account
	gid, _ := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// binary finds a program of Postgres, or PgBouncer, where distributions put it beside PATH.
func binary(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if path := "/usr/sbin/" + name; err == nil && len(found) == 0 {
		found, err = filepath.Glob(path)
	}
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s (on Debian: apt-get install postgresql pgbouncer): %v", name, err)
	}
	return found[len(found)-1]
}

func (s *plain) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// command is a program that runs as the unprivileged account.
func (s *plain) command(password, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGPASSWORD=" + password}
	if s.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	return cmd
}

func (s *plain) do(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(cmd.Path), err, out)
	}
	return string(out)
}

// start runs a server until the test ends, and returns when it answers on its port.
func (s *plain) start(t *testing.T, cmd *exec.Cmd, port string) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // told to end: that is its error
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if s.command(superPassword, binary(t, "psql"), "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-c", "").Run() == nil {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", cmd.Path, said.String())
		case <-ctx.Done():
			t.Fatalf("%s does not answer", cmd.Path)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// psql runs SQL as the superuser.
func (s *plain) psql(t *testing.T, args ...string) string {
	t.Helper()
	cmd := s.command(superPassword, binary(t, "psql"), append([]string{"-X", "-q", "-h", "127.0.0.1", "-p", s.port, "-U", "postgres"}, args...)...)
	for _, role := range []string{"OWNER", "TENANT", "CONTROL", "MOVER"} {
		cmd.Env = append(cmd.Env, "APP_"+role+"_PASSWORD="+password(strings.ToLower(role)))
	}
	return s.do(t, cmd)
}

// password is one that a URL and an SQL text have to quote.
func password(role string) string { return role + `'s "pass" %\word` }

// pooler runs PgBouncer in transaction mode before the server, with passwords, and returns its port.
func (s *plain) pooler(t *testing.T) string {
	t.Helper()
	_, port := place(t)
	users := fmt.Sprintf("%q %q\n%q \"%s\"\n", "postgres", superPassword, "app_tenant", strings.ReplaceAll(password("tenant"), `"`, `""`))
	config := s.write(t, "pgbouncer.ini", fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\n"+
		"unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = %s\npool_mode = transaction\ndefault_pool_size = 3\n", s.port, port, s.write(t, "users", users)))
	s.start(t, s.command("", binary(t, "pgbouncer"), "-q", config), port)
	return port
}

// app is the environment of an installation over this server, whose tenant connections go to tenantPort.
func (s *plain) app(tenantPort string, more ...string) []string {
	url := func(role, port string) string {
		u := &url.URL{Scheme: "postgres", User: url.UserPassword("app_"+role, password(role)), Host: "127.0.0.1:" + port, Path: "/app"}
		return u.String()
	}
	const key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
	// POSTGRES_BIN may choose the embedded server of the other tests; psql, which this one needs, is not among fetched programs.
	return append([]string{"POSTGRES_BIN=", "DATABASE_URL=" + url("owner", s.port), "TENANT_DATABASE_URL=" + url("tenant", tenantPort), "CONTROL_DATABASE_URL=" + url("control", s.port),
		"SEAL_KEYS=" + key, "SESSION_KEYS=" + key}, more...)
}

// with adds variables to those of a command.
func with(env []string, cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func TestAServerOfOnesOwnIsBootstrappedMigratedAndServed(t *testing.T) {
	t.Parallel()
	s := newPlain(t)
	script := s.write(t, "bootstrap.sql", output(t, program(t, s.dir, s.port, "db", "bootstrap")))
	for range 2 { // the second time it finds everything
		s.psql(t, "-f", script)
	}
	dir, port := place(t)
	direct := s.app(s.port)
	if out, err := with(direct, program(t, dir, port, "doctor")).CombinedOutput(); code(err) != 1 || !strings.Contains(string(out), "nothing has been migrated. To mend it: run `migrate`") {
		t.Errorf("before migrating: %v: %s", err, out)
	}
	output(t, with(direct, program(t, dir, port, "migrate")))
	output(t, with(direct, program(t, dir, port, "demo")))
	s.psql(t, "-f", script) // the third time there is everything of ours, too
	pooled := s.pooler(t)
	for name, cmd := range map[string]*exec.Cmd{"direct": with(direct, program(t, dir, port, "doctor")), "pooled": with(s.app(pooled, "DB_POOLER=transaction"), program(t, dir, port, "doctor"))} {
		if out := output(t, cmd); !strings.HasSuffix(out, " checks, no finding.\n") {
			t.Errorf("%s: %s", name, out)
		}
	}
	out, err := with(s.app(pooled), program(t, dir, port, "doctor")).CombinedOutput()
	if code(err) != 1 || !strings.Contains(string(out), "1 finding:") || !strings.Contains(string(out), "DB_POOLER") {
		t.Errorf("a pooler that nobody has announced: %v: %s", err, out)
	}
	serves(t, s.app(pooled, "DB_POOLER=transaction"), dir, port)
}

// serves starts the app, opens the jobs list as a member, and stops it.
func serves(t *testing.T, env []string, dir, port string) {
	t.Helper()
	p := serveIn(t, dir, port, env...)
	if body, _ := fetch(t, signedIn(t, port), "http://localhost:"+port+"/jobs"); strings.Count(body, `<li class="row">`) != 50 {
		t.Error("the jobs list does not come")
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v: %s", err, p.err)
	}
}

func TestTheDoctorEndsWithACodeAndALineForEachFinding(t *testing.T) {
	t.Parallel()
	s := newPlain(t)
	// As the image of Postgres does with its own superuser and database, and the files in docker-entrypoint-initdb.d.
	s.psql(t, "-c", "CREATE DATABASE app")
	for _, file := range []string{"roles.sql", "passwords.sql", "database.sql"} {
		text, err := os.ReadFile(filepath.Join("db", "migrate", "cluster", file))
		if err != nil {
			t.Fatal(err)
		}
		s.psql(t, "-v", "ON_ERROR_STOP=1", "-d", "app", "-f", s.write(t, file, string(text)))
	}
	dir, port := place(t)
	app := s.app(s.port)
	output(t, with(app, program(t, dir, port, "migrate")))
	s.psql(t, "-d", "app", "-c", "ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY", "-c", "GRANT EXECUTE ON FUNCTION lo_get(oid) TO PUBLIC")
	out, err := with(app, program(t, dir, port, "doctor")).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if code(err) != 1 || len(lines) != 3 || !strings.HasSuffix(lines[0], " checks, 2 findings:") ||
		lines[1] != "  main: table public.jobs: row-level security does not bind its owner (FORCE is off). To mend it: as app_owner, CALL app.protect('public.jobs', 'tenant_id'); drop what else it has." {
		t.Errorf("%v: %s", err, out)
	}
	var told struct {
		OK       bool                                                 `json:"ok"`
		Checks   int                                                  `json:"checks"`
		Findings []struct{ Place, Check, Object, Fault, Mend string } `json:"findings"`
	}
	out, err = with(app, program(t, dir, port, "doctor", "--json")).Output()
	if bad := json.Unmarshal(out, &told); bad != nil || code(err) != 1 || told.OK || told.Checks < 40 || len(told.Findings) != 2 ||
		!slices.ContainsFunc(told.Findings, func(f struct{ Place, Check, Object, Fault, Mend string }) bool {
			return f.Check == "outside functions" && f.Object == "function lo_get(oid)" && f.Mend != ""
		}) {
		t.Errorf("%v %v: %s", err, bad, out)
	}
	if out, err := with(app, program(t, dir, port)).CombinedOutput(); code(err) != 1 || !strings.Contains(string(out), "FORCE is off") {
		t.Errorf("served all the same: %v: %s", err, out)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s%s", cmd.Args, err, out, errOut.String())
	}
	return string(out)
}
