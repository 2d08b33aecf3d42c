// Package pooler runs PgBouncer in transaction mode as a child process, before a Postgres that is reached by a Unix socket.
// What is proven or measured through it is what an installation behind a pooler of its own would see. The app itself never
// needs one.
package pooler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"upwork-ai-agent/db/internal/child"
)

// ErrMissing says that PgBouncer is not installed, and which command installs it.
var ErrMissing = errors.New("PgBouncer is not installed (on Debian: apt-get install pgbouncer; on macOS: brew install pgbouncer)")

// port names the socket file; nothing listens on TCP.
const port = 6432

// Pooler is a running PgBouncer.
type Pooler struct {
	dir     string // its socket, configuration and log; private to the account that runs it
	process *child.Process
	again   func(context.Context) error // runs it once more, as it was
}

// Start runs PgBouncer before the server that direct leads to, which must be on a Unix socket and ask for no password. The
// roles may log in through it. settings are further ones of its section [pgbouncer], by name, for example
// default_pool_size; they replace the ones made here. It returns ErrMissing when there is no PgBouncer to run.
func Start(ctx context.Context, direct string, roles []string, settings map[string]string) (*Pooler, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	server, err := pgconn.ParseConfig(direct)
	if err != nil || !filepath.IsAbs(server.Host) {
		return nil, errors.New("pooler: it runs before a server on a Unix socket only")
	}
	p := &Pooler{}
	if p.dir, err = os.MkdirTemp("", "pooler"); err != nil { // of mode 0700: whoever may enter is trusted
		return nil, fmt.Errorf("pooler: %w", err)
	}
	p.again = func(ctx context.Context) error { return p.run(ctx, program, server.Copy(), roles, settings) }
	if err := p.again(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("pooler: %w", err), os.RemoveAll(p.dir))
	}
	return p, nil
}

// find looks beside PATH as well: distributions put it where ordinary users do not search.
func find() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

func (p *Pooler) run(ctx context.Context, program string, server *pgconn.Config, roles []string, settings map[string]string) error {
	var users strings.Builder
	for _, r := range roles {
		fmt.Fprintf(&users, "%q \"\"\n", r)
	}
	cmd := exec.Command(program, "-q", p.file("config"))
	cmd.Dir, cmd.Env = "/", []string{} // nothing of ours: keys are in it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for name, content := range map[string]string{"config": p.config(server, settings), "users": users.String()} {
		if err := os.WriteFile(p.file(name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := p.runAsOwner(cmd, server.Host); err != nil {
		return err
	}
	var err error
	if p.process, err = child.Start(cmd, syscall.SIGTERM); err != nil {
		return err
	}
	server.Host, server.Port, server.User = p.dir, port, roles[0]
	if err := p.await(ctx, server); err != nil {
		return errors.Join(err, p.end())
	}
	return nil
}

func (p *Pooler) file(name string) string { return filepath.Join(p.dir, name) }

func (p *Pooler) config(server *pgconn.Config, settings map[string]string) string {
	all := map[string]string{
		"listen_addr": "", "listen_port": strconv.Itoa(port), "unix_socket_dir": p.dir,
		"auth_type": "trust", "auth_file": p.file("users"), "logfile": p.file("log"),
		"pool_mode": "transaction", "max_client_conn": "500",
	}
	maps.Copy(all, settings)
	var b strings.Builder
	fmt.Fprintf(&b, "[databases]\n* = host=%s port=%d\n[pgbouncer]\n", server.Host, server.Port)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s = %s\n", name, all[name])
	}
	return b.String()
}

// runAsOwner runs cmd as the account that may reach Postgres's socket: PgBouncer refuses to run as root.
func (p *Pooler) runAsOwner(cmd *exec.Cmd, socket string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(socket)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid == 0 {
		return errors.New("PgBouncer refuses to run as root, to whom the server's socket belongs")
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	return os.Lchown(p.dir, int(owner.Uid), int(owner.Gid))
}

// patience is how long a start may take.
const patience = 10 * time.Second

// await returns when a client has reached the server through the pooler.
func (p *Pooler) await(ctx context.Context, client *pgconn.Config) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := pgconn.ConnectConfig(ctx, client)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.process.Done():
			return fmt.Errorf("PgBouncer ended: %s", p.said())
		case <-ctx.Done():
			return fmt.Errorf("PgBouncer does not answer: %w: %s", err, p.said())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// said is what PgBouncer has logged.
func (p *Pooler) said() string {
	log, err := os.ReadFile(p.file("log"))
	if err != nil {
		return "it has no log"
	}
	return strings.TrimSpace(string(log))
}

// URL leads through the pooler to where direct leads, as the same role.
func (p *Pooler) URL(direct string) string {
	u, err := url.Parse(direct)
	if err != nil {
		return "" // which nothing connects to
	}
	q := u.Query()
	q.Set("host", p.dir)
	q.Set("port", strconv.Itoa(port))
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

// Down disconnects every client and ends PgBouncer, until Up.
func (p *Pooler) Down() error { return p.end() }

// Up runs PgBouncer again after Down, at the same address.
func (p *Pooler) Up(ctx context.Context) error { return p.again(ctx) }

// Stop disconnects every client, ends PgBouncer and removes what it has left.
func (p *Pooler) Stop() error {
	return errors.Join(p.end(), os.RemoveAll(p.dir))
}

func (p *Pooler) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := p.process.Stop(ctx, syscall.SIGTERM, syscall.SIGKILL)
	var told *exec.ExitError
	if errors.As(err, &told) { // with a code that says that clients were disconnected
		return nil
	}
	return err
}
