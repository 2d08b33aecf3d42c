package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAPageIsCompressedForWhoTakesItButNotWhereAnotherSiteChoseItsAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	lengths := map[int]bool{}
	for range 20 {
		for _, c := range []struct {
			accept, from string
			packed       bool
		}{
			{"gzip, deflate, br", "same-origin", true}, {"gzip, deflate, br", "none", true}, {"br, GZIP;q=0.5", "", true},
			{"gzip", "cross-site", false}, {"gzip", "same-site", false}, {"", "same-origin", false}, {"br", "none", false}, {"gzip;q=0", "none", false}, {"gzip; q=0.000", "none", false}, {"xgzip", "none", false},
		} {
			r := httptest.NewRequest(http.MethodGet, s.URL+"/jobs", nil)
			r.AddCookie(&http.Cookie{Name: "session", Value: b.Cookie("session")})
			r.Header.Set("Accept-Encoding", c.accept)
			if c.from != "" {
				r.Header.Set("Sec-Fetch-Site", c.from)
			}
			w := httptest.NewRecorder()
			s.Front.ServeHTTP(w, r)
			packed := w.Header().Get("Content-Encoding") == "gzip"
			if w.Code != http.StatusOK || packed != c.packed || strings.Join(w.Header().Values("Vary"), ", ") != "Cookie, Accept-Encoding" {
				t.Fatalf("%q from %q: %d, packed %v, varies with %q", c.accept, c.from, w.Code, packed, w.Header().Values("Vary"))
			}
			var body io.Reader = w.Body
			if packed {
				lengths[w.Body.Len()] = true
				z, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
			if page, err := io.ReadAll(body); err != nil || !strings.HasSuffix(strings.TrimSpace(string(page)), "</html>") {
				t.Errorf("%q from %q: half a page, %v", c.accept, c.from, err)
			}
		}
	}
	if len(lengths) < 10 {
		t.Errorf("sixty compressed pages have %d lengths", len(lengths))
	}
}
