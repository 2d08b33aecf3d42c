package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func get(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = path
	Handler(func(h http.Header) bool { return h.Get("Accept-Encoding") == "gzip" }).ServeHTTP(w, r)
	return w
}

func TestAFileIsServedUnderTheAddressOfItsContent(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"app.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base, ending, _ := strings.Cut(name, ".")
		if !regexp.MustCompile(`^/static/` + base + `\.[0-9a-f]{12}\.` + ending + `$`).MatchString(URL(name)) {
			t.Errorf("%s is at %s", name, URL(name))
		}
		w := get(t, http.MethodGet, URL(name))
		if w.Code != http.StatusOK || w.Body.String() != string(content) {
			t.Errorf("%s: %d with %d bytes, want %d", name, w.Code, w.Body.Len(), len(content))
		}
		for header, want := range map[string]string{"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s has %s %q, want %q", name, header, got, want)
			}
		}
		if head := get(t, http.MethodHead, URL(name)); head.Code != http.StatusOK || head.Body.Len() != 0 {
			t.Errorf("HEAD of %s: %d with %d bytes", name, head.Code, head.Body.Len())
		}
	}
}

func TestAFileIsPackedForWhoTakesIt(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, URL("app.css"), nil)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Range", "bytes=0-1,5-6,0-100000")
	w := httptest.NewRecorder()
	Handler(func(h http.Header) bool { return h.Get("Accept-Encoding") == "gzip" }).ServeHTTP(w, r)
	packed := w.Body.Len()
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil || string(content) != get(t, http.MethodGet, URL("app.css")).Body.String() {
		t.Errorf("another content, %v", err)
	}
	h := w.Header()
	if w.Code != http.StatusOK || packed > 15<<10 || h.Get("Content-Encoding") != "gzip" || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Length") != strconv.Itoa(packed) {
		t.Errorf("%d with %d bytes: %v", w.Code, packed, h)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/", "/static", "/static/", "/static/app.css", "/static/app.000000000000.css", "/static/static.go",
		"/static/../static.go", URL("app.css") + "/", "/x" + URL("app.css"), URL("app.css") + ".gz", strings.ToUpper(URL("app.css"))} {
		w := get(t, http.MethodGet, path)
		if w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %d, kept %q", path, w.Code, w.Header().Get("Cache-Control"))
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if w := get(t, method, URL("app.css")); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, allowed %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestANameThatIsNotThereIsAMistakeOfTheTemplate(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("URL gave an address for nothing")
		}
	}()
	URL("missing.css")
}

func TestTheStylesNeedNoBuildAndReachNothing(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("app.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(content)
	for _, forbidden := range []string{"@import", "url(", "http:", "https:", "!important"} {
		if strings.Contains(css, forbidden) {
			t.Errorf("the style sheet has %s", forbidden)
		}
	}
	for _, needed := range []string{"@layer", "light-dark(", "color-scheme: light dark", ":focus-visible", "prefers-reduced-motion", "@media print"} {
		if !strings.Contains(css, needed) {
			t.Errorf("the style sheet has no %s", needed)
		}
	}
}
