package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// ask runs SQL at an address with psql, as the program says to.
func ask(t *testing.T, address, sql string) {
	t.Helper()
	output(t, exec.Command(binary(t, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, strings.TrimSpace(address)))
}

// ends sends a signal to the program and waits until it has ended well.
func (p *process) ends(t *testing.T, with os.Signal) {
	t.Helper()
	if err := p.Process.Signal(with); err != nil {
		t.Fatal(err)
	}
	for range p.lines { // all that it says is read before Wait closes the pipe
	}
	if err := p.Wait(); err != nil {
		t.Errorf("after %v: %v: %s", with, err, p.err)
	}
}

func TestAnEmbeddedDatabaseThatIsRefusedIsMendedByRunningItAlone(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	if _, said, code := finish(t, program(t, dir, port, "db", "start")); code != exitFailed || !strings.Contains(said, "start the app first") {
		t.Errorf("without a database: %d, %s", code, said)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it has made a data directory")
	}
	output(t, program(t, dir, port, "migrate"))

	alone := started(t, program(t, dir, port, "db", "start"))
	alone.await(t, "psql 'postgres://postgres@")
	ask(t, output(t, program(t, dir, port, "db", "url", "--role", "postgres")), "ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY")
	alone.ends(t, syscall.SIGTERM)
	if _, said, code := finish(t, program(t, dir, port, "db", "url", "--role", "postgres")); code != exitFailed || !strings.Contains(said, "`db start`") {
		t.Errorf("Postgres still runs: %d, %s", code, said)
	}

	if _, said, code := finish(t, program(t, dir, port)); code != exitFailed || !strings.Contains(said, "FORCE is off") || !strings.Contains(said, "run it alone with `db start`") {
		t.Errorf("served: %d, %s", code, said)
	}
	alone = started(t, program(t, dir, port, "db", "start"))
	owner := strings.TrimSuffix(strings.TrimPrefix(alone.await(t, "psql 'postgres://app_owner@"), "  psql '"), "'")
	for _, second := range [][]string{nil, {"db", "start"}} {
		if _, said, code := finish(t, program(t, dir, port, second...)); code != exitFailed || !strings.Contains(said, "runs already") && !strings.Contains(said, "already runs") {
			t.Errorf("%q beside it: %d, %s", second, code, said)
		}
	}
	if out, said, code := finish(t, program(t, dir, port, "doctor")); code != exitFailed || !strings.Contains(out, "1 finding:") {
		t.Errorf("the doctor beside it: %d, %s%s", code, out, said)
	}
	ask(t, owner, "ALTER TABLE jobs FORCE ROW LEVEL SECURITY")
	if out := output(t, program(t, dir, port, "doctor")); !strings.HasSuffix(out, " checks, no finding.\n") {
		t.Errorf("mended: %s", out)
	}
	if url := output(t, program(t, dir, port, "db", "url", "--role", "app_owner")); strings.TrimSpace(url) != owner {
		t.Errorf("at %s and not at %s", url, owner)
	}
	alone.ends(t, os.Interrupt)
	output(t, program(t, dir, port, "migrate"))
}

func TestTheDatabaseAloneIsTheEmbeddedOne(t *testing.T) {
	t.Parallel()
	const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	own := map[string]string{"TENANT_DATABASE_URL": "postgres://t/app", "CONTROL_DATABASE_URL": "postgres://c/app", "SEAL_KEYS": key, "SESSION_KEYS": key}
	for want, env := range map[string]map[string]string{"a server of your own is started where it runs": own, "must be set": {"DATA_DIR": "off"}} {
		var out, errOut bytes.Buffer
		got := run(context.Background(), []string{"db", "start"}, func(name string) string { return env[name] }, &out, &errOut)
		if got != exitUsage || !strings.Contains(errOut.String(), want) {
			t.Errorf("exit %d, said %q, want %q", got, errOut.String(), want)
		}
	}
}
