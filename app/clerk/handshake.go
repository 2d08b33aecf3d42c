package clerk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	sdk "github.com/clerk/clerk-sdk-go/v2"
)

const apiVersion = "2025-04-10"

// sendAway is the redirect to Clerk's handshake. It asks for the payload itself, not for a nonce: that saves a call.
func (c *Client) sendAway(r *http.Request, in input, ck cookies, reason string) Decision {
	q := url.Values{
		"redirect_url": {c.cleanURL(r)}, "__clerk_api_version": {apiVersion}, "suffixed_cookies": {strconv.FormatBool(ck.suffixed)},
		"__clerk_hs_reason": {reason}, "format": {"token"},
	}
	if ck.session != "" {
		q.Set(sessionCookie, ck.session)
	}
	browser := r.URL.Query().Get(devBrowser)
	if browser == "" {
		browser = ck.devBrowser
	}
	if browser != "" && c.development {
		q.Set(devBrowser, browser)
	}
	location, err := url.Parse(c.frontend + "/v1/client/handshake?" + q.Encode())
	if err != nil { // the origin was checked in New, and Encode escapes
		return Decision{Status: SignedOut, Reason: reason}
	}
	return Decision{Status: Handshake, Reason: reason, Location: location, Cookies: []*http.Cookie{c.counter(in.redirectCount + 1)}}
}

// counter is the cookie that counts redirects to Clerk within two seconds, by which a loop is noticed. 0 deletes it.
func (c *Client) counter(n int) *http.Cookie {
	ck := &http.Cookie{Name: redirectCounter, Value: strconv.Itoa(n), Path: "/", MaxAge: 2, HttpOnly: true,
		Secure: strings.HasPrefix(c.party, "https://"), SameSite: http.SameSiteLaxMode}
	if n == 0 {
		ck.Value, ck.MaxAge = "", -1
	}
	return ck
}

// cleanURL is the address to come back to: this one, on our own origin whatever the Host header says, without what a
// handshake or the hosted pages have added.
func (c *Client) cleanURL(r *http.Request) string {
	q := r.URL.Query()
	for _, name := range []string{devBrowser, handshakeToken, handshakeNonce, "__clerk_help", "__clerk_status", "__clerk_created_session"} {
		q.Del(name)
	}
	u := c.party + "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// returned is what a handshake brought back: in the address of a development instance, in a cookie of a production one,
// where a link that somebody else made cannot bring it. Either the payload itself, or a nonce that stands for it.
func (c *Client) returned(r *http.Request) (token, nonce string) {
	if c.development {
		q := r.URL.Query()
		return q.Get(handshakeToken), q.Get(handshakeNonce)
	}
	return cookie(r, handshakeToken), cookie(r, handshakeNonce)
}

// resolve takes what a handshake brought back. The error wraps errNone when there is nothing, or nothing that holds: then
// the cookies decide, which at worst asks Clerk again.
func (c *Client) resolve(ctx context.Context, r *http.Request) (Decision, error) {
	token, nonce := c.returned(r)
	var (
		directives []string
		err        = errNone
	)
	switch {
	case nonce != "":
		directives, err = c.payload(ctx, nonce)
	case token != "":
		directives, err = c.openHandshake(ctx, token)
	}
	var d Decision
	if err == nil {
		d, err = c.follow(ctx, directives)
	}
	if err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, errNone) {
		err = fmt.Errorf("%w that holds: %w", errNone, err)
	}
	return d, err
}

var errNone = errors.New("clerk: no handshake")

const maxDirectives = 32

// openHandshake verifies a handshake's payload: signed with the same key as session tokens, but with none of their claims.
func (c *Client) openHandshake(ctx context.Context, token string) ([]string, error) {
	signed, h, err := parse(token, 4*maxToken)
	if err != nil {
		return nil, err
	}
	key, err := c.key(ctx, token, h.KeyID)
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
	if json.Unmarshal(raw, &payload) != nil || len(payload.Handshake) == 0 || len(payload.Handshake) > maxDirectives {
		return nil, ErrToken
	}
	return payload.Handshake, nil
}

// noncePattern keeps a nonce from being anything else in an address: the SDK does not escape.
var noncePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// payload fetches what a nonce stands for. The SDK does not know this endpoint.
func (c *Client) payload(ctx context.Context, nonce string) ([]string, error) {
	if !noncePattern.MatchString(nonce) {
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
	if len(answer.Directives) > maxDirectives {
		return nil, ErrToken
	}
	return answer.Directives, nil
}

// follow reads a handshake's Set-Cookie lines: who is signed in, and what the browser shall keep.
func (c *Client) follow(ctx context.Context, directives []string) (Decision, error) {
	d := Decision{Status: SignedOut, Reason: "session-token-missing"}
	token := ""
	for _, line := range directives {
		ck, err := http.ParseSetCookie(line)
		if err != nil {
			continue // a handshake may bring what we do not know
		}
		if c.baseName(ck.Name) == sessionCookie && ck.Value != "" {
			token = ck.Value
		}
		if k := c.keep(ck); k != nil {
			d.Cookies = append(d.Cookies, k)
		}
	}
	if token == "" {
		return d, nil
	}
	claims, err := c.Verify(ctx, token)
	switch {
	case errors.Is(err, ErrPending):
		d.Reason = "session-pending"
	case err != nil:
		return Decision{}, err
	default:
		d.Status, d.Reason, d.Claims = SignedIn, "", claims
		d.Cookies = append(d.Cookies, c.counter(0)) // no loop: somebody may sign in again at once
	}
	return d, nil
}
