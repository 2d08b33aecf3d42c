package clerk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// Decision is what is known of a request's person, or where to send the browser to find out.
type Decision struct {
	Status   Status
	Reason   string         // Clerk's word for it; empty when signed in
	Claims   *Claims        // when signed in, and only then
	Location *url.URL       // when a handshake is needed: redirect there with 307 and Cache-Control: no-store
	Cookies  []*http.Cookie // to set with the answer, whatever the status
	Cause    error          // why what a handshake brought was not taken: for the log, as it tells wrong keys or a wrong BaseURL
}

// Authenticate decides who makes a request, by Clerk's cookies and by what a handshake has brought back. It belongs on one
// GET route, where a sign-in ends, and nowhere else: afterwards our own session counts.
//
// The caller must have made sure that this browser began the sign-in, by a cookie of its own whose value is in the address
// too: a development instance's handshake comes in the address, and a link could otherwise sign somebody in as another
// person. It redirects to a Location and to addresses of its own, never to one that came with the request unchecked, and
// away from this address as soon as somebody is signed in. SignedOut leads to SignInURL; with the reason "session-pending"
// Clerk has still something to ask there. The error wraps ErrUnavailable.
func (c *Client) Authenticate(ctx context.Context, r *http.Request) (Decision, error) {
	d, none := c.resolve(ctx, r)
	if !errors.Is(none, errNone) {
		return d, none
	}
	d, err := c.byCookies(ctx, r)
	if none != errNone {
		d.Cause = none
	}
	return d, err
}

// byCookies decides without a handshake.
func (c *Client) byCookies(ctx context.Context, r *http.Request) (Decision, error) {
	ck := c.cookies(r)
	in, claims, err := c.inspect(ctx, r, ck)
	if err != nil {
		return Decision{}, err
	}
	status, reason := decide(in)
	switch {
	case status == Handshake:
		return c.sendAway(r, in, ck, reason), nil
	case status == SignedIn && claims == nil:
		return Decision{Status: SignedOut, Reason: "session-pending"}, nil
	}
	if status != SignedIn {
		claims = nil
	}
	return Decision{Status: status, Reason: reason, Claims: claims}, nil
}

// inspect gathers what the decision depends on. The claims are there when the token is valid and its session complete.
func (c *Client) inspect(ctx context.Context, r *http.Request, ck cookies) (input, *Claims, error) {
	in := input{
		development: c.development, get: r.Method == http.MethodGet,
		document:      isDocument(r.Header.Get("Sec-Fetch-Dest"), r.Header.Get("Accept")),
		devBrowserURL: r.URL.Query().Has(devBrowser),
		devBrowser:    ck.devBrowser != "",
	}
	// What is no number counts as absent.
	in.clientUAT, _ = strconv.ParseInt(ck.uat, 10, 64)
	in.redirectCount, _ = strconv.Atoi(cookie(r, redirectCounter))
	if ck.session == "" {
		return in, nil, nil
	}
	var err error
	if in.tokenIssuedAt, err = issuedAt(ck.session); err != nil {
		in.token = malformedToken
		return in, nil, nil
	}
	claims, err := c.Verify(ctx, ck.session)
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
	case errors.Is(err, ErrPending):
		return pendingToken
	case errors.Is(err, ErrExpired):
		return expiredToken
	case errors.Is(err, ErrEarly):
		return earlyToken
	}
	return forgedToken
}
