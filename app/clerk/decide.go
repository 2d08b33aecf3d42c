package clerk

import "strings"

// Status is what a decision comes to.
type Status string

// The statuses of a decision.
const (
	SignedIn  Status = "signed-in"
	SignedOut Status = "signed-out"
	Handshake Status = "handshake" // the browser is sent to Clerk and comes back
)

// tokenState is what is known of the session token of a request.
type tokenState int

const (
	noToken tokenState = iota
	validToken
	pendingToken // valid, but of a session that is not complete: Clerk calls it signed in, as nobody
	expiredToken
	earlyToken
	malformedToken // not decodable, or a token of another kind
	forgedToken    // decodable, but wrong: signature, issuer, party
)

// input is everything that a decision depends on.
type input struct {
	development   bool
	get           bool
	document      bool // the browser asks for a page: Sec-Fetch-Dest document or iframe, or without it HTML
	devBrowserURL bool // the address brings a development browser's token
	devBrowser    bool // the cookie has one
	clientUAT     int64
	token         tokenState
	tokenIssuedAt int64
	redirectCount int
}

// maxRedirects is how often a browser is sent to Clerk before that is given up as a loop.
const maxRedirects = 3

// decide is Clerk's own order of checks (@clerk/backend 3.25, authenticateRequest), without satellites, refresh tokens and
// organization by address. The reason is Clerk's word for it, and goes into the address of a handshake.
func decide(in input) (Status, string) {
	hasToken, hasUAT := in.token != noToken, in.clientUAT > 0
	switch {
	case in.development && in.devBrowserURL:
		return in.handshake("dev-browser-sync")
	case in.development && !in.devBrowser:
		return in.handshake("dev-browser-missing")
	case !hasUAT && !hasToken:
		return SignedOut, "session-token-and-uat-missing"
	case hasToken && !hasUAT:
		return in.handshake("session-token-but-no-client-uat")
	case hasUAT && !hasToken:
		return in.handshake("client-uat-but-no-session-token")
	case in.token == malformedToken:
		return SignedOut, "token-invalid"
	case in.tokenIssuedAt < in.clientUAT:
		return in.handshake("session-token-iat-before-client-uat")
	}
	return in.verified()
}

// verified decides by what became of the token.
func (in input) verified() (Status, string) {
	switch in.token {
	case validToken, pendingToken:
		return SignedIn, ""
	case expiredToken:
		if !in.get {
			return in.handshake("session-token-expired-refresh-non-eligible-non-get")
		}
		return in.handshake("session-token-expired-refresh-non-eligible-no-refresh-cookie")
	case earlyToken:
		return in.handshake("session-token-nbf")
	}
	return SignedOut, "token-invalid-signature"
}

// handshake sends the browser to Clerk, where that can work: a page that is fetched, and not round and round.
func (in input) handshake(reason string) (Status, string) {
	if in.get && in.document && in.redirectCount < maxRedirects {
		return Handshake, reason
	}
	return SignedOut, reason
}

// isDocument tells whether a browser fetches a page, by its headers.
func isDocument(secFetchDest, accept string) bool {
	switch secFetchDest {
	case "document", "iframe":
		return true
	case "":
		return strings.HasPrefix(accept, "text/html")
	}
	return false
}
