package clerk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/go-jose/go-jose/v3"
	josejwt "github.com/go-jose/go-jose/v3/jwt"
)

// What Verify refuses a token for.
var (
	ErrToken     = errors.New("clerk: not a session token") // not decodable, of another kind, or without what it must have
	ErrSignature = errors.New("clerk: wrong signature")     // or signed with a key that Clerk does not publish
	ErrExpired   = errors.New("clerk: token expired")
	ErrEarly     = errors.New("clerk: token not valid yet")
	ErrParty     = errors.New("clerk: token of another issuer or for another site")
	ErrPending   = errors.New("clerk: session is pending") // Clerk still wants something of the person: an organization, a second factor
)

// Claims is what a verified session token says. Permissions and features are left out: the SDKs disagree about them, and
// authority here is a database row anyway.
type Claims struct {
	Subject   string // user_…
	SessionID string // sess_…
	OrgID     string // org_…; empty when none is active
	OrgRole   string // Clerk's key in that organization, as org:admin
	IssuedAt  time.Time
	ExpiresAt time.Time
	Actor     string // who impersonates the subject, or empty
}

const (
	maxToken = 8 << 10 // bytes; a cookie holds half of it
	leeway   = 5 * time.Second
)

// kinds are the header's cat values of a session token: none in old tokens. Others are machine tokens and templates, which
// the same key signs.
var kinds = map[string]bool{"": true, "cl_B7d4PD111AAA": true, "cl_I7d4PD111III": true}

// claims are read a second time beside the SDK: it overlooks v2's organization when a custom claim says org_id, does not
// know sts, and takes names in any case, so that a custom claim "Sub" would replace sub. This decoder is exact.
type claims struct {
	Version    int    `json:"v"`
	Issuer     string `json:"iss"`
	Party      string `json:"azp"`
	Subject    string `json:"sub"`
	SessionID  string `json:"sid"`
	Status     string `json:"sts"`
	IssuedAt   *int64 `json:"iat"`
	Expiry     *int64 `json:"exp"`
	OldOrgID   string `json:"org_id"`
	OldOrgRole string `json:"org_role"`
	Org        struct {
		ID   string `json:"id"`
		Role string `json:"rol"`
	} `json:"o"`
	Actor struct {
		Subject string `json:"sub"`
	} `json:"act"`
}

// compact is the only form of a token that Clerk makes. The library would take JSON and spaces, too.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// parse decodes what Clerk has signed in compact form, without verifying it. It refuses other algorithms and kinds.
func parse(token string, limit int) (*jose.JSONWebSignature, jose.Header, error) {
	if len(token) > limit || !compact.MatchString(token) {
		return nil, jose.Header{}, ErrToken
	}
	signed, err := jose.ParseSigned(token)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, jose.Header{}, ErrToken
	}
	h := signed.Signatures[0].Protected
	if h.Algorithm != string(jose.RS256) || h.KeyID == "" || !allowed(h, "cat", kinds) || !allowed(h, "typ", types) {
		return nil, h, ErrToken
	}
	return signed, h, nil
}

var types = map[string]bool{"": true, "JWT": true}

// allowed tells whether a header is absent or one of the known values.
func allowed(h jose.Header, name jose.HeaderKey, known map[string]bool) bool {
	v, ok := h.ExtraHeaders[name]
	if !ok {
		return true
	}
	s, ok := v.(string)
	return ok && known[s]
}

// canonical tells whether every part of a token is written in the one way base64 has for it. The library ignores bits that
// mean nothing, so several texts would pass for one token.
func canonical(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return false
		}
	}
	return true
}

// issuedAt is when a token says it was made, before anything about it is believed.
func issuedAt(token string) (int64, error) {
	signed, _, err := parse(token, maxToken)
	if err != nil {
		return 0, err
	}
	var v struct {
		IssuedAt int64 `json:"iat"`
	}
	if json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &v) != nil {
		return 0, ErrToken
	}
	return v.IssuedAt, nil
}

// Verify checks everything about a session token: its size, kind, algorithm, signature, times (with 5 s leeway), issuer,
// authorized party, ids, and that its session is complete. A token without an authorized party, as the Backend API makes
// them, is refused. The error is one of this package's; it wraps ErrUnavailable when the signing keys cannot be had.
func (c *Client) Verify(ctx context.Context, token string) (*Claims, error) {
	_, h, err := parse(token, maxToken)
	if err != nil {
		return nil, err
	}
	key, err := c.key(ctx, token, h.KeyID)
	if err != nil {
		return nil, err
	}
	var v claims
	_, err = jwt.Verify(ctx, &jwt.VerifyParams{
		Token: token, JWK: key, Clock: clock(c.now), Leeway: leeway,
		ProxyURL:                &c.frontend, // makes the SDK compare the issuer exactly
		AuthorizedPartyHandler:  func(party string) bool { return party == c.party },
		CustomClaimsConstructor: func(context.Context) any { return &v },
	})
	if err != nil {
		return nil, tokenError(err)
	}
	return c.convert(v)
}

// key is the key that must have signed a token.
func (c *Client) key(ctx context.Context, token, id string) (*sdk.JSONWebKey, error) {
	if !canonical(token) {
		return nil, ErrSignature
	}
	key, err := c.keys.get(ctx, id)
	if errors.Is(err, errUnknownKey) {
		return nil, ErrSignature
	}
	return key, err
}

type clock func() time.Time

// Now is the SDK's idea of a clock.
func (c clock) Now() time.Time { return c() }

// tokenError sorts the SDK's errors, which have no types of their own beside the library's.
func tokenError(err error) error {
	switch {
	case errors.Is(err, josejwt.ErrExpired):
		return ErrExpired
	case errors.Is(err, josejwt.ErrNotValidYet), errors.Is(err, josejwt.ErrIssuedInTheFuture):
		return ErrEarly
	case errors.Is(err, jose.ErrCryptoFailure):
		return ErrSignature
	case strings.HasPrefix(err.Error(), "invalid issuer"), strings.HasPrefix(err.Error(), "invalid authorized party"):
		return ErrParty
	}
	return fmt.Errorf("%w: %w", ErrToken, err)
}

// convert checks what the SDK does not, on the exact reading.
func (c *Client) convert(v claims) (*Claims, error) {
	org, role := v.Org.ID, "org:"+v.Org.Role
	if v.Version < 2 {
		org, role = v.OldOrgID, v.OldOrgRole
	}
	if org == "" {
		role = ""
	}
	switch {
	case v.Issuer != c.frontend || v.Party != c.party:
		return nil, ErrParty
	case v.Expiry == nil || v.IssuedAt == nil || checkID("user", v.Subject) != nil || checkID("sess", v.SessionID) != nil:
		return nil, ErrToken
	case org != "" && checkID("org", org) != nil:
		return nil, ErrToken
	case v.Status != "" && v.Status != "active":
		return nil, ErrPending
	}
	return &Claims{Subject: v.Subject, SessionID: v.SessionID, OrgID: org, OrgRole: role, Actor: v.Actor.Subject,
		IssuedAt: time.Unix(*v.IssuedAt, 0), ExpiresAt: time.Unix(*v.Expiry, 0)}, nil
}
