package clerk

import (
	"context"
	"crypto/sha1" //nolint:gosec // a name for cookies, as Clerk computes it; nothing is protected by it
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/go-jose/go-jose/v3"
)

// Decision is what is known of a request's person, or where to send the browser to find out.
type Decision struct {
	Status   Status
	Reason   string
	Claims   *Claims        // when signed in
	Location *url.URL       // when a handshake is needed: redirect there with 307 and no-store
	Cookies  []*http.Cookie // to set with the answer
}

// Names of Clerk's cookies and parameters.
const (
	sessionCookie   = "__session"
	uatCookie       = "__client_uat"
	devBrowser      = "__clerk_db_jwt"
	handshakeToken  = "__clerk_handshake"
	handshakeNonce  = "__clerk_handshake_nonce"
	redirectCounter = "__clerk_redirect_count"
	apiVersion      = "2025-04-10"
)

// cookieSuffix tells apart the cookies of several Clerk instances on one domain, by publishable key.
func cookieSuffix(publishableKey string) string {
	digest := sha1.Sum([]byte(publishableKey)) //nolint:gosec // as above
	return base64.URLEncoding.EncodeToString(digest[:])[:8]
}

// Authenticate decides who makes a request, by Clerk's cookies and by what a handshake has brought back. It belongs on one
// route, where a sign-in ends, and nowhere else. The caller must have made sure that this browser began the sign-in: a
// handshake in the address could otherwise sign somebody in as another person. The error wraps ErrUnavailable.
func (c *Client) Authenticate(ctx context.Context, r *http.Request) (Decision, error) {
	if decision, done, err := c.resolve(ctx, r); done || err != nil {
		return decision, err
	}
	in, claims, err := c.inspect(ctx, r)
	if err != nil {
		return Decision{}, err
	}
	status, reason := decide(in)
	switch {
	case status == Handshake:
		return c.sendAway(r, in, reason), nil
	case status == SignedIn && claims.Pending:
		return Decision{Status: SignedOut, Reason: "session-pending"}, nil
	}
	d := Decision{Status: status, Reason: reason}
	if status == SignedIn {
		d.Claims = claims
	}
	return d, nil
}

// inspect gathers what the decision depends on.
func (c *Client) inspect(ctx context.Context, r *http.Request) (input, *Claims, error) {
	in := input{
		development: c.development, get: r.Method == http.MethodGet,
		document:      isDocument(r.Header.Get("Sec-Fetch-Dest"), r.Header.Get("Accept")),
		devBrowserURL: r.URL.Query().Get(devBrowser) != "",
		devBrowser:    c.cookie(r, devBrowser) != "",
	}
	// What is no number counts as absent.
	in.clientUAT, _ = strconv.ParseInt(c.cookie(r, uatCookie), 10, 64)
	in.redirectCount, _ = strconv.Atoi(plainCookie(r, redirectCounter))
	token := c.cookie(r, sessionCookie)
	if token == "" {
		return in, nil, nil
	}
	p, err := peek(token)
	if err != nil || !kinds[p.Category] {
		in.token = malformedToken
		return in, nil, nil
	}
	in.tokenIssuedAt = p.IssuedAt
	claims, err := c.Verify(ctx, token)
	if errors.Is(err, ErrUnavailable) {
		return in, nil, err
	}
	in.token = stateOf(err)
	return in, claims, nil
}

func stateOf(err error) tokenState {
	switch {
	case err == nil:
		return validToken
	case errors.Is(err, ErrExpired):
		return expiredToken
	case errors.Is(err, ErrEarly):
		return earlyToken
	}
	return forgedToken
}

// cookie reads one of Clerk's cookies: the one with our instance's suffix where there is one.
func (c *Client) cookie(r *http.Request, name string) string {
	if v := plainCookie(r, name+"_"+c.suffix); v != "" {
		return v
	}
	return plainCookie(r, name)
}

func plainCookie(r *http.Request, name string) string {
	ck, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return ck.Value
}

// sendAway is the redirect to Clerk's handshake.
func (c *Client) sendAway(r *http.Request, in input, reason string) Decision {
	q := url.Values{
		"redirect_url": {c.cleanURL(r)}, "__clerk_api_version": {apiVersion}, "suffixed_cookies": {"false"},
		"__clerk_hs_reason": {reason}, "format": {"token"},
	}
	if token := c.cookie(r, sessionCookie); token != "" {
		q.Set(sessionCookie, token)
	}
	browser := r.URL.Query().Get(devBrowser)
	if browser == "" {
		browser = c.cookie(r, devBrowser)
	}
	if browser != "" && c.development {
		q.Set(devBrowser, browser)
	}
	location, err := url.Parse(c.frontend + "/v1/client/handshake?" + q.Encode())
	if err != nil { // the origin was checked in New
		return Decision{Status: SignedOut, Reason: reason}
	}
	return Decision{Status: Handshake, Reason: reason, Location: location, Cookies: []*http.Cookie{{
		Name: redirectCounter, Value: strconv.Itoa(in.redirectCount + 1), Path: "/", MaxAge: 2, HttpOnly: true,
		Secure: strings.HasPrefix(c.party, "https://"), SameSite: http.SameSiteLaxMode,
	}}}
}

// cleanURL is the address to come back to: this one, on our own origin whatever the Host header says, without what a
// handshake has added.
func (c *Client) cleanURL(r *http.Request) string {
	q := r.URL.Query()
	for _, name := range []string{devBrowser, handshakeToken, handshakeNonce, "__clerk_status", "__clerk_created_session"} {
		q.Del(name)
	}
	u := c.party + r.URL.EscapedPath()
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// resolve takes what a handshake brought back: in the address of a development instance, in a cookie of a production one;
// the payload itself, or a nonce that stands for it.
func (c *Client) resolve(ctx context.Context, r *http.Request) (Decision, bool, error) {
	token, nonce := plainCookie(r, handshakeToken), plainCookie(r, handshakeNonce)
	if c.development {
		token, nonce = r.URL.Query().Get(handshakeToken), r.URL.Query().Get(handshakeNonce)
	}
	var (
		directives []string
		err        error
	)
	switch {
	case nonce != "":
		directives, err = c.payload(ctx, nonce)
	case token != "":
		directives, err = c.openHandshake(ctx, token)
	default:
		return Decision{}, false, nil
	}
	if errors.Is(err, ErrUnavailable) {
		return Decision{}, true, err
	}
	if err != nil {
		return Decision{Status: SignedOut, Reason: "handshake-invalid"}, true, nil
	}
	d, err := c.follow(ctx, directives)
	return d, true, err
}

// openHandshake verifies a handshake's payload: signed with the same key as session tokens, but with none of their claims.
func (c *Client) openHandshake(ctx context.Context, token string) ([]string, error) {
	if len(token) > 4*maxToken {
		return nil, ErrToken
	}
	signed, err := jose.ParseSigned(token)
	if err != nil || len(signed.Signatures) != 1 || signed.Signatures[0].Header.Algorithm != "RS256" {
		return nil, ErrToken
	}
	protected := signed.Signatures[0].Protected
	if category, ok := protected.ExtraHeaders["cat"].(string); ok && !kinds[category] {
		return nil, ErrToken
	}
	key, err := c.keys.get(ctx, protected.KeyID)
	if err != nil {
		return nil, err
	}
	raw, err := signed.Verify(key.Key)
	if err != nil {
		return nil, ErrSignature
	}
	var payload struct {
		Handshake []string `json:"handshake"`
	}
	if json.Unmarshal(raw, &payload) != nil || len(payload.Handshake) == 0 {
		return nil, ErrToken
	}
	return payload.Handshake, nil
}

// payload fetches what a nonce stands for. The SDK does not know this endpoint.
func (c *Client) payload(ctx context.Context, nonce string) ([]string, error) {
	if len(nonce) > 200 || strings.Trim(nonce, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return nil, ErrToken
	}
	request := sdk.NewAPIRequest(http.MethodGet, "/clients/handshake_payload?nonce="+nonce)
	var answer struct {
		sdk.APIResource
		Directives []string `json:"directives"`
	}
	if err := c.backend.Call(ctx, request, &answer); err != nil {
		return nil, classify("handshake payload", err)
	}
	return answer.Directives, nil
}

// kept are the cookies of a handshake that are passed on. The session token and the refresh token are not: they have done
// their work here, and nothing of ours reads them again.
var kept = []string{uatCookie, devBrowser}

// follow reads a handshake's Set-Cookie lines: who is signed in, and what the browser shall keep.
func (c *Client) follow(ctx context.Context, directives []string) (Decision, error) {
	d := Decision{Status: SignedOut, Reason: "session-token-missing"}
	token := ""
	for _, line := range directives {
		ck, err := http.ParseSetCookie(line)
		if err != nil {
			continue // a handshake may bring what we do not know
		}
		name := strings.TrimSuffix(ck.Name, "_"+c.suffix)
		if name == sessionCookie && ck.Value != "" {
			token = ck.Value
		}
		if slices.Contains(kept, name) {
			d.Cookies = append(d.Cookies, c.ours(ck))
		}
	}
	if token == "" {
		return d, nil
	}
	claims, err := c.Verify(ctx, token)
	switch {
	case errors.Is(err, ErrUnavailable):
		return d, err
	case err != nil:
		d.Reason = "token-invalid"
	case claims.Pending:
		d.Reason = "session-pending"
	default:
		d.Status, d.Reason, d.Claims = SignedIn, "", claims
	}
	return d, nil
}

// ours is a cookie with our own attributes: a payload says what to keep, never for whom or how.
func (c *Client) ours(ck *http.Cookie) *http.Cookie {
	return &http.Cookie{Name: ck.Name, Value: ck.Value, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(c.party, "https://"), SameSite: http.SameSiteLaxMode}
}
