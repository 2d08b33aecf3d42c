package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upwork-ai-agent/db/isolation"
)

// finish runs the program to its end.
func finish(t *testing.T, cmd *exec.Cmd) (out, errOut string, code int) {
	t.Helper()
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said.String(), complained.String(), cmd.ProcessState.ExitCode()
}

func TestAPageOfTheProofOnStandardOutputIsAloneThere(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	output(t, program(t, dir, port, "migrate"))
	if _, said, code := finish(t, program(t, dir, port, "prove", "--json", "--html", "-")); code != exitUsage || !strings.Contains(said, "standard output") {
		t.Errorf("two reports on it: %d, %s", code, said)
	}

	page, beside, code := finish(t, program(t, dir, port, "prove", "--html", "-"))

	if code != 0 || !strings.HasPrefix(page, "<!DOCTYPE html>") || !strings.HasSuffix(strings.TrimSpace(page), "</html>") || !strings.Contains(beside, "Nothing crosses.") {
		t.Errorf("%d: %.40q … %.40q, %s", code, page, page[max(0, len(page)-40):], beside)
	}
}

func TestTheDemoIsProvenWhileItIsServed(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	if _, said, code := finish(t, program(t, dir, port, "prove")); code != exitFailed || !strings.Contains(said, "start the app first") {
		t.Errorf("without a database: %d, %s", code, said)
	}
	serveIn(t, dir, port, "WORKER=off")
	page := filepath.Join(filepath.Dir(dir), "proof.html")

	out, progress, code := finish(t, program(t, dir, port, "prove", "--json", "--html", page))

	var r isolation.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("%d, %v: %s %s", code, err, out, progress)
	}
	if !r.OK || r.Checks < 20000 || r.Leaks+r.Oracles+r.Unproven != 0 || len(r.Paths) != 2 || !r.Paths[1].Proven || !strings.Contains(progress, "context 1 of") {
		t.Errorf("%s\n%s", r, progress)
	}
	t.Log(r.Summary())
	if said, complaint, code := finish(t, program(t, dir, port, "prove", "--verify", page)); code != 0 || !strings.Contains(said, "was signed by this installation") {
		t.Errorf("verified: %d, %s %s", code, said, complaint)
	}
	drawn, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	piped := program(t, dir, port, "prove", "--verify", "-")
	piped.Stdin = bytes.NewReader(drawn)
	if said, complaint, code := finish(t, piped); code != 0 || !strings.Contains(said, "was signed by this installation") {
		t.Errorf("verified from standard input: %d, %s %s", code, said, complaint)
	}
	if err := os.WriteFile(page, bytes.Replace(drawn, []byte("<dd>0</dd>"), []byte("<dd>1</dd>"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, complaint, code := finish(t, program(t, dir, port, "prove", "--verify", page)); code != exitFailed || !strings.Contains(complaint, "was not drawn from it") {
		t.Errorf("a forged page: %d, %s", code, complaint)
	}
}
