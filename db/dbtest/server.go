package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/migrate"
)

const (
	sharedName   = "app"
	templateName = "app_template"
)

// Server is a Postgres for tests, with one migrated database.
type Server struct {
	Database *Database
	dir      string
	options  embedded.Options
	pg       *embedded.Server
}

// Alone is a server of this test's own, which it may crash. What it has acknowledged survives that, as on a server that is
// not for tests.
func Alone(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	// Not t.TempDir: when the tests run as root, Postgres runs as another user, who must get there.
	dir, err := os.MkdirTemp("", "dbtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, options: embedded.Options{
		DataDir: filepath.Join(dir, "data"), BinDir: os.Getenv("POSTGRES_BIN"), Log: io.Discard, Fast: true,
		// Fast would give up what was committed last when the server crashes; only a crash of the machine may.
		Settings: map[string]string{"max_connections": "300", "synchronous_commit": "on"},
	}}
	if err := os.Chmod(dir, 0o755); err != nil {
		return s, err
	}
	if s.pg, err = embedded.Start(ctx, s.options); err != nil {
		return s, fmt.Errorf("no Postgres for the tests (on Debian: apt-get install postgresql): %w", err)
	}
	if err := migrate.Cluster(ctx, s.url("postgres"), templateName); err != nil {
		return s, err
	}
	if err := migrate.Up(ctx, s.pg.URL("app_owner", templateName), io.Discard); err != nil {
		return s, err
	}
	if err := s.clone(ctx, sharedName); err != nil {
		return s, err
	}
	s.Database, err = s.open(ctx, sharedName)
	return s, err
}

// stop ends the server and removes what it had. A nil server was never started.
func (s *Server) stop() error {
	if s == nil {
		return nil
	}
	if s.Database != nil {
		s.Database.DB.Close()
	}
	if s.pg != nil {
		if err := s.pg.Stop(context.Background()); err != nil {
			return err
		}
	}
	return os.RemoveAll(s.dir)
}

// Crash ends the server as an immediate shutdown does: every connection is dropped without a word, and the next start
// recovers.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.options.DataDir, "postgres-*", "postmaster.pid"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d servers run: %v", len(found), err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 {
		t.Fatalf("process %q: %v", first, err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	var crashed *exec.ExitError
	if err := s.pg.Stop(context.Background()); err != nil && !errors.As(err, &crashed) {
		t.Fatal(err)
	}
}

// Restart starts the server again after Crash, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	pg, err := embedded.Start(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.pg = pg
}

func (s *Server) url(role string) func(database string) string {
	return func(database string) string { return s.pg.URL(role, database) }
}

// clone makes a database from the migrated template. What a database grants is not copied with it.
func (s *Server) clone(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.pg.URL("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER app_owner TEMPLATE %s", pgx.Identifier{name}.Sanitize(), templateName)); err != nil {
		return err
	}
	return migrate.Cluster(ctx, s.url("postgres"), name)
}

func (s *Server) open(ctx context.Context, name string) (*Database, error) {
	d := &Database{Name: name, Key: bytes.Repeat([]byte{7}, 32), server: s}
	var err error
	if d.DB, err = d.Open(ctx, d.Key); err != nil {
		return nil, err
	}
	return d, nil
}
