package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestTheServerDiesWithItsApp(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	a := runApp(t, dir)
	a.says(t)
	server := pidOf(t, dir)
	a.killed(t)
	if !gone(server) {
		t.Error("the server outlived its killed app")
	}
}

// In a container process numbers start over: the number in a stale lock may belong to anything, even to a thread of ours.
func TestAStaleLockWhosePidWasReusedDoesNotBlock(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first := begin(t, Options{DataDir: dir})
	must(t, first.Stop(t.Context()))
	as, err := serverAccount(dir)
	must(t, err)
	other := command(as, "/bin/sleep", "60")
	must(t, other.Start())
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	cluster := clusterDir(t, dir)
	stale := filepath.Join(cluster, "postmaster.pid")
	must(t, os.WriteFile(stale, fmt.Appendf(nil, "%d\n%s\n1700000000\n5432\n%s\n\n\nready   \n", other.Process.Pid, cluster, socketDir(dir)), 0o600))
	must(t, as.give(stale))
	if _, ok := Running(dir); ok {
		t.Error("a sleep was taken for a server")
	}

	begin(t, Options{DataDir: dir})

	if err := other.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("the bystander was hit: %v", err)
	}
}

func TestAnImpostorIsToldFromAPostgres(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	begin(t, Options{DataDir: dir})
	if impostor(pidOf(t, dir)) {
		t.Error("a real server was called an impostor")
	}
	if !impostor(os.Getpid()) {
		t.Error("this test was taken for a Postgres")
	}
}
