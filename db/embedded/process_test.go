package embedded

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// app is this test binary running as the app.
type app struct {
	cmd   *exec.Cmd
	input io.Closer
	lines *bufio.Scanner
}

func runApp(t *testing.T, dir string, env ...string) *app {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), asApp+"="+dir), env...)
	input, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have ended it already
		_ = cmd.Wait()
	})
	return &app{cmd, input, bufio.NewScanner(out)}
}

// says waits for the app's line.
func (a *app) says(t *testing.T) string {
	t.Helper()
	if !a.lines.Scan() {
		t.Fatalf("the app said nothing: %v", a.lines.Err())
	}
	return a.lines.Text()
}

// ends closes the app's input and waits for its orderly end.
func (a *app) ends(t *testing.T) {
	t.Helper()
	must(t, a.input.Close())
	must(t, a.cmd.Wait())
}

func (a *app) killed(t *testing.T) {
	t.Helper()
	must(t, a.cmd.Process.Kill())
	if err := a.cmd.Wait(); err == nil {
		t.Fatal("a killed app ended well")
	}
}

func TestASecondProcessJoinsAndNeverStopsTheServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, Options{DataDir: dir})

	second := runApp(t, dir)
	if got := second.says(t); got != "joined=true" {
		t.Errorf("the second process: %s", got)
	}
	second.ends(t)

	if got := answer(t, s, `SELECT 'alive'`); got != "alive" {
		t.Error(got)
	}
	found, ok := Running(dir)
	if !ok || !found.Joined() || found.URL("a", "b") != s.URL("a", "b") {
		t.Errorf("Running = %+v, %v", found, ok)
	}
	must(t, found.Stop(t.Context()))
	if got := answer(t, s, `SELECT 'alive'`); got != "alive" {
		t.Error(got)
	}
}

func TestOfProcessesThatStartTogetherOneOwnsTheServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	apps := []*app{runApp(t, dir), runApp(t, dir), runApp(t, dir), runApp(t, dir)}
	said := map[string]int{}
	var owner *app
	for _, a := range apps {
		line := a.says(t)
		said[line]++
		if line == "joined=false" {
			owner = a
		}
	}
	if said["joined=false"] != 1 || said["joined=true"] != 3 {
		t.Fatalf("they said %v", said)
	}
	for _, a := range apps {
		if a != owner {
			a.ends(t)
		}
	}
	if _, ok := Running(dir); !ok {
		t.Error("the server ended with a process that had joined it")
	}
	owner.ends(t)
	if _, ok := Running(dir); ok {
		t.Error("the server outlived its owner")
	}
}

func TestAfterTheAppWasKilledTheNextStartHasEverythingCommitted(t *testing.T) {
	t.Parallel()
	crashes := map[string]func(t *testing.T, a *app, server int){
		"app killed":            func(t *testing.T, a *app, _ int) { a.killed(t) },
		"app and server killed": func(t *testing.T, a *app, server int) { must(t, syscall.Kill(server, syscall.SIGKILL)); a.killed(t) },
		"server killed":         func(t *testing.T, _ *app, server int) { must(t, syscall.Kill(server, syscall.SIGKILL)) },
	}
	for name, crash := range crashes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			a := runApp(t, dir)
			a.says(t)
			s, ok := Running(dir)
			if !ok {
				t.Fatal("not running")
			}
			run(t, s, `CREATE TABLE kept AS SELECT 'committed' AS word`)
			server := pidOf(t, dir)

			crash(t, a, server)

			next := begin(t, Options{DataDir: dir})
			if next.Joined() || next.Fresh() {
				t.Errorf("joined %v, fresh %v", next.Joined(), next.Fresh())
			}
			if pidOf(t, dir) == server {
				t.Error("the old server is still there")
			}
			if got := answer(t, next, `SELECT word FROM kept`); got != "committed" {
				t.Errorf("word = %q", got)
			}
		})
	}
}

// byHand makes a cluster in dir with a table, and runs its server without an app.
func byHand(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	first := begin(t, Options{DataDir: dir})
	run(t, first, `CREATE TABLE kept AS SELECT 'kept' AS word`)
	must(t, first.Stop(t.Context()))
	as, err := serverAccount(dir)
	must(t, err)
	usable, unusable := thisSystem().find(t.Context(), dir, as)
	b, err := choose(usable, clusters(dir))
	if err != nil {
		t.Fatal(err, unusable)
	}
	must(t, makeSocketDir(socketDir(dir), as))
	orphan := command(as, b.path("postgres"), append([]string{"-D", clusterDir(t, dir)}, settings(Options{}, socketDir(dir))...)...)
	must(t, orphan.Start())
	t.Cleanup(func() {
		_ = orphan.Process.Signal(os.Interrupt) // gone already where the next start has stopped it
		_ = orphan.Wait()
	})
	waiting := time.Now()
	for found := false; !found; _, found = Running(dir) {
		if time.Since(waiting) > 10*time.Second {
			t.Fatal("the server without an app did not start")
		}
	}
	return orphan
}

func TestAGuestNeverStopsAServerThatSomebodyStartedByHand(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	server := byHand(t, dir).Process.Pid

	guest := begin(t, Options{DataDir: dir, Guest: true})

	if got := answer(t, guest, `SELECT word FROM kept`); got != "kept" || !guest.Joined() {
		t.Errorf("joined %v, word = %q", guest.Joined(), got)
	}
	must(t, guest.Stop(t.Context()))
	if s, ok := Running(dir); !ok || pidOf(t, dir) != server || answer(t, s, `SELECT 'alive'`) != "alive" {
		t.Error("the server has ended")
	}
}

func TestTheEndOfAServerIsNoticed(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, Options{DataDir: dir})
	select {
	case <-s.Ended():
		t.Error("it has ended before it did")
	default:
	}
	must(t, syscall.Kill(pidOf(t, dir), syscall.SIGINT))
	select {
	case <-s.Ended():
	case <-time.After(10 * time.Second):
		t.Error("it has ended, and nobody noticed")
	}
}

func TestAServerWithoutItsAppIsReplaced(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	orphan := byHand(t, dir)

	next := begin(t, Options{DataDir: dir})

	if next.Joined() || pidOf(t, dir) == orphan.Process.Pid {
		t.Errorf("joined %v the server of nobody", next.Joined())
	}
	if got := answer(t, next, `SELECT word FROM kept`); got != "kept" {
		t.Errorf("word = %q", got)
	}
}

func TestACancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := Start(ctx, Options{DataDir: dir, Fast: true})
		cancel()
		if err == nil {
			t.Fatalf("started within %v", after)
		}
		if s != nil {
			t.Errorf("a server beside %v", err)
		}
		if _, ok := Running(dir); ok {
			t.Errorf("a server runs after %v", err)
		}
	}
	if s := begin(t, Options{DataDir: dir}); !s.Fresh() {
		t.Error("an interrupted initdb was taken for a cluster")
	}
}
