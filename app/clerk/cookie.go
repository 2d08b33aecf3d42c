package clerk

import (
	"crypto/sha1" //nolint:gosec // a name for cookies, as Clerk computes it; nothing is protected by it
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// Names of Clerk's cookies and parameters.
const (
	sessionCookie   = "__session"
	uatCookie       = "__client_uat" // when the person signed in, in seconds; 0 is signed out
	devBrowser      = "__clerk_db_jwt"
	handshakeToken  = "__clerk_handshake"
	handshakeNonce  = "__clerk_handshake_nonce"
	redirectCounter = "__clerk_redirect_count"
)

// cookieSuffix tells apart the cookies of several Clerk instances on one domain, by publishable key.
func cookieSuffix(publishableKey string) string {
	digest := sha1.Sum([]byte(publishableKey)) //nolint:gosec // as above
	return base64.URLEncoding.EncodeToString(digest[:])[:8]
}

// cookies are those of Clerk's that a request carries for this instance.
type cookies struct {
	session, uat, devBrowser string
	suffixed                 bool // they are the ones with our instance's suffix
}

func (c *Client) cookies(r *http.Request) cookies {
	plain, ours := readCookies(r, ""), readCookies(r, "_"+c.suffix)
	if c.usesSuffixed(plain, ours) {
		ours.suffixed = true
		return ours
	}
	return plain
}

func readCookies(r *http.Request, suffix string) cookies {
	return cookies{session: cookie(r, sessionCookie+suffix), uat: cookie(r, uatCookie+suffix), devBrowser: cookie(r, devBrowser+suffix)}
}

func cookie(r *http.Request, name string) string {
	ck, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return ck.Value
}

// usesSuffixed tells which of the two sets counts, as @clerk/backend 3.25 does (authenticateContext, usesSuffixedCookies):
// the plain ones may be another instance's, or those of an older library that knows no suffix.
func (c *Client) usesSuffixed(plain, ours cookies) bool {
	plainToken, oursToken := peek(plain.session), peek(ours.session)
	expired := oursToken.decoded && oursToken.Expiry <= c.now().Unix()
	switch {
	case plain.session != "" && plainToken.Issuer == "":
		return false
	case plain.session != "" && bareHost(plainToken.Issuer) != bareHost(c.frontend):
		return true
	case ours.uat == "" && ours.session == "":
		return false
	case ours.uat != "0" && plain.uat != "0" && plainToken.IssuedAt > oursToken.IssuedAt:
		return false
	case ours.uat == "0" && plain.uat != "0":
		return false
	case c.development && ours.uat != "0" && plain.uat == "0" && expired:
		return false
	}
	return ours.uat != ""
}

func bareHost(origin string) string {
	return strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://")
}

// peeked is what a token says before anything about it is believed.
type peeked struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
	decoded  bool
}

// peek reads a token of any kind; the zero value stands for one that cannot be read.
func peek(token string) peeked {
	var p peeked
	if len(token) > maxToken || !compact.MatchString(token) {
		return p
	}
	signed, err := jose.ParseSigned(token)
	if err != nil || json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &p) != nil {
		return peeked{}
	}
	p.decoded = true
	return p
}

// kept are the cookies of a handshake that are passed on to the browser, with what their values look like. The session
// token and the refresh token are not among them: they have done their work, and nothing of ours reads them again.
var kept = map[string]*regexp.Regexp{
	uatCookie:  regexp.MustCompile(`^[0-9]{0,12}$`),
	devBrowser: regexp.MustCompile(`^[A-Za-z0-9._-]{0,1000}$`),
}

// baseName is the name of a cookie without our instance's suffix.
func (c *Client) baseName(name string) string { return strings.TrimSuffix(name, "_"+c.suffix) }

// keep turns a cookie of a handshake into one that may be set, or nil. It takes over the name, the value, and for how long
// and for which of our own domains; all else is ours to say: whoever could forge a payload must not plant cookies.
func (c *Client) keep(ck *http.Cookie) *http.Cookie {
	values, ok := kept[c.baseName(ck.Name)]
	if !ok || !values.MatchString(ck.Value) {
		return nil
	}
	return &http.Cookie{Name: ck.Name, Value: ck.Value, Path: "/", Domain: c.domain(ck.Domain), MaxAge: c.maxAge(ck),
		HttpOnly: true, Secure: strings.HasPrefix(c.party, "https://"), SameSite: http.SameSiteLaxMode}
}

// domain is the cookie's where it is ours or above ours. Clerk keeps __client_uat for the whole site; a second one for our
// host alone would hide its changes.
func (c *Client) domain(domain string) string {
	domain = strings.ToLower(strings.TrimPrefix(domain, "."))
	_, host, _ := strings.Cut(c.party, "://")
	host, _, _ = strings.Cut(host, ":")
	if domain != "" && strings.Contains(domain, ".") && strings.HasSuffix("."+host, "."+domain) {
		return domain
	}
	return ""
}

const year = 365 * 24 * 3600 // seconds

// maxAge is how long a cookie stays, in seconds: a year at most; negative to delete it; 0 until the browser closes.
func (c *Client) maxAge(ck *http.Cookie) int {
	left := ck.MaxAge
	if left == 0 && !ck.Expires.IsZero() {
		if left = int(ck.Expires.Sub(c.now()) / time.Second); left == 0 {
			left = -1
		}
	}
	if left < 0 || ck.Value == "" {
		return -1
	}
	return min(left, year)
}
