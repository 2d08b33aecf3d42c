package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

const (
	wantedRate = 500              // requests a second
	exitBound  = 10 * time.Second // from SIGTERM to the end of the process
	queueSlack = 500 * time.Millisecond
)

// tally is what became of the requests. What counts is every request on a connection that the process had accepted, and on
// which therefore an answer is owed: one that is kept from an earlier answer, or a new one. Two kinds do not count: a
// connection that the system refuses, because nobody listens any more; and a new connection that the system had queued but
// the process had not taken when its listener closed. The system resets those in that instant, so a reset of a new
// connection counts unless it is within queueSlack of the first refusal.
type tally struct {
	mu       sync.Mutex
	answered map[string]int // by status
	failed   []string
	refused  int
	first    time.Time   // refusal
	resets   []time.Time // of new connections
	term     time.Time
	after    int // answered after SIGTERM
}

// send makes one request and records what became of it. A kept connection that breaks is retried by net/http: that is a
// failure here, because the first try had been accepted.
func (y *tally) send(c *http.Client, method, address string, fields url.Values) {
	tries, reused := 0, false
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { tries++; reused = reused || i.Reused }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), method, address, strings.NewReader(fields.Encode()))
	if err != nil {
		panic(err) // the addresses are ours
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := c.Do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		err = errors.Join(err, response.Body.Close())
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case err == nil && tries == 1 && (response.StatusCode == http.StatusOK || response.StatusCode == http.StatusSeeOther):
		y.answered[response.Status]++
		if !y.term.IsZero() {
			y.after++
		}
	case errors.Is(err, syscall.ECONNREFUSED) && tries == 0:
		y.refused++
		if y.first.IsZero() {
			y.first = time.Now()
		}
	case errors.Is(err, syscall.ECONNRESET) && tries <= 1 && !reused: // no try yet where the reset comes while it connects
		y.resets = append(y.resets, time.Now())
	case err == nil:
		y.failed = append(y.failed, fmt.Sprintf("%s %s: %s after %d tries", method, address, response.Status, tries))
	default:
		y.failed = append(y.failed, fmt.Sprintf("%s %s after %d tries, kept %t: %v", method, address, tries, reused, err))
	}
}

// report fails the test for every request that counts and was not answered.
func (y *tally) report(t *testing.T) {
	t.Helper()
	for i, f := range y.failed {
		if i < 10 {
			t.Error(f)
		}
	}
	queued := 0
	for _, at := range y.resets {
		if y.first.IsZero() || at.Sub(y.first).Abs() > queueSlack {
			t.Errorf("a new connection was reset %v from the first refusal", at.Sub(y.first))
			continue
		}
		queued++
	}
	t.Logf("answered %v, of which %d after SIGTERM; failed %d; not accepted: %d refused, %d reset in the system's queue", y.answered, y.after, len(y.failed), y.refused, queued)
	if y.after == 0 || y.refused == 0 {
		t.Error("the load did not go on until nobody listened")
	}
}

func TestSIGTERMUnderLoadFailsNoRequest(t *testing.T) {
	t.Parallel()
	dir, port := place(t)
	p := serveIn(t, dir, port, "RATE_LIMIT=off") // one person sends all of it
	base := "http://localhost:" + port
	b := webtest.Open(t, base)
	b.SignIn(demo.People()[0].ID)
	jobs := b.Work(demo.Organizations(time.Now())[0].Name)
	job := jobs.Find(".row h2 a").First().AttrOr("href", "")
	fields := url.Values{"tenant": {jobs.Find("input[name=tenant]").First().AttrOr("value", "")}, "token": {b.Token}, "to": {"shortlisted"}}

	y := &tally{answered: map[string]int{}}
	work := make(chan int, 4096)
	var running sync.WaitGroup
	for i := range 48 {
		c := b.Client(&http.Transport{DisableKeepAlives: i%4 == 0}) // one kept connection each, or a new one each time
		running.Go(func() {
			for n := range work {
				switch n % 20 {
				case 0:
					y.send(c, http.MethodPost, base+job+"/triage", fields)
				case 1, 2, 3, 4:
					y.send(c, http.MethodGet, base+"/jobs", nil)
				case 5, 6, 7, 8:
					y.send(c, http.MethodGet, base+job, nil)
				default:
					y.send(c, http.MethodGet, base+"/organizations", nil)
				}
			}
		})
	}
	ended := make(chan error, 1)
	rate := offer(work, y, func() {
		y.mu.Lock()
		y.term = time.Now()
		y.mu.Unlock()
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		go func() { ended <- p.Wait() }()
	}, ended)
	running.Wait()
	t.Logf("%.0f requests a second until SIGTERM, of %d offered", rate.reached, wantedRate)
	if rate.err != nil || rate.took > exitBound {
		t.Errorf("it ended after %v with %v: %s", rate.took, rate.err, tail(p.err.String()))
	}
	t.Logf("ended %v after SIGTERM", rate.took.Round(time.Millisecond))
	y.report(t)
}

// outcome is how the offering went.
type outcome struct {
	reached float64       // answers a second before SIGTERM
	took    time.Duration // from SIGTERM to the end of the process
	err     error         // how it ended
}

// offer hands out work at the wanted rate for three seconds, then lets term end the process, and goes on until it has
// ended and a little longer. Work that nobody is free to take within the queue is left out: the machine is as fast as it is.
func offer(work chan<- int, y *tally, term func(), ended <-chan error) (o outcome) {
	defer close(work)
	start, every := time.Now(), time.NewTicker(time.Second/wantedRate)
	defer every.Stop()
	signal, enough := time.After(3*time.Second), (<-chan time.Time)(nil)
	for n := 0; ; n++ {
		select {
		case <-every.C:
			if len(work) < 64 {
				work <- n
			}
		case <-signal:
			y.mu.Lock()
			for _, count := range y.answered {
				o.reached += float64(count) / time.Since(start).Seconds()
			}
			y.mu.Unlock()
			start = time.Now()
			term()
		case o.err = <-ended:
			o.took, enough = time.Since(start), time.After(200*time.Millisecond)
		case <-enough:
			return o
		}
	}
}

// tail is the last lines of a log.
func tail(s string) string { return s[max(0, len(s)-1000):] }
