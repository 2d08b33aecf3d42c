// Package chaos breaks what the app stands on while people work in it: connections, Postgres, PgBouncer. Whatever breaks,
// nobody sees a word of another organization, nothing that was acknowledged is lost or doubled, every answer is what was
// asked for or “try again”, and after at most three seconds everything works again.
package chaos

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/pooler"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	bound = 3 * time.Second       // until everything works again
	pause = 15 * time.Millisecond // between two requests of one worker
)

// Two organizations with an owner each, and the word that only its pages hold.
var organizations = []struct{ person, id, name, word string }{
	{"user_ana", "org_acme", "Acme", "Quokka"},
	{"user_ben", "org_beta", "Beta", "Axolotl"},
}

// start runs the app over d.
func start(t *testing.T, d *dbtest.Database) *webtest.Site {
	t.Helper()
	var seed sandbox.Seed
	for _, o := range organizations {
		seed.People = append(seed.People, sandbox.Person{ID: o.person, Email: o.person + "@example.com", Name: o.person})
		seed.Organizations = append(seed.Organizations, sandbox.Organization{ID: o.id, Name: o.name, Slug: strings.ToLower(o.name), CreatedBy: o.person, Members: map[string]string{o.person: "org:admin"}})
	}
	return webtest.Start(t, d, seed)
}

// load is people at work in both organizations.
type load struct {
	*webtest.Ledger
	stop func() // and wait until the last request is answered
}

func work(t *testing.T, s *webtest.Site) *load {
	t.Helper()
	l := &load{Ledger: webtest.NewLedger()}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var workers []*webtest.Worker
	for i, o := range organizations {
		for n := range 3 {
			workers = append(workers, webtest.NewWorker(t, l.Ledger, s.URL, fmt.Sprintf("worker %d%d", i, n), o.person, o.name, o.word, organizations[1-i].word))
		}
	}
	for _, w := range workers {
		running.Go(func() { w.Run(ctx, pause) })
	}
	l.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(l.stop)
	return l
}

// recovers waits until every worker gets what it asks for again, and fails the test when that takes too long.
func (l *load) recovers(t *testing.T, what string, since time.Time) {
	t.Helper()
	late := time.After(2 * bound)
	for every := time.Tick(pause); ; {
		took, ok := l.Recovered(since)
		switch {
		case ok && took > bound:
			t.Errorf("%s: the last refusal came %v later", what, took)
			return
		case ok && time.Since(since) > took+time.Second: // it stays well
			t.Logf("%s: recovered after %v", what, took.Round(time.Millisecond))
			return
		}
		select {
		case <-every:
		case <-late:
			t.Errorf("%s: not recovered after %v", what, 2*bound)
			return
		}
	}
}

// check ends the work and compares what is stored with what was told.
func (l *load) check(t *testing.T, d *dbtest.Database) {
	t.Helper()
	l.stop()
	l.Report(t)
	stored := dbtest.Letters(t, d.URL("postgres"))
	fates := map[webtest.Fate]int{}
	for text, fate := range l.Letters() {
		kept := stored[text]
		fates[fate]++
		whole := kept.Versions == kept.Audited && kept.Versions <= 1
		if !whole || fate == webtest.Acknowledged && kept.Versions != 1 || fate == webtest.Refused && kept.Versions != 0 {
			t.Errorf("%q was told %d, and is stored %d times with %d audit rows", text, fate, kept.Versions, kept.Audited)
		}
	}
	t.Logf("writes: %d acknowledged, %d refused, %d in doubt", fates[webtest.Acknowledged], fates[webtest.Refused], fates[webtest.Doubtful])
	if fates[webtest.Acknowledged] == 0 || len(stored) < fates[webtest.Acknowledged] {
		t.Errorf("%d texts are stored", len(stored))
	}
}

// pooled is d through PgBouncer in transaction mode, with fewer server connections than there are workers.
func pooled(t *testing.T, d *dbtest.Database) (*dbtest.Database, *pooler.Pooler) {
	t.Helper()
	p, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, map[string]string{"default_pool_size": "3", "server_login_retry": "1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() }) // it may be down: that is what some tests do
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	through := *d
	through.DB, err = db.Open(t.Context(), db.Options{TenantURL: p.URL(d.URL("app_tenant")), ControlURL: d.URL("app_control"), Pooled: true, Keys: []db.SealKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.DB.Close)
	return &through, p
}

// status asks a page without signing in.
func status(t *testing.T, address string) (int, string) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}
