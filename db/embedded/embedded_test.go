//go:build linux || darwin

package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/amacneil/dbmate/v2/pkg/dbmate"
	_ "github.com/amacneil/dbmate/v2/pkg/driver/postgres"
	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq"
)

// asApp makes this test binary behave as the app: it starts the server of the directory, says so, and stops it when
// its input ends.
const asApp = "EMBEDDED_TEST_APP"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asApp); dir != "" {
		if err := actAsApp(dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func actAsApp(dir string) error {
	s, err := Start(context.Background(), Options{DataDir: dir, Fast: true})
	if err != nil {
		return err
	}
	fmt.Printf("joined=%v\n", s.Joined())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Stop(context.Background())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tempDir is a directory that the server's account can enter; those of testing.T are closed to all but their maker.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded")
	must(t, err)
	must(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func begin(t *testing.T, o Options) *Server {
	t.Helper()
	o.Fast = true
	s, err := Start(t.Context(), o)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL(Superuser, "postgres"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone by then
	return conn
}

func run(t *testing.T, s *Server, statement string) {
	t.Helper()
	_, err := connect(t, s).Exec(t.Context(), statement)
	must(t, err)
}

func answer(t *testing.T, s *Server, query string) string {
	t.Helper()
	var text string
	must(t, connect(t, s).QueryRow(t.Context(), query).Scan(&text))
	return text
}

// pidOf is the process of the server whose cluster is in dataDir.
func pidOf(t *testing.T, dataDir string) int {
	t.Helper()
	for _, c := range clusters(dataDir) {
		if st, ok := c.status(); ok {
			return st.pid
		}
	}
	t.Fatalf("no server in %s", dataDir)
	return 0
}

// gone waits until a process has ended, or is but a zombie.
func gone(pid int) bool {
	for range 1000 {
		if syscall.Kill(pid, 0) != nil || impostor(pid) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func TestARestartKeepsTheData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "not", "yet", "there")

	first := begin(t, Options{DataDir: dir})
	if !first.Fresh() || first.Joined() {
		t.Errorf("first start: fresh %v, joined %v", first.Fresh(), first.Joined())
	}
	run(t, first, `CREATE TABLE kept AS SELECT 'kept' AS word`)
	must(t, first.Stop(t.Context()))
	must(t, first.Stop(t.Context()))
	if _, ok := Running(dir); ok {
		t.Error("a stopped server is still found")
	}

	second := begin(t, Options{DataDir: dir})
	if second.Fresh() || second.Joined() {
		t.Errorf("second start: fresh %v, joined %v", second.Fresh(), second.Joined())
	}
	if got := answer(t, second, `SELECT word FROM kept`); got != "kept" {
		t.Errorf("word = %q", got)
	}
}

func TestTheServerIsShutToEverybodyElse(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, Options{DataDir: dir, Settings: map[string]string{
		"max_connections": "17", "listen_addresses": "127.0.0.1", "log_parameter_max_length": "100",
	}})
	settings := map[string]string{
		"max_connections": "17", "listen_addresses": "", "log_parameter_max_length": "0", "unix_socket_permissions": "0700",
		"server_encoding": "UTF8", "lc_collate": "C", "data_checksums": "on", "data_directory_mode": "0700", "fsync": "off",
	}
	for name, want := range settings {
		if got := answer(t, s, `SHOW `+name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	info, err := os.Stat(s.socketDir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the socket's directory: %v", info.Mode())
	}
	pid := pidOf(t, dir)
	group, err := syscall.Getpgid(pid)
	must(t, err)
	if group != pid {
		t.Error("the server is in the app's process group: Ctrl-C would reach it")
	}
	if owner := stat(t, clusterDir(t, dir)).Uid; owner == 0 {
		t.Error("the cluster belongs to root")
	}
}

func clusterDir(t *testing.T, dataDir string) string {
	t.Helper()
	found := clusters(dataDir)
	if len(found) != 1 {
		t.Fatalf("%d clusters in %s", len(found), dataDir)
	}
	return found[0].dir
}

func stat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t)
}

func TestTheEnvironmentStaysOutOfTheServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	runApp(t, dir, "SEAL_KEYS=tell-nobody", "PGPORT=1", "PGSERVICE=none", "PGSSLMODE=require").says(t)
	s, ok := Running(dir)
	if !ok {
		t.Fatal("not running")
	}
	run(t, s, `CREATE TABLE seen (line text); COPY seen FROM PROGRAM 'env'`)
	if got := answer(t, s, `SELECT count(*) FILTER (WHERE line LIKE 'PATH=%') || ',' || count(*) FILTER (WHERE line LIKE '%tell-nobody%') FROM seen`); got != "1,0" {
		t.Errorf("lines with PATH, with a key: %s", got)
	}
}

func TestEveryDriverReadsTheURL(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), `a "quoted" place, & more`)
	s := begin(t, Options{DataDir: dir})
	run(t, s, `CREATE ROLE "wo@nd/er" LOGIN`)
	address := s.URL("wo@nd/er", "postgres")
	const who = `SELECT current_user || ' in ' || current_database()`
	const want = "wo@nd/er in postgres"
	var got string

	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	must(t, conn.QueryRow(t.Context(), who).Scan(&got))
	must(t, conn.Close(t.Context()))
	if got != want {
		t.Errorf("pgx: %q", got)
	}

	pool, err := sql.Open("postgres", address)
	must(t, err)
	must(t, pool.QueryRowContext(t.Context(), who).Scan(&got))
	must(t, pool.Close())
	if got != want {
		t.Errorf("lib/pq: %q", got)
	}

	parsed, err := url.Parse(s.URL(Superuser, "made_by_dbmate"))
	must(t, err)
	migrator := dbmate.New(parsed)
	migrator.Log = io.Discard
	must(t, migrator.Create())
	if got := answer(t, s, `SELECT count(*)::text FROM pg_database WHERE datname = 'made_by_dbmate'`); got != "1" {
		t.Errorf("databases that dbmate made: %s", got)
	}
}

// A directory that only its owner can enter serves a user well. Root's server runs as somebody else and cannot use it.
func TestAPrivateParentIsFineForAUserAndRefusedForRoot(t *testing.T) {
	t.Parallel()
	parent := tempDir(t)
	must(t, os.Chmod(parent, 0o700))

	s, err := Start(t.Context(), Options{DataDir: filepath.Join(parent, "data"), Fast: true})

	if os.Geteuid() != 0 {
		must(t, err)
		must(t, s.Stop(t.Context()))
	} else if err == nil || !strings.Contains(err.Error(), "set DATA_DIR to a directory outside root's home") {
		t.Errorf("error = %v", err)
	}
}

func TestABadDataDirIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{DataDir: "relative/place"})
	if err == nil || !strings.Contains(err.Error(), "not an absolute path") {
		t.Errorf("error = %v", err)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{DataDir: tempDir(t), Fast: true, Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error = %v", err)
	}
}

// The suite runs as root in containers: the same must hold for an ordinary user.
func TestAnOrdinaryUserCanDoTheSame(t *testing.T) {
	t.Parallel()
	as, err := serverAccount("/nonexistent")
	must(t, err)
	dir := tempDir(t)
	binary := filepath.Join(dir, "test")
	content, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(binary, content, 0o755))
	must(t, os.Chmod(binary, 0o755))
	place := filepath.Join(dir, "place")
	must(t, os.Mkdir(place, 0o700))
	must(t, as.give(place))

	cmd := exec.Command(binary, "-test.v", "-test.run=^(TestARestartKeepsTheData|TestASecondProcess.*|TestAfterTheAppWasKilled.*|TestTheServerIsShut.*|TestAPrivateParent.*)$")
	cmd.Dir, cmd.Env = place, append(os.Environ(), "TMPDIR="+place)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential}
	out, err := cmd.CombinedOutput()

	if passed := strings.Count(string(out), "\n--- PASS"); err != nil || passed != 5 {
		t.Errorf("as %q: %d tests passed, %v\n%s", as.name, passed, err, out)
	}
}

func BenchmarkWarmStartAndStop(b *testing.B) {
	dir, err := os.MkdirTemp("", "embedded")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for range b.N + 1 { // the first one is cold
		began := time.Now()
		s, err := Start(b.Context(), Options{DataDir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if s.Fresh() {
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "cold-ms")
			defer b.ResetTimer()
		}
		if err := s.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
