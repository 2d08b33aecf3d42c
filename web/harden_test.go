package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"upwork-ai-agent/app"
	"upwork-ai-agent/static"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// listen serves the site on another port with all that Serve adds to a handler, and returns its address.
func listen(t testing.TB, front *web.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- front.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving ended with %v", err)
		}
	})
	return l.Addr().String()
}

// raw sends exactly text and reads the answer.
func raw(t testing.TB, address, text string) (status int, header http.Header, content string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the other side may hang up before the end
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body) // until the other side hangs up
	return r.StatusCode, r.Header, string(body)
}

func TestEveryAnswerIsHardened(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Front.Handle("/fails", func() error { return errors.New("a defect") })
	b := signIn(t, s, ana, "Acme")
	address, host := listen(t, s.Front), strings.TrimPrefix(s.URL, "http://")
	cookie := "Cookie: session=" + b.Cookie("session") + "\r\n"
	form := cookie + "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	get := func(target, more string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + more + "\r\n"
	}
	post := func(target, headers, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", target, host, headers, len(body), body)
	}
	for name, c := range map[string]struct {
		status  int
		request string
	}{
		"a page":                    {200, get("/jobs", cookie)},
		"a redirect":                {303, get("/jobs", "")},
		"nothing there":             {404, get("/nowhere", cookie)},
		"a missing row":             {404, get("/jobs/none", cookie)},
		"another method":            {405, post("/jobs", form, "")},
		"too large":                 {413, "POST /proposals HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + form + "Content-Length: 100000000\r\n\r\n"},
		"a body where none belongs": {413, strings.Replace(get("/jobs", cookie+"Content-Length: 5\r\n"), "\r\n\r\n", "\r\n\r\nhello", 1)},
		"another site's form":       {403, post("/sign-out", cookie+"Sec-Fetch-Site: cross-site\r\n", "")},
		"compressed":                {415, post("/sign-out", form+"Content-Encoding: gzip\r\n", "x")},
		"no form":                   {415, post("/sign-out", strings.Replace(form, "application/x-www-form-urlencoded", "application/json", 1), "{}")},
		"signed out":                {401, post("/sign-out", strings.Replace(form, cookie, "", 1), "")},
		"another host":              {421, strings.Replace(get("/jobs", cookie), host, "evil.example", 1)},
		"a defect":                  {500, get("/fails", cookie)},
		"a check":                   {200, get("/healthz", "")},
		"a file":                    {200, get(static.URL("app.css"), "")},
		"no such file":              {404, get("/static/none", "")},
		"all options":               {404, strings.Replace(get("*", ""), "GET", "OPTIONS", 1)},
		"no host":                   {400, "GET / HTTP/1.1\r\n\r\n"},
		"no HTTP":                   {400, "hello\r\n\r\n"},
		"a broken header":           {400, get("/jobs", "x y: z\r\n")},
		"a large header":            {431, get("/jobs", "X: "+strings.Repeat("x", 17<<10)+"\r\n")},
		"another encoding":          {501, "POST / HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: brotli\r\n\r\n"},
	} {
		status, header, body := raw(t, address, c.request)
		if status != c.status || strings.Contains(body, "goroutine") {
			t.Errorf("%s: %d %.300s", name, status, body)
		}
		for field, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "",
		} {
			if got := header.Get(field); got != want {
				t.Errorf("%s: %s is %q", name, field, got)
			}
		}
		if got := header.Get("Cache-Control"); got != "no-store" && name != "a file" {
			t.Errorf("%s may be kept: %q", name, got)
		}
		if !strings.Contains(header.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s: powers %q", name, header.Get("Permissions-Policy"))
		}
	}
	if h := b.Get("/jobs").Header; !strings.Contains(h.Get("Vary"), "Cookie") {
		t.Errorf("a signed-in page varies with %q", h.Get("Vary"))
	}
	if status, _, _ := raw(t, address, get("/healthz", "X: "+strings.Repeat("x", 15<<10)+"\r\n")); status != 200 {
		t.Errorf("15 KiB of headers: %d", status)
	}
}

func TestOnHTTPSBrowsersAreToldToStayThere(t *testing.T) {
	t.Parallel()
	front, err := web.New(web.Options{SessionKeys: [][]byte{bytes.Repeat([]byte{1}, 32)}, BaseURL: &url.URL{Scheme: "https", Host: "app.example.com"}, Watch: &app.Watch{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	front.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://app.example.com/healthz", nil))
	if w.Code != 200 || w.Header().Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("%d %q", w.Code, w.Header().Get("Strict-Transport-Security"))
	}
}

func TestTheSiteAnswersUnderItsOwnNameOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	host := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := net.SplitHostPort(host)
	for name, want := range map[string]int{
		host: 200, "LOCALHOST:" + port: 200, "localhost": 421, "localhost:80": 421, "127.0.0.1:" + port: 421, "evil.example": 421,
		host + ".evil.example": 421, "evil.example:" + port: 421, "localhost.:" + port: 421, "[::1]:" + port: 421,
	} {
		for path, ok := range map[string]int{"/jobs": want, "/nowhere": min(want+204, 421), "/healthz": 200, "/readyz": 200} {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://x"+path, nil)
			r.Host = name
			r.AddCookie(&http.Cookie{Name: "session", Value: b.Cookie("session")})
			s.Front.ServeHTTP(w, r)
			if ok == 404 {
				ok = 404
			}
			if w.Code != ok || ok == 421 && strings.Contains(w.Body.String(), "Ana Example") {
				t.Errorf("%s%s: %d, want %d", name, path, w.Code, ok)
			}
		}
	}
}

func TestHalfAFormEmptiesNothing(t *testing.T) {
	t.Parallel()
	_, b, editor := draft(t)
	saved := b.Submit(editor, editorForm, url.Values{"letter": {"my precious text"}})
	fields := url.Values{"tenant": {saved.Find("input[name=tenant]").AttrOr("value", "")}, "version": {saved.Find(editorForm+" input[name=version]").AttrOr("value", "")}}
	if p := b.Post(saved.URL.Path+"?letter=planted", fields); p.Status != http.StatusBadRequest {
		t.Errorf("%d %s", p.Status, p.H1())
	}
	if text := b.Get(saved.URL.Path).Find("textarea[name=letter]").Text(); text != "my precious text" {
		t.Errorf("the letter is %q", text)
	}
}

// bombs are bodies that cost more to read than to send.
func bombs(t testing.TB) map[string]func(*http.Request) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	gigabyte := bytes.Repeat(packed.Bytes(), 1000) // members of one file, as RFC 1952 has them
	var keys, parts bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&keys, "k%d=v&", i)
	}
	w := multipart.NewWriter(&parts)
	for i := range 20_000 {
		if err := w.WriteField(fmt.Sprintf("k%d", i), "v"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	kind := func(value string, body []byte) func(*http.Request) []byte {
		return func(r *http.Request) []byte {
			r.Header.Set("Content-Type", value)
			return body
		}
	}
	return map[string]func(*http.Request) []byte{
		"a gigabyte of zeroes in a megabyte": func(r *http.Request) []byte {
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return gigabyte
		},
		"100,000 keys":  kind("application/x-www-form-urlencoded", keys.Bytes()),
		"20,000 parts":  kind(w.FormDataContentType(), parts.Bytes()),
		"deep JSON":     kind("application/json", []byte(strings.Repeat("[", 10_000))),
		"deep JSON map": kind("application/json", []byte(strings.Repeat(`{"a":`, 10_000))),
	}
}

// atOnce is how long a bomb may take to refuse.
const atOnce = 100 * time.Millisecond

// quickest is the time of the first of three tries that is at once, or else of the quickest. What is dear to refuse is so each
// time; a machine that does something else is slow only now and then.
func quickest(do func() time.Duration) (least time.Duration) {
	for range 3 {
		if took := do(); least == 0 || took < least {
			least = took
		}
		if least <= atOnce {
			break
		}
	}
	return least
}

// allocated is how many bytes do takes, kept or not.
func allocated(do func()) uint64 {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Not parallel: it looks at the memory of the whole process.
func TestABombIsRefusedAtOnceAndCostsNoMemory(t *testing.T) {
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	b.Get("/jobs")
	cookie := &http.Cookie{Name: "session", Value: b.Cookie("session")}
	for name, arm := range bombs(t) {
		for _, route := range web.Routes() {
			if route.Method != http.MethodPost {
				continue
			}
			var (
				w     *httptest.ResponseRecorder
				grown uint64
			)
			took := quickest(func() (took time.Duration) {
				r := httptest.NewRequest(http.MethodPost, s.URL+address(route.Path), nil)
				body := arm(r)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.AddCookie(cookie)
				w = httptest.NewRecorder()
				grown = allocated(func() {
					began := time.Now()
					s.Front.ServeHTTP(w, r)
					took = time.Since(began)
				})
				return took
			})
			if w.Code < 400 || w.Code >= 500 || took > atOnce || grown > 20<<20 {
				t.Errorf("%s to %s: %d in %v with %d kB", name, route.Path, w.Code, took, grown>>10)
			}
		}
	}
}

func TestDeepJSONInAnUploadIsRefusedAtOnce(t *testing.T) {
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	form := b.Get("/jobs/import")
	for name, text := range map[string]string{"arrays": strings.Repeat("[", 10_000), "maps": strings.Repeat(`{"a":`, 10_000), "closed": strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)} {
		var p *webtest.Page
		took := quickest(func() time.Duration {
			began := time.Now()
			p = b.Submit(form, `form[action="/jobs/import"]`, url.Values{"text": {text}})
			return time.Since(began)
		})
		if p.Status != http.StatusUnprocessableEntity || took > atOnce {
			t.Errorf("%s: %d in %v", name, p.Status, took)
		}
	}
}
