// Package slow_test measures what slow clients do to everybody else. `make slow` runs it.
package slow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/static"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	person = "user_mara"
	rounds = 3
	span   = 12 * time.Second
	pause  = 20 * time.Millisecond // between two requests of the honest client
)

// attacks are those of slowhttptest, each with a thousand connections.
func attacks(site string) map[string][]string {
	return map[string][]string{
		"slow headers": {"-H", "-i", "5", "-u", site + "/jobs"},
		"slow body":    {"-B", "-i", "5", "-s", "8192", "-u", site + "/sign-out"},
		"range":        {"-R", "-a", "10", "-b", "3000", "-u", site + static.URL("app.css")},
		"slow read":    {"-X", "-w", "1", "-y", "1", "-n", "5", "-z", "1", "-k", "3", "-u", site + static.URL("app.css")},
	}
}

func BenchmarkSlowClients(b *testing.B) {
	tool, err := exec.LookPath("slowhttptest")
	if err != nil {
		b.Fatal("slowhttptest is missing; `make slow` installs it")
	}
	s := webtest.Start(b, dbtest.Own(b), sandbox.Seed{
		People:        []sandbox.Person{{ID: person, Email: "mara@example.com", Name: "Mara"}},
		Organizations: []sandbox.Organization{{ID: "org_acme", Name: "Acme", CreatedBy: person, Members: map[string]string{person: "org:admin"}}},
	}, func(o *web.Options) { o.RateLimit = 100 })
	browser := s.Browser(b)
	browser.SignIn(person)
	cookie := browser.Cookie("session")
	honest(b, s.URL, cookie, 2*time.Second) // warm
	// What is measured alone is pooled: all of it is the same, and on a machine with other work one p99 says little.
	var alone []time.Duration
	beside, failed := map[string][]time.Duration{}, map[string]int{}
	for range rounds {
		for name, args := range attacks(s.URL) {
			quiet, _ := honest(b, s.URL, cookie, span)
			alone = append(alone, quiet...)
			ctx, cancel := context.WithTimeout(b.Context(), 2*span)
			// Nice: the attacker's own work is done on another machine in truth.
			attack := exec.CommandContext(ctx, "nice", append([]string{"-n", "19", tool, "-c", "1000", "-r", "200", "-l", "60"}, args...)...)
			if err := attack.Start(); err != nil {
				b.Fatal(err)
			}
			busy, missed := honest(b, s.URL, cookie, span)
			cancel()
			_ = attack.Wait() // its code says what it thinks of the site, not whether it ran
			beside[name], failed[name] = append(beside[name], busy...), failed[name]+missed
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "1,000 connections\trequests\tp50\tp99\ttimes\tfailed\t\nnone\t%d\t%v\t%v\t\t\t\n", len(alone), at(alone, 50), at(alone, 99))
	for name, all := range beside {
		times := float64(at(all, 99)) / float64(at(alone, 99))
		fmt.Fprintf(w, "%s\t%d\t%v\t%v\t%.2f\t%d\t\n", name, len(all), at(all, 50), at(all, 99), times, failed[name])
		if times > 2 || failed[name] > 0 {
			b.Errorf("%s: %.2f times the p99 alone, %d failed", name, times, failed[name])
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// at is a percentile.
func at(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*percent/100].Round(time.Microsecond)
}

// honest is a person who works, each time over a new connection: a full queue would show.
func honest(b *testing.B, site, cookie string, d time.Duration) (took []time.Duration, failed int) {
	b.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	every := time.NewTicker(pause)
	defer every.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-every.C {
		start := time.Now()
		if err := get(client, site+"/jobs", cookie); err != nil {
			failed++
			b.Log(err)
			continue
		}
		took = append(took, time.Since(start))
	}
	return took, failed
}

func get(client *http.Client, address, cookie string) error {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d", response.StatusCode)
	}
	return err
}
