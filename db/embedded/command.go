//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// environment is what the server and initdb get of ours: how to find libraries and locales. The rest stays here,
// because a superuser can read it from inside the server, and keys are among it; PG… variables would change what runs.
func environment(more ...string) []string {
	env := append(more, "LC_ALL=C")
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "LOCPATH", "LOCALE_ARCHIVE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// command prepares a program of Postgres. Its own process group keeps the terminal's Ctrl-C away: the app drains
// first, then stops the server.
func command(as account, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/" // the account may not be able to enter ours
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as.credential}
	return cmd
}

// child is a started process whose end is noticed.
type child struct {
	process *os.Process
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; read after done
}

// spawn starts cmd from a goroutine that stays on its thread until the process has ended: Linux sends the parent-death
// signal when the *thread* that forked ends, and Go ends idle threads as it likes.
func spawn(cmd *exec.Cmd, onParentDeath syscall.Signal) (*child, error) {
	dieWithParent(cmd.SysProcAttr, onParentDeath)
	started := make(chan error)
	c := &child{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			c.process = cmd.Process
		}
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// stop ends the process with a signal; when ctx ends first, with a harder one. It returns when the process is gone.
func (c *child) stop(ctx context.Context, soft, hard syscall.Signal) error {
	if err := c.process.Signal(soft); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	err := c.process.Signal(hard)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-c.done
	return errors.Join(ctx.Err(), err)
}

// output runs a short program of Postgres to its end and returns what it printed. The error holds what it complained of.
func output(ctx context.Context, as account, path string, args ...string) (string, error) {
	var out, complaint strings.Builder
	cmd := command(as, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	c, err := spawn(cmd, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		// The whole group: initdb has children of its own.
		err := syscall.Kill(-c.process.Pid, syscall.SIGKILL)
		<-c.done
		return "", errors.Join(ctx.Err(), err)
	}
	if c.err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(path), c.err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// show runs a program of the system (a package manager) and passes on what it prints. It is interrupted, never killed:
// a package manager must be able to leave things in order.
func show(ctx context.Context, log io.Writer, dir string, env []string, path string, args ...string) error {
	if log == nil {
		log = io.Discard
	}
	tail := &tail{most: 2 << 10}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, slices.Concat(os.Environ(), env)
	cmd.Stdout = io.MultiWriter(log, tail)
	cmd.Stderr = cmd.Stdout
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(path), args[0], errors.Join(err, ctx.Err()), tail)
	}
	return nil
}

// tail keeps the last bytes written to it.
type tail struct {
	most int
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-t.most):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.kept)) }
