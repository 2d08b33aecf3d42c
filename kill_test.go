package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"upwork-ai-agent/app/command"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/web/webtest"
)

// words are what only the pages of the first and of the second demo organization hold.
var words = []string{"Quokka", "Axolotl"}

// crew are people at work in both demo organizations of a running program.
type crew struct {
	*webtest.Ledger
	stop func() // and wait until the last request is answered
}

func hire(t *testing.T, port string) *crew {
	t.Helper()
	c := &crew{Ledger: webtest.NewLedger()}
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	var workers []*webtest.Worker
	for i, o := range demo.Organizations(time.Now())[:2] {
		for n := range 2 {
			w := webtest.NewWorker(t, c.Ledger, "http://localhost:"+port, fmt.Sprintf("worker %d%d", i, n), o.Members[0].Person.ID, o.Name, words[i], words[1-i])
			w.Silent = true
			workers = append(workers, w)
		}
	}
	for _, w := range workers {
		working.Go(func() { w.Run(ctx, 10*time.Millisecond) })
	}
	c.stop = sync.OnceFunc(func() { cancel(); working.Wait() })
	t.Cleanup(c.stop)
	return c
}

// acknowledged waits until n more writes were acknowledged.
func (c *crew) acknowledged(t *testing.T, n int) {
	t.Helper()
	before, late := c.Answers("303"), time.After(time.Minute)
	for every := time.Tick(5 * time.Millisecond); c.Answers("303") < before+n; {
		select {
		case <-every:
		case <-late:
			t.Fatalf("%d writes were acknowledged in a minute", c.Answers("303")-before)
		}
	}
}

// check ends the work and compares what is stored with what was told: every text that was acknowledged once, none twice,
// none without its audit row, and none that was refused.
func (c *crew) check(t *testing.T, superuser string) {
	t.Helper()
	c.stop()
	c.Report(t)
	stored, told := dbtest.Letters(t, superuser), map[webtest.Fate]int{}
	for text, fate := range c.Letters() {
		told[fate]++
		kept := stored[text]
		least, most := map[webtest.Fate]int{webtest.Acknowledged: 1}[fate], map[webtest.Fate]int{webtest.Acknowledged: 1, webtest.Doubtful: 1}[fate]
		if kept.Versions < least || kept.Versions > most || kept.Audited != kept.Versions {
			t.Errorf("%q was told %d, and is stored %d times with %d audit rows", text, fate, kept.Versions, kept.Audited)
		}
	}
	t.Logf("writes: %d acknowledged, %d refused, %d without an answer", told[webtest.Acknowledged], told[webtest.Refused], told[webtest.Doubtful])
	if c.Answers("no answer") == 0 {
		t.Error("nobody noticed a kill")
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // killed: that is its error
}

func TestKilledUnderWritesItLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	server := dbtest.Alone(t)
	d := server.Database
	dir, port := place(t)
	env := []string{"RATE_LIMIT=off", "POSTGRES_BIN=", "TENANT_DATABASE_URL=" + d.URL("app_tenant"), "CONTROL_DATABASE_URL=" + d.URL("app_control"),
		"SEAL_KEYS=" + base64.StdEncoding.EncodeToString(d.Key), "SESSION_KEYS=" + base64.StdEncoding.EncodeToString(d.Key)}
	p := serveIn(t, dir, port, env...)
	c := hire(t, port)
	for range 4 {
		c.acknowledged(t, 60)
		p.kill(t)
		p = serveIn(t, dir, port, env...)
	}
	c.acknowledged(t, 20)
	c.check(t, d.URL("postgres"))
}

func TestKilledWithAndWithoutItsPostgresItLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	p := serveIn(t, dir, port, "RATE_LIMIT=off")
	c := hire(t, port)
	for _, both := range []bool{false, true, false, true} {
		c.acknowledged(t, 60)
		if both {
			if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		p.kill(t)
		p = serveIn(t, dir, port, "RATE_LIMIT=off")
	}
	c.acknowledged(t, 20)
	pg, ok := embedded.Running(dir)
	if !ok {
		t.Fatal("its Postgres does not run")
	}
	c.check(t, pg.URL(embedded.Superuser, command.DatabaseName))
}

// postmaster is the process id of the embedded server of a data directory.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "postgres-*", "postmaster.pid")) // the pattern is right
	if len(found) != 1 {
		t.Fatalf("%d servers", len(found))
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 {
		t.Fatalf("process %q", first)
	}
	return pid
}
