package bench_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"


	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/web/webtest"
)

type nullW struct {
	h http.Header
	n int
	s int
}

func (w *nullW) Header() http.Header         { return w.h }
func (w *nullW) Write(b []byte) (int, error) { w.n += len(b); return len(b), nil }
func (w *nullW) WriteHeader(s int)           { w.s = s }

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func BenchmarkZZPage(b *testing.B) {
	f := prepare(b)
	organization := demo.Organizations(time.Now())[0]
	site := webtest.Start(b, f.Database, sandbox.Seed{
		People:        []sandbox.Person{{ID: f.owner, Email: "mara@example.com", Name: "Mara Veldane"}},
		Organizations: []sandbox.Organization{{ID: organization.ClerkID, Name: organization.Name, CreatedBy: f.owner, Members: map[string]string{f.owner: "org:admin"}}},
	}, asServed)
	browser := site.Browser(b)
	browser.SignIn(f.owner)
	cookie := &http.Cookie{Name: "session", Value: browser.Cookie("session")}
	if o := os.Getenv("DUMP"); o != "" {
		html, _ := browser.Get("/jobs").Find("html").Html()
		os.WriteFile(o, []byte(html), 0o600)
	}
	for _, h := range []struct {
		n string
		h http.Handler
	}{{"app", site.Front}, {"app", site.Front}, {"app", site.Front}} {
		do := func() {
			r := httptest.NewRequest("GET", site.URL+"/jobs", nil)
			r.AddCookie(cookie)
			r.Header.Set("Accept-Encoding", "identity")
			w := &nullW{h: http.Header{}}
			h.h.ServeHTTP(w, r)
			if w.n < 20000 {
				b.Fatal(w.s, w.n)
			}
		}
		for range 300 {
			do()
		}
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		c0, s0, t0 := cpu(), time.Duration(0), time.Now()
		const n = 8000
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range n / 4 {
					do()
				}
			})
		}
		wg.Wait()
		t1, c1, s1 := time.Now(), cpu(), time.Duration(0)
		runtime.ReadMemStats(&m1)
		fmt.Printf("%s: wall %v  app cpu %v  server cpu %v  allocs %d  bytes %d\n", h.n, t1.Sub(t0)/n, (c1-c0)/n, (s1-s0)/n, (m1.Mallocs-m0.Mallocs)/n, (m1.TotalAlloc-m0.TotalAlloc)/n)
	}
}
