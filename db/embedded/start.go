//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"upwork-ai-agent/db/internal/child"
)

// patience is how long a start waits for what an earlier server left behind: one that is still shutting down, or
// processes that hold its shared memory after their postmaster was killed.
const patience = 30 * time.Second

func start(ctx context.Context, o Options, sys system) (*Server, error) {
	dataDir, err := prepareDataDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	o.DataDir = dataDir
	guard, err := lock(ctx, dataDir, startLock)
	if err != nil {
		return nil, err
	}
	defer func() { _ = guard.Close() }() // frees the lock; nothing was written
	if s, err := join(ctx, o); s != nil || err != nil {
		return s, err
	}
	return launch(ctx, o, sys)
}

// running looks once, and briefly.
func running(dataDir string) (*Server, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, _, err := look(ctx, dataDir)
	return s, err == nil && s != nil
}

// look greets the server that a postmaster.pid names, and returns its pid. No server: nil, and no error. One that is
// just starting or stopping: errNotYet.
func look(ctx context.Context, dataDir string) (*Server, int, error) {
	for _, c := range clusters(dataDir) {
		st, ok := c.status()
		if !ok || st.socketDir == "" || syscall.Kill(st.pid, 0) != nil || impostor(st.pid) {
			continue
		}
		version, err := greet(ctx, st.socketDir)
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
			continue // the pid lives, the socket does not: what is left, Postgres judges at the start
		}
		if err != nil {
			return nil, 0, err
		}
		// A stale file of one cluster may name the socket that now serves another.
		if version == "" || strings.HasPrefix(version, strconv.Itoa(c.major)+".") {
			return &Server{socketDir: st.socketDir, version: version}, st.pid, nil
		}
	}
	return nil, 0, nil
}

// join returns the running server, or nil when there is none. A server whose owner is gone is stopped first, but for a
// guest: it has no one left to end it, or is about to end because the kernel has just told it so.
func join(ctx context.Context, o Options) (*Server, error) {
	for told := 0; ; {
		s, pid, err := look(ctx, o.DataDir)
		if err != nil && !errors.Is(err, errNotYet) || s == nil && err == nil {
			return nil, err
		}
		if err == nil {
			has, err := owned(o.DataDir)
			if err != nil {
				return nil, err
			}
			if has || o.Guest {
				o.logf("Postgres %s is running already: joined", s.version)
				return s, nil
			}
			if pid != told {
				told = pid
				o.logf("Postgres %s runs without its app: stopping it", s.version)
				if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
					return nil, fmt.Errorf("stop the Postgres that runs without its app (process %d): %w", pid, err)
				}
			}
		}
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// launch makes everything that a server needs, then runs it as a child.
func launch(ctx context.Context, o Options, sys system) (*Server, error) {
	began := time.Now()
	existing := clusters(o.DataDir)
	b, as, err := sys.obtain(ctx, o, existing)
	if err != nil {
		return nil, err
	}
	c := clusterOf(o.DataDir, b.version.major)
	fresh := !slices.Contains(existing, c)
	if fresh {
		o.logf("Making a database with Postgres %s (%s) in %s", b.version, b.dir, c.dir)
		if err := c.create(ctx, b, as, o.Fast); err != nil {
			return nil, fmt.Errorf("make the database: %w", err)
		}
	}
	s, err := attempt{c, b, as, socketDir(o.DataDir)}.run(ctx, o)
	if err != nil {
		return nil, err
	}
	s.fresh = fresh
	o.logf("Postgres %s is ready after %d ms", b.version, time.Since(began).Milliseconds())
	return s, nil
}

// attempt is what one try to run the server needs.
type attempt struct {
	cluster cluster
	with    binaries
	as      account
	socket  string
}

// errLeftover: something of an earlier server is still there.
var errLeftover = errors.New("an earlier server still holds the data")

// run makes this process the owner of a running server.
func (a attempt) run(ctx context.Context, o Options) (*Server, error) {
	owner, err := lock(ctx, o.DataDir, ownerLock)
	if err != nil {
		return nil, err
	}
	c, version, err := a.repeat(ctx, o)
	if err != nil {
		return nil, errors.Join(err, owner.Close())
	}
	released := make(chan struct{})
	go func() {
		<-c.Done()
		_ = os.Remove(a.socket) // not when a server that was killed has left its socket there
		_ = owner.Close()       // frees the lock; nothing was written
		close(released)
	}()
	stop := func(ctx context.Context) error {
		err := c.Stop(ctx, syscall.SIGINT, syscall.SIGQUIT)
		<-released
		return err
	}
	return &Server{socketDir: a.socket, version: version, stop: stop, ended: c.Done()}, nil
}

// repeat tries until the leftovers of an earlier server are gone.
func (a attempt) repeat(ctx context.Context, o Options) (*child.Process, string, error) {
	if err := makeSocketDir(a.socket, a.as); err != nil {
		return nil, "", err
	}
	for deadline := time.Now().Add(patience); ; {
		c, version, err := a.once(ctx, o)
		if !errors.Is(err, errLeftover) || time.Now().After(deadline) {
			return c, version, err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return nil, "", err
		}
	}
}

// once runs the server until it accepts connections. When it ends instead, the error is what it said.
func (a attempt) once(ctx context.Context, o Options) (*child.Process, string, error) {
	log, err := a.cluster.openLog()
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = log.Close() }() // the server has its own; this one is only read
	info, err := log.Stat()
	if err != nil {
		return nil, "", err
	}
	c, err := child.Start(a.server(o, log), syscall.SIGINT)
	if err != nil {
		return nil, "", err
	}
	version, err := a.ready(ctx, c)
	if errors.Is(err, errEnded) {
		return nil, "", a.explain(said(log, info.Size()))
	}
	if err != nil {
		// ctx may be why; the child must be gone before this returns.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, "", errors.Join(err, c.Stop(grace, syscall.SIGINT, syscall.SIGQUIT))
	}
	return c, version, nil
}

func (a attempt) server(o Options, log *os.File) *exec.Cmd {
	cmd := command(a.as, a.with.path("postgres"), append([]string{"-D", a.cluster.dir}, settings(o, a.socket)...)...)
	cmd.Stdout, cmd.Stderr = log, log
	// Postgres refuses to start while the pid of a stale lock lives. It makes an exception for a pid that its starter
	// vouches for; it still checks the shared memory.
	if st, ok := a.cluster.status(); ok && impostor(st.pid) {
		cmd.Env = environment("PG_GRANDPARENT_PID=" + strconv.Itoa(st.pid))
	}
	return cmd
}

var errEnded = errors.New("the server ended")

// ready waits until the server serves. postmaster.pid is looked at first: it is cheap, and a greeting that comes too
// early is an error in the log.
func (a attempt) ready(ctx context.Context, c *child.Process) (string, error) {
	for {
		if st, ok := a.cluster.status(); ok && st.pid == c.PID() && st.ready() {
			version, err := greet(ctx, a.socket)
			if !errors.Is(err, errNotYet) {
				return version, err
			}
		}
		select {
		case <-c.Done():
			return "", errEnded
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// explain tells leftovers, which pass, from everything else. The server speaks English here: its locale is C.
func (a attempt) explain(said string) error {
	locked := strings.Contains(said, "lock file ") && strings.Contains(said, " already exists")
	if locked || strings.Contains(said, "pre-existing shared memory block") {
		return fmt.Errorf("%w:\n%s", errLeftover, said)
	}
	return fmt.Errorf("the server did not start (log: %s):\n%s", a.cluster.logFile(), said)
}
