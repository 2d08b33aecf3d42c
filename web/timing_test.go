package web_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkAForeignIDTakesAsLongAsAMissingOne asks for both in random order, so that a noisy machine is noisy for both.
func BenchmarkAForeignIDTakesAsLongAsAMissingOne(b *testing.B) {
	s, who, known := crawl(b)
	cookie := &http.Cookie{Name: "session", Value: who[bea].Cookie("session")}
	for _, c := range []struct{ path, foreign string }{{"/jobs/", known["Acme"].job}, {"/proposals/", known["Acme"].proposal}, {"/jobs/import/", known["Acme"].upload}} {
		took := map[bool][]time.Duration{}
		for i := range 2*2000 + 200 {
			foreign, id := rand.IntN(2) == 0, c.foreign
			if !foreign {
				v7, err := uuid.NewV7()
				if err != nil {
					b.Fatal(err)
				}
				id = v7.String()
			}
			r, w := httptest.NewRequest(http.MethodGet, s.URL+c.path+id, nil), httptest.NewRecorder()
			r.AddCookie(cookie)
			start := time.Now()
			s.Front.ServeHTTP(w, r)
			d := time.Since(start)
			if w.Code != http.StatusNotFound {
				b.Fatalf("%s: %d", c.path, w.Code)
			}
			if i >= 200 { // warm by then
				took[foreign] = append(took[foreign], d)
			}
		}
		foreign, missing := median(took[true]), median(took[false])
		fmt.Fprintf(os.Stdout, "%s…  foreign %v, missing %v, median of %d and %d\n", c.path, foreign, missing, len(took[true]), len(took[false]))
		if d := foreign - missing; d.Abs() > time.Millisecond {
			b.Errorf("%s: a foreign id takes %v longer", c.path, d)
		}
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
