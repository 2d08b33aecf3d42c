package clerk

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// goldenCase is one row of what @clerk/backend 3.25 decides (testdata/handshake_cases.json.gz).
type goldenCase struct {
	Instance, Method, SecFetch, ClientUAT, Session string
	DevBrowser                                     bool
	RedirectCount                                  int
	Expect                                         struct {
		Status           Status
		Reason           string
		UserID           *string
		Location         *struct{ Path, Params string }
		SetRedirectCount bool
	}
}

func readGolden(t testing.TB) []goldenCase {
	t.Helper()
	file, err := os.Open("testdata/handshake_cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []goldenCase
	if err := json.NewDecoder(plain).Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// sessions are the tokens that the rows speak of. Those that will be or were valid have their own times.
func goldenSessions(t testing.TB) map[string]string {
	now := testNow.Unix()
	active := token(t, good(map[string]any{"exp": now + 600}), nil)
	return map[string]string{
		"none": "", "active": active, "malformed": "a.b",
		"expired": token(t, good(map[string]any{"iat": now - 600, "nbf": now - 610, "exp": now - 540}), nil),
		"early":   token(t, good(map[string]any{"iat": now + 600, "nbf": now + 590, "exp": now + 1200}), nil),
		"pending": token(t, good(map[string]any{"sts": "pending", "exp": now + 600}), nil),
		"badsig":  active[:len(active)-6] + strings.Map(func(r rune) rune { return map[bool]rune{true: 'B', false: 'A'}[r == 'A'] }, active[len(active)-6:]),
	}
}

// issued is the iat of each session of the rows, relative to now.
var issued = map[string]int64{"expired": -600, "early": 600}

func (g goldenCase) request(sessions map[string]string) *http.Request {
	r := httptest.NewRequest(g.Method, testOrigin+"/auth/callback?state=1", nil)
	switch g.SecFetch {
	case "-html":
		r.Header.Set("Accept", "text/html,application/xhtml+xml")
	case "-json":
		r.Header.Set("Accept", "application/json")
	default:
		r.Header.Set("Sec-Fetch-Dest", g.SecFetch)
	}
	iat := testNow.Unix() + issued[g.Session]
	uat := map[string]string{"0": "0", "eq": strconv.FormatInt(iat, 10), "newer": strconv.FormatInt(iat+5, 10)}[g.ClientUAT]
	for name, value := range map[string]string{uatCookie: uat, sessionCookie: sessions[g.Session],
		devBrowser: map[bool]string{true: "dvb_1"}[g.DevBrowser], redirectCounter: strconv.Itoa(g.RedirectCount)} {
		if value != "" {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	return r
}

func TestEveryRowIsDecidedAsClerkDoes(t *testing.T) {
	t.Parallel()
	rows := readGolden(t)
	sessions := goldenSessions(t)
	instances := map[string]*instance{"development": start(t, "test"), "production": start(t, "live")}
	if len(rows) != 1120 {
		t.Fatalf("%d rows, want 1120", len(rows))
	}
	for n, g := range rows {
		got, err := instances[g.Instance].Authenticate(t.Context(), g.request(sessions))
		if err != nil {
			t.Fatal(err)
		}
		if diff := g.differs(got); diff != "" {
			t.Errorf("row %d, %s %s %s, uat %s, session %s, dev browser %v, count %d: %s",
				n, g.Instance, g.Method, g.SecFetch, g.ClientUAT, g.Session, g.DevBrowser, g.RedirectCount, diff)
		}
	}
}

// differs says what is not as the row has it. A pending session is signed in there, as nobody: here it is signed out.
func (g goldenCase) differs(d Decision) string {
	status, reason := g.Expect.Status, g.Expect.Reason
	if status == SignedIn && g.Expect.UserID == nil {
		status, reason = SignedOut, "session-pending"
	}
	user := ""
	if d.Claims != nil {
		user = d.Claims.Subject
	}
	switch {
	case d.Status != status || d.Reason != reason:
		return fmt.Sprintf("got %s %q, want %s %q", d.Status, d.Reason, status, reason)
	case g.Expect.UserID == nil && d.Claims != nil, g.Expect.UserID != nil && *g.Expect.UserID != user:
		return fmt.Sprintf("got the person %q, want %v", user, g.Expect.UserID)
	case (d.Location != nil) != (g.Expect.Location != nil):
		return fmt.Sprintf("got the location %v, want %v", d.Location, g.Expect.Location)
	}
	if d.Location != nil {
		want := strings.Split(g.Expect.Location.Params, ",")
		slices.Sort(want)
		got := slices.Sorted(maps.Keys(d.Location.Query()))
		if where := d.Location.Scheme + "://" + d.Location.Host + d.Location.Path; where != g.Expect.Location.Path || !slices.Equal(got, want) {
			return fmt.Sprintf("got %s with %v, want %s with %v", where, got, g.Expect.Location.Path, want)
		}
	}
	counts := len(d.Cookies) == 1 && d.Cookies[0].Name == redirectCounter && d.Cookies[0].Value == strconv.Itoa(g.RedirectCount+1)
	if counts != g.Expect.SetRedirectCount {
		return fmt.Sprintf("got the cookies %v", d.Cookies)
	}
	return ""
}

func FuzzDecide(f *testing.F) {
	f.Add(true, true, true, false, true, int64(5), uint8(validToken), int64(5), 0)
	f.Add(false, true, false, true, false, int64(0), uint8(noToken), int64(0), 3)
	f.Add(false, false, true, false, false, int64(-1), uint8(expiredToken), int64(9), -7)
	f.Fuzz(func(t *testing.T, development, get, document, devBrowserURL, devBrowser bool, uat int64, state uint8, issued int64, count int) {
		in := input{development: development, get: get, document: document, devBrowserURL: devBrowserURL, devBrowser: devBrowser,
			clientUAT: uat, token: tokenState(state % uint8(forgedToken+1)), tokenIssuedAt: issued, redirectCount: count}

		status, reason := decide(in)

		switch status {
		case SignedIn:
			if in.token != validToken && in.token != pendingToken || uat <= 0 || issued < uat || reason != "" || devBrowserURL && development {
				t.Errorf("signed in with %+v", in)
			}
		case Handshake:
			if !get || !document || count >= maxRedirects || reason == "" {
				t.Errorf("sent away with %+v", in)
			}
		case SignedOut:
			if reason == "" {
				t.Errorf("signed out without a reason with %+v", in)
			}
		default:
			t.Errorf("decided %q with %+v", status, in)
		}
	})
}
