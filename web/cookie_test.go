package web_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"upwork-ai-agent/db/control"
	"upwork-ai-agent/web"
	"upwork-ai-agent/web/webtest"
)

// open asks for a signed-in page with a cookie, inside this process.
func open(s http.Handler, site, cookie string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, site+"/organizations", nil)
	r.Header["Cookie"] = []string{"session=" + cookie} // as it is: http.Cookie would refuse some
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// mutilate is one of the ways to make a cookie that is not ours out of one that is.
func mutilate(rng *rand.Rand, good string) string {
	b := []byte(good)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
	at := rng.IntN(len(b))
	switch rng.IntN(8) {
	case 0: // one character
		for old := b[at]; b[at] == old; {
			b[at] = alphabet[rng.IntN(len(alphabet))]
		}
	case 1: // one bit
		b[at] ^= 1 << rng.IntN(8)
	case 2: // cut
		b = b[:at]
	case 3: // longer
		b = append(b, alphabet[rng.IntN(len(alphabet))])
	case 4: // two characters exchanged
		to := rng.IntN(len(b))
		if b[at] == b[to] {
			return "x" + good
		}
		b[at], b[to] = b[to], b[at]
	case 5: // a part repeated
		b = append(b[:at:at], b[at/2:]...)
		if string(b) == good {
			return good + good
		}
	case 6: // noise of the same length
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
	default: // the bytes inside
		raw, _ := base64.URLEncoding.DecodeString(good)
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		return base64.URLEncoding.EncodeToString(raw)
	}
	return string(b)
}

func TestOfAHundredThousandCookiesThatAreNotOursNoneIsTakenAndNoneBreaksAnything(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *web.Options) { o.Log, o.Tracer = slog.New(slog.DiscardHandler), nil }) // both are kept in memory
	b := signIn(t, s, ana, "Acme")
	good := b.Cookie("session")
	if w := open(s.Front, s.URL, good); w.Code != http.StatusOK {
		t.Fatalf("the good one: %d", w.Code)
	}
	var accepted, broken atomic.Int64
	var all sync.WaitGroup
	const each = 100_000
	workers := runtime.GOMAXPROCS(0)
	for n := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 1))
			for range each / workers {
				c := mutilate(rng, good)
				if strings.Trim(c, "\" ") == good {
					continue // what a header may have around a value is none of its own
				}
				switch w := open(s.Front, s.URL, c); {
				case w.Code >= 500:
					broken.Add(1)
				case w.Code != http.StatusSeeOther || w.Header().Get("Set-Cookie") != "":
					accepted.Add(1)
					t.Logf("taken: %q for %q", c, good)
				}
			}
		})
	}
	all.Wait()
	if accepted.Load() != 0 || broken.Load() != 0 {
		t.Errorf("%d accepted, %d broke something", accepted.Load(), broken.Load())
	}
}

func TestACookieOfAnEndedSessionOrAnotherKeyOrAnotherCookieIsNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	before := b.Cookie("session")
	switchTo(t, b, "Beta")
	ended := signIn(t, s, ana, "Acme")
	after := ended.Cookie("session")
	ended.Submit(ended.Get("/jobs"), `form[action="/sign-out"]`, nil)
	replaced := b.Cookie("session")
	b.Get("/sign-in")
	begun := b.Cookie("sign-in")
	b.SignIn(ben)
	other := keyed(t, s, bytes.Repeat([]byte{9}, 32))
	stranger := s.Browser(t)
	for name, c := range map[string]string{"before a switch": before, "after a sign-out": after, "of the sign-in before": replaced, "of a sign-in under way": begun,
		"of another key": web.Sealed(other, control.NewSID()), "of nobody": web.Sealed(s.Front, control.NewSID())} {
		if c == "" {
			t.Fatalf("no cookie %s", name)
		}
		for range 50 {
			if w := open(s.Front, s.URL, c); w.Code != http.StatusSeeOther {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
	}
	if stranger.Cookie("session") != "" {
		t.Error("a session out of nothing")
	}
}

// keyed is the front with other session keys, newest first, over the same database.
func keyed(t *testing.T, s *webtest.Site, keys ...[]byte) *web.Server {
	t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	front, err := web.New(web.Options{DB: s.DB, Watch: s.Watch, SessionKeys: keys, BaseURL: base, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return front
}

func TestKeysAreRotatedWithoutLosingASessionOrAForm(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	old, next := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	both, after := keyed(t, s, next, old), keyed(t, s, next)
	cookie := b.Cookie("session")
	w := open(both, s.URL, cookie)
	made := w.Result().Cookies()
	if w.Code != http.StatusOK || len(made) != 1 {
		t.Fatalf("under both keys: %d with %d cookies", w.Code, len(made))
	}
	if w := open(both, s.URL, made[0].Value); w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("the new cookie under both keys: %d, %q", w.Code, w.Header().Get("Set-Cookie"))
	}
	if w := open(after, s.URL, made[0].Value); w.Code != http.StatusOK {
		t.Errorf("the new cookie without the old key: %d", w.Code)
	}
	if w := open(after, s.URL, cookie); w.Code != http.StatusSeeOther {
		t.Errorf("the old cookie without the old key: %d", w.Code)
	}
	for name, c := range map[string]struct {
		front  *web.Server
		status int
	}{"without the old key": {after, http.StatusForbidden}, "under both": {both, http.StatusUnprocessableEntity}} {
		r := httptest.NewRequest(http.MethodPost, s.URL+"/jobs/import", strings.NewReader(url.Values{"token": {b.Token}, "tenant": {b.Get("/jobs").Find("input[name=tenant]").AttrOr("value", "")}, "text": {""}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Cookie", "session="+made[0].Value)
		w := httptest.NewRecorder()
		if c.front.ServeHTTP(w, r); w.Code != c.status {
			t.Errorf("an old form %s: %d", name, w.Code)
		}
	}
}

func TestASessionThatNobodyUsesEndsAndOneThatIsUsedDoesNot(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := signIn(t, s, ana, "Acme")
	age := func(d time.Duration) {
		exec(t, s.Database, "UPDATE control.sessions SET seen_at = now() - $1::interval", d)
	}
	seen := func() (d time.Duration) {
		t.Helper()
		if err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT now() - seen_at FROM control.sessions").Scan(&d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	age(control.Idle - time.Minute)
	if p := b.Get("/jobs"); p.Status != http.StatusOK || p.H1() != "Jobs" {
		t.Fatalf("a minute before: %d %s", p.Status, p.H1())
	}
	web.Settle(s.Front)
	if d := seen(); d > time.Minute {
		t.Errorf("its use was not written down: %v ago", d)
	}
	age(2 * time.Minute)
	b.Get("/jobs")
	web.Settle(s.Front)
	if d := seen(); d < time.Minute {
		t.Errorf("a use of two minutes ago was written down again: %v ago", d)
	}
	age(control.Idle + time.Minute)
	b.NoRedirects()
	if p := b.Get("/jobs"); p.Status != http.StatusSeeOther {
		t.Errorf("a minute after: %d", p.Status)
	}
}

func TestOnHTTPSTheCookieIsOfThisHostAlone(t *testing.T) {
	t.Parallel()
	for _, line := range web.CookieLines(t, bytes.Repeat([]byte{1}, 32), &url.URL{Scheme: "https", Host: "app.example.com"}) {
		if !strings.HasPrefix(line, "__Host-") || !strings.Contains(line, "; Path=/;") || strings.Contains(line, "Domain") {
			t.Errorf("cookie %s", line)
		}
		for _, flag := range []string{"HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(line, flag) {
				t.Errorf("cookie without %s: %s", flag, line)
			}
		}
	}
}
