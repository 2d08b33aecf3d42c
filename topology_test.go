package main

import (
	"context"
	"maps"
	"net"
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

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/app/command"
)

// topology is what compose.yaml describes, as processes of this machine: each runs what its service says, with other
// addresses and files in other places.
type topology struct {
	t       *testing.T
	c       composition
	env     map[string]string // what .env would hold
	dir     string
	moved   *strings.Replacer // addresses and paths of containers to ours
	account *syscall.Credential
	bin     string // of Postgres
}

// newTopology moves the containers' addresses to loopback ones and their paths into a directory.
func newTopology(t *testing.T) *topology {
	t.Helper()
	dir, app := place(t)
	dir = filepath.Dir(dir)
	_, postgres := place(t)
	_, pooler := place(t)
	_, metrics := place(t)
	top := &topology{t: t, c: compose(t), dir: dir, account: account(t), bin: postgresBin(t), env: map[string]string{"BASE_URL": "http://localhost:" + app}}
	for _, name := range []string{"POSTGRES_PASSWORD", "APP_OWNER_PASSWORD", "APP_TENANT_PASSWORD", "APP_CONTROL_PASSWORD"} {
		top.env[name] = strings.ToLower(name) + "1234567890"
	}
	top.moved = strings.NewReplacer("postgres:5432", "127.0.0.1:"+postgres, "pgbouncer:6432", "127.0.0.1:"+pooler, "host=postgres port=5432", "host=127.0.0.1 port="+postgres,
		"listen_port = 6432", "listen_port = "+pooler, "0.0.0.0:9090", "127.0.0.1:"+metrics, "0.0.0.0", "127.0.0.1",
		"/run/pgbouncer", dir, "/etc/pgbouncer/pgbouncer.ini", filepath.Join(dir, "pgbouncer.ini"))
	top.env["APP"], top.env["POSTGRES"] = app, postgres
	if top.account != nil {
		if err := os.Chown(dir, int(top.account.Uid), int(top.account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// postgresBin is where the newest Postgres of this machine is.
func postgresBin(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if path, lookErr := exec.LookPath("initdb"); lookErr == nil {
		all = append(all, filepath.Dir(path))
	}
	if err != nil || len(all) == 0 {
		t.Fatalf("no Postgres for the tests (on Debian: apt-get install postgresql): %v", err)
	}
	return all[len(all)-1]
}

// account is whom the servers run as: they refuse to run as root.
func account(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid) // numbers on every system that has Postgres
	gid, _ := strconv.Atoi(who.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// command runs a program of a container: as the servers' account, with the environment of its service and nothing else.
func (top *topology) command(name, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(top.t.Context(), program, args...)
	cmd.Dir, cmd.Env = top.dir, append(top.environment(name), "PATH="+os.Getenv("PATH")+":/usr/sbin:"+top.bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: top.account}
	return cmd
}

func (top *topology) environment(name string) []string {
	var env []string
	for variable, value := range top.c.Services[name].Environment {
		env = append(env, variable+"="+top.moved.Replace(filled(top.t, value, top.env)))
	}
	return env
}

// do runs a command to its end, which must be good.
func (top *topology) do(cmd *exec.Cmd) string {
	top.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		top.t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	return string(out)
}

// up starts a server, which is stopped at the end of the test.
func (top *topology) up(cmd *exec.Cmd, name string) {
	top.t.Helper()
	log, err := os.Create(filepath.Join(top.dir, name+".log"))
	if err != nil {
		top.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		top.t.Fatalf("%s (on Debian: apt-get install postgresql pgbouncer): %v", name, err)
	}
	top.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // by a signal: that is its error
		log.Close()
	})
}

// postgres does what the image's entrypoint does on its first start: initdb with POSTGRES_INITDB_ARGS, a rule for everybody
// from everywhere, a server on the socket only to run the mounted files with psql, then the server itself.
func (top *topology) postgres() {
	top.t.Helper()
	s, data := top.c.Services["postgres"], filepath.Join(top.dir, "data")
	password := filepath.Join(top.dir, "password")
	if err := os.WriteFile(password, []byte(top.env["POSTGRES_PASSWORD"]+"\n"), 0o644); err != nil {
		top.t.Fatal(err)
	}
	initdb := []string{"-D", data, "--username=postgres", "--pwfile=" + password, "--encoding=UTF8", "--locale=C.UTF-8"}
	top.do(top.command("postgres", filepath.Join(top.bin, "initdb"), append(initdb, strings.Fields(s.Environment["POSTGRES_INITDB_ARGS"])...)...))
	hba, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		top.t.Fatal(err)
	}
	if _, err := hba.WriteString("\nhost all all all scram-sha-256\n"); err != nil {
		top.t.Fatal(err)
	}
	hba.Close()
	args := append([]string{"-D", data, "-k", top.dir, "-p", top.env["POSTGRES"]}, s.Command[1:]...)
	first := append([]string{"-D", data, "-w", "-l", filepath.Join(top.dir, "first.log"), "start", "-o"}, strings.Join(append(args[2:], "-c", "listen_addresses=''"), " "))
	top.do(top.command("postgres", filepath.Join(top.bin, "pg_ctl"), first...))
	top.psql("postgres", "-c", "CREATE DATABASE "+s.Environment["POSTGRES_DB"])
	for _, file := range top.mounted() {
		top.psql(s.Environment["POSTGRES_DB"], "-f", file)
	}
	top.do(top.command("postgres", filepath.Join(top.bin, "pg_ctl"), "-D", data, "-m", "fast", "-w", "stop"))
	top.up(top.command("postgres", filepath.Join(top.bin, "postgres"), args...), "postgres")
	top.await("postgres:5432")
}

// mounted are the files of docker-entrypoint-initdb.d, in the order in which they are run.
func (top *topology) mounted() []string {
	files := map[string]string{}
	for _, v := range top.c.Services["postgres"].Volumes {
		if from, to, _ := strings.Cut(strings.TrimSuffix(v, ":ro"), ":"); strings.HasPrefix(to, "/docker-entrypoint-initdb.d/") {
			files[to] = from
		}
	}
	var all []string
	for _, to := range slices.Sorted(maps.Keys(files)) {
		all = append(all, files[to])
	}
	return all
}

func (top *topology) psql(database string, args ...string) {
	top.t.Helper()
	cmd := exec.Command("psql", append([]string{"-v", "ON_ERROR_STOP=1", "--username", "postgres", "--no-password", "--no-psqlrc", "--dbname", database}, args...)...)
	cmd.Env = append(top.environment("postgres"), "PATH="+os.Getenv("PATH"), "PGHOST="+top.dir, "PGPORT="+top.env["POSTGRES"], "PGPASSWORD="+top.env["POSTGRES_PASSWORD"])
	if said := top.do(cmd); strings.Contains(said, "1234567890") {
		top.t.Errorf("psql repeats a password: %s", said)
	}
}

// pgbouncer runs what the service runs, on its configuration.
func (top *topology) pgbouncer() {
	top.t.Helper()
	s := top.c.Services["pgbouncer"]
	from, to, _ := strings.Cut(strings.TrimSuffix(s.Volumes[0], ":ro"), ":")
	config, err := os.ReadFile(from)
	if err != nil {
		top.t.Fatal(err)
	}
	if err := os.WriteFile(top.moved.Replace(to), []byte(top.moved.Replace(string(config))), 0o644); err != nil {
		top.t.Fatal(err)
	}
	script := top.moved.Replace(filled(top.t, s.Command[0], top.env))
	top.up(top.command("pgbouncer", s.Entrypoint[0], append(slices.Clone(s.Entrypoint[1:]), script)...), "pgbouncer")
	top.await("pgbouncer:6432")
	info, err := os.Stat(filepath.Join(top.dir, "userlist.txt"))
	if err != nil || info.Mode().Perm() != 0o600 {
		top.t.Errorf("the file with the password: %v, %v", info.Mode(), err)
	}
}

// await returns when somebody listens on an address of the containers.
func (top *topology) await(address string) {
	top.t.Helper()
	ctx, cancel := context.WithTimeout(top.t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", top.moved.Replace(address))
		if err == nil {
			conn.Close()
			return
		}
		if ctx.Err() != nil {
			top.t.Fatalf("nothing listens for %s: %v", address, err)
		}
	}
}

// program is the app of a service, in the image's environment and the service's. Clerk is the sandbox, which the app is told
// of as of any Clerk.
func (top *topology) program(name string, clerk *sandbox.Server, args ...string) *exec.Cmd {
	secret, publishable := clerk.Keys()
	top.env["CLERK_SECRET_KEY"], top.env["CLERK_PUBLISHABLE_KEY"] = secret, publishable
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(top.environment(name), "RUN_AS_PROGRAM=1", "ADDR=127.0.0.1:"+top.env["APP"], "DATA_DIR=off", "CLERK_API_URL="+clerk.URL())
	return cmd
}

func TestTheComposedTopologyWorksWithExactlyTheseFiles(t *testing.T) {
	t.Parallel()
	top := newTopology(t)
	top.postgres()
	top.pgbouncer()
	clerk, err := sandbox.Start(sandbox.Options{AppOrigin: top.env["BASE_URL"], Seed: command.SandboxSeed()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clerk.Close(context.Background()) }) // connections of the test's browser may linger
	for _, name := range []string{"SESSION_KEYS", "SEAL_KEYS"} {
		top.env[name] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	}

	if said := top.do(top.program("migrate", clerk, top.c.Services["migrate"].Command...)); !strings.Contains(said, "The database is up to date.") {
		t.Fatalf("migrate said %s", said)
	}
	top.do(top.program("app", clerk, "demo"))
	running(t, top.program("app", clerk))
	page, _ := fetch(t, signedIn(t, top.env["APP"]), top.env["BASE_URL"]+"/jobs")
	if n := strings.Count(page, `<li class="row">`); n != 50 {
		t.Errorf("%d jobs", n)
	}
	top.do(top.program("app", clerk, "health"))
	if said := top.do(top.program("app", clerk, "doctor")); !strings.Contains(said, "no finding") {
		t.Errorf("doctor said %s", said)
	}

	for _, who := range []string{"app_tenant", "app_control", "app_owner", "postgres"} {
		for _, address := range []string{"postgres:5432", "pgbouncer:6432"} {
			cmd := exec.Command("psql", "postgres://"+who+":wrong@"+top.moved.Replace(address)+"/app", "-c", "SELECT 1")
			if said, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("%s comes in at %s with a wrong password: %s", who, address, said)
			}
		}
	}
	for who, password := range map[string]string{"app_control": "APP_CONTROL_PASSWORD", "app_owner": "APP_OWNER_PASSWORD", "postgres": "POSTGRES_PASSWORD"} {
		cmd := exec.Command("psql", "postgres://"+who+":"+top.env[password]+"@"+top.moved.Replace("pgbouncer:6432")+"/app", "-c", "SELECT 1")
		if said, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s comes in through the pooler: %s", who, said)
		}
	}
}
