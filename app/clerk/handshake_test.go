package clerk

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v3"
)

// back is a request that returns from a handshake: with the payload where an instance of that kind puts it.
func back(i *instance, name, value string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, testOrigin+"/auth/callback?state=1", nil)
	r.Header.Set("Sec-Fetch-Dest", "document")
	if i.development {
		r.URL.RawQuery += "&" + name + "=" + url.QueryEscape(value)
	} else {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func payload(t testing.TB, headers map[jose.HeaderKey]any, directives ...string) string {
	t.Helper()
	all := map[jose.HeaderKey]any{"cat": nil}
	for k, v := range headers {
		all[k] = v
	}
	return sign(t, signingKey(), map[string]any{"handshake": directives}, all)
}

func line(d Decision) string {
	names := []string{}
	for _, ck := range d.Cookies {
		names = append(names, ck.Name)
	}
	slices.Sort(names)
	return fmt.Sprint(d.Status, " ", d.Reason, " ", strings.Join(names, ","))
}

func TestAHandshakeSignsInAndPassesOnOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"test", "live"} {
		i := start(t, kind)
		session := token(t, good(nil), nil)
		directives := []string{
			"__session=" + session + "; Path=/; SameSite=Lax", "__session_" + i.suffix + "=" + session + "; Path=/",
			"__client_uat=1700000000; Path=/; Domain=lab.test; Max-Age=999999999; SameSite=Strict", "__client_uat_" + i.suffix + "=0; Path=/admin",
			"__clerk_db_jwt=dvb_1; Path=/", "__refresh_" + i.suffix + "=secret; HttpOnly",
			"session=planted; Path=/", "__Host-session=planted; Path=/; Secure", "__client=x", "__client_uat_other000=1", "__clerk_redirect_count=0", "no cookie at all",
		}
		i.mux.HandleFunc("GET /v1/clients/handshake_payload", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "nonce=n-1" {
				t.Errorf("asked with %s", r.URL.RawQuery)
			}
			answer(w, map[string]any{"directives": directives})
		})
		for name, r := range map[string]*http.Request{
			"token": back(i, handshakeToken, payload(t, nil, directives...)), "nonce": back(i, handshakeNonce, "n-1"),
		} {
			got, err := i.Authenticate(t.Context(), r)

			want := "signed-in  __clerk_db_jwt,__clerk_redirect_count,__client_uat,__client_uat_" + i.suffix
			if err != nil || line(got) != want || got.Claims == nil || got.Claims.Subject != "user_1" || got.Claims.OrgID != "org_1" {
				t.Errorf("%s, %s: got %s %+v, %v", kind, name, line(got), got.Claims, err)
			}
			for _, ck := range got.Cookies {
				if ck.Path != "/" || !ck.HttpOnly || !ck.Secure || ck.SameSite != http.SameSiteLaxMode || ck.MaxAge > 365*24*3600 {
					t.Errorf("%s, %s: the cookie is set as the payload says: %s", kind, name, ck)
				}
				if ck.Name == "__client_uat" && ck.Domain != "lab.test" {
					t.Errorf("%s, %s: %s hides the whole site's", kind, name, ck)
				}
			}
		}
	}
}

func TestAHandshakeThatDoesNotHoldSignsNobodyInAndSaysWhyToTheLog(t *testing.T) {
	t.Parallel()
	i := start(t, "test")
	session := "__session=" + token(t, good(nil), nil)
	type headers = map[jose.HeaderKey]any
	right := payload(t, nil, session)
	i.mux.HandleFunc("GET /v1/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/clients/handshake_payload?nonce=unknown" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(http.StatusNotFound)
	})
	for name, r := range map[string]*http.Request{
		"a payload from a template":           back(i, handshakeToken, payload(t, headers{"cat": "cl_B7d4PD222AAA"}, session)),
		"a payload of another key":            back(i, handshakeToken, payload(t, headers{"kid": "ins_2"}, session)),
		"a payload that was changed":          back(i, handshakeToken, right[:len(right)-10]+"AAAAAAAAAA"),
		"a session token as the payload":      back(i, handshakeToken, token(t, good(nil), nil)),
		"an empty payload":                    back(i, handshakeToken, payload(t, nil)),
		"a payload without end":               back(i, handshakeToken, payload(t, nil, slices.Repeat([]string{session[:200]}, 33)...)),
		"a token for another site":            back(i, handshakeToken, payload(t, nil, "__session="+token(t, good(map[string]any{"azp": "https://evil.test"}), nil))),
		"a token of yesterday":                back(i, handshakeToken, payload(t, nil, "__session="+token(t, good(map[string]any{"exp": testNow.Unix() - 86400}), nil))),
		"a nonce that Clerk does not know":    back(i, handshakeNonce, "unknown"),
		"a nonce that leads elsewhere":        back(i, handshakeNonce, "a&x=1"),
		"a nonce that climbs":                 back(i, handshakeNonce, "../../users"),
		"no token at all":                     back(i, handshakeToken, "x"),
		"a token without its first two parts": back(i, handshakeToken, "..x"),
	} {
		got, err := i.Authenticate(t.Context(), r)
		if err != nil || got.Status != Handshake || got.Claims != nil || got.Cause == nil || got.Reason != "dev-browser-missing" {
			t.Errorf("%s: got %s, cause %v, %v", name, line(got), got.Cause, err)
			continue
		}
		if target := got.Location.Query().Get("redirect_url"); target != testOrigin+"/auth/callback?state=1" {
			t.Errorf("%s: comes back to %s, which has it still", name, target)
		}
	}
}

func TestAHandshakeOfAPendingOrEndedSessionSignsOut(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	for name, tt := range map[string]struct{ directive, want string }{
		"pending": {"__session=" + token(t, good(map[string]any{"sts": "pending"}), nil), "signed-out session-pending __client_uat"},
		"ended":   {"__session=; Path=/; Max-Age=0", "signed-out session-token-missing __client_uat"},
	} {
		got, err := i.Authenticate(t.Context(), back(i, handshakeToken, payload(t, nil, tt.directive, "__client_uat=0")))
		if err != nil || line(got) != tt.want || got.Claims != nil {
			t.Errorf("%s: got %s, %v", name, line(got), err)
		}
	}
}

func TestAnAddressBringsNoHandshakeToAProductionInstance(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	r := httptest.NewRequest(http.MethodGet, testOrigin+"/auth/callback", nil)
	r.URL.RawQuery = url.Values{handshakeToken: {payload(t, nil, "__session="+token(t, good(nil), nil))}}.Encode()
	if got, err := i.Authenticate(t.Context(), r); err != nil || got.Status != SignedOut {
		t.Errorf("got %s, %v", line(got), err)
	}
}

func TestWhileClerkDoesNotAnswerNobodyIsSignedOut(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	i.down.Store(true)
	active := httptest.NewRequest(http.MethodGet, testOrigin+"/auth/callback", nil)
	active.AddCookie(&http.Cookie{Name: sessionCookie, Value: token(t, good(nil), nil)})
	active.AddCookie(&http.Cookie{Name: uatCookie, Value: "1"})
	i.mux.HandleFunc("GET /v1/clients/handshake_payload", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for name, r := range map[string]*http.Request{
		"cookies": active, "payload": back(i, handshakeToken, payload(t, nil, "__session=x")), "nonce": back(i, handshakeNonce, "n"),
	} {
		if got, err := i.Authenticate(t.Context(), r); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: got %s, %v", name, line(got), err)
		}
	}
}

func TestTheWayBackIsOursWhateverTheRequestSays(t *testing.T) {
	t.Parallel()
	i := start(t, "test")
	for target, want := range map[string]string{
		"http://evil.test/auth/callback?state=1&__clerk_db_jwt=dvb_1": testOrigin + "/auth/callback?state=1",
		"https://app.lab.test//evil.test/":                            testOrigin + "/evil.test/",
		"https://app.lab.test/a%2Fb?q=%26":                            testOrigin + "/a%2Fb?q=%26",
	} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		got, err := i.Authenticate(t.Context(), r)
		if err != nil || got.Status != Handshake {
			t.Fatalf("%s: %s, %v", target, line(got), err)
		}
		if q := got.Location.Query(); q.Get("redirect_url") != want || q.Get("format") != "token" || got.Location.Host != "clerk.lab.test" {
			t.Errorf("%s: got %s, want to come back to %s", target, got.Location, want)
		}
	}
}

func TestCookiesAreKeptForOurOwnDomainsAndNotForEver(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	for directive, want := range map[string]string{
		"__client_uat=1; Domain=app.lab.test":                          "__client_uat=1; Path=/; Domain=app.lab.test; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=1; Domain=.lab.test":                             "__client_uat=1; Path=/; Domain=lab.test; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=1; Domain=evil.test":                             "__client_uat=1; Path=/; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=1; Domain=test":                                  "__client_uat=1; Path=/; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=1; Domain=b.test":                                "__client_uat=1; Path=/; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=0; Max-Age=60":                                   "__client_uat=0; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=0; Expires=Wed, 04 Mar 2026 05:07:07 GMT":        "__client_uat=0; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
		"__client_uat=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT":        "__client_uat=1; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__clerk_db_jwt=":                                              "__clerk_db_jwt=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__clerk_db_jwt=a|b":                                           "",
		"__client_uat=1e9":                                             "",
		"__clerk_db_jwt=" + strings.Repeat("x", 1001):                  "",
		"__client_uat_" + i.suffix + "=1; Max-Age=9999999999; Path=/x": "__client_uat_" + i.suffix + "=1; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax",
	} {
		ck, err := http.ParseSetCookie(directive)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if k := i.keep(ck); k != nil {
			got = k.String()
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", directive, got, want)
		}
	}
}

func TestALoopEndsAfterThreeRedirects(t *testing.T) {
	t.Parallel()
	i := start(t, "test")
	count := ""
	for n := range 5 {
		r := httptest.NewRequest(http.MethodGet, testOrigin+"/auth/callback", nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		if count != "" {
			r.AddCookie(&http.Cookie{Name: redirectCounter, Value: count})
		}
		got, err := i.Authenticate(t.Context(), r)
		if err != nil || (got.Status == Handshake) != (n < 3) {
			t.Fatalf("visit %d: got %s, %v", n, line(got), err)
		}
		if got.Status == Handshake {
			count = got.Cookies[0].Value
		}
	}
}
