package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

func FuzzForm(f *testing.F) {
	const multi = "multipart/form-data; boundary=x"
	for _, c := range [][2]string{
		{"application/x-www-form-urlencoded", "letter=a%00b&tenant=x&tenant=y"}, {"application/x-www-form-urlencoded", "%zz;=&&"}, {"text/plain", "a=b"}, {"", "a=b"},
		{multi, "--x\r\nContent-Disposition: form-data; name=\"letter\"\r\n\r\n\xff\r\n--x--\r\n"}, {multi, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\x00\"\r\n\r\nx\r\n--x--\r\n"}, {multi, "--x"},
	} {
		f.Add(c[0], c[1])
	}
	const limit = 1 << 10
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/?letter=from+the+address", strings.NewReader(body))
		r.Header.Set(echo.HeaderContentType, kind)
		got, err := readForm(echo.New().NewContext(r, httptest.NewRecorder()), limit)
		if len(body) > limit && err == nil {
			t.Fatalf("%d bytes were taken", len(body))
		}
		for _, k := range got.kept() {
			if !utf8.ValidString(k.Name+k.Value) || strings.ContainsRune(k.Name+k.Value, 0) {
				t.Fatalf("shown again: %q: %q", k.Name, k.Value)
			}
		}
		if err != nil {
			if lookup(err).status >= http.StatusInternalServerError {
				t.Fatalf("answered as a defect: %v", err)
			}
			return
		}
		for name, values := range got.values {
			for _, v := range values {
				if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || v == "from the address" && !strings.Contains(body, "from") {
					t.Fatalf("taken: %q: %q", name, v)
				}
			}
		}
		if _, name, err := got.upload(); err == nil && (!utf8.ValidString(name) || strings.ContainsRune(name, 0)) {
			t.Fatalf("a file called %q", name)
		}
		_, _ = got.id("tenant"), got.only("letter")
		if n, err := got.number("version"); n < 0 || err != nil && n != 0 {
			t.Errorf("the version %q is %d, %v", got.get("version"), n, err)
		}
	})
}

func FuzzCents(f *testing.F) {
	for _, s := range []string{"45", "$1,250.50", "0.1", ".", "999999999999.99", "99999999999999999999", "-1", "1e9", "\u00a07", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := cents(s)
		if err == nil && n != nil && (*n < 0 || *n >= 1e14) {
			t.Fatalf("%q is %d cents", s, *n)
		}
	})
}

// A browser reads an address in another way than Go: it takes tabs and line ends away anywhere, spaces and controls at the
// end, and reads \ as /.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/jobs?q=1", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: x", "/%2f/evil", "javascript:alert(1)", "/.//evil", "/\t/evil.example", "/\x01/evil", "/@evil.example", "\n//evil.example", "/\u2028/evil"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, ok := localPath(s)
		if !ok {
			return
		}
		seen := strings.TrimRight(strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(path), " ")
		if path != s || !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Fatalf("%q is let through", s)
		}
		at, err := httptest.NewRequest(http.MethodGet, "http://localhost/x", nil).URL.Parse(path)
		if err != nil || at.Host != "localhost" || strings.ContainsAny(path, "\\\r\n\x00") {
			t.Fatalf("%q leads to %v, %v", s, at, err)
		}
	})
}
