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
	"slices"
	"strings"
	"syscall"

	"upwork-ai-agent/db/internal/child"
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

// output runs a short program of Postgres to its end and returns what it printed. The error holds what it complained of.
func output(ctx context.Context, as account, path string, args ...string) (string, error) {
	var out, complaint strings.Builder
	cmd := command(as, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	c, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		// The whole group: initdb has children of its own.
		err := syscall.Kill(-c.PID(), syscall.SIGKILL)
		<-c.Done()
		return "", errors.Join(ctx.Err(), err)
	}
	if c.Err() != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(path), c.Err(), strings.TrimSpace(complaint.String()))
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

// Write keeps the end of p and of what came before.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-t.most):]
	return len(p), nil
}

// String is what was kept, without the blanks around it.
func (t *tail) String() string { return strings.TrimSpace(string(t.kept)) }
