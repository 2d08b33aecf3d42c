package clerk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	josejwt "github.com/go-jose/go-jose/v3/jwt"
)

// What Verify refuses a token for.
var (
	ErrToken     = errors.New("clerk: not a session token") // not decodable, of another kind, or without what it must have
	ErrSignature = errors.New("clerk: wrong signature")
	ErrExpired   = errors.New("clerk: token expired")
	ErrEarly     = errors.New("clerk: token not valid yet")
	ErrParty     = errors.New("clerk: token of another issuer or for another site")
)

// Claims is what a verified session token says. Permissions and features are left out: the SDKs disagree about them, and
// authority here is a database row anyway.
type Claims struct {
	Subject   string // user_…
	SessionID string // sess_…
	OrgID     string // org_…; empty when none is active
	Pending   bool   // Clerk still wants something of the person: an organization, a second factor. Not signed in.
	IssuedAt  time.Time
	Actor     string // who impersonates the subject, or empty
}

const (
	maxToken = 8 << 10
	leeway   = 5 * time.Second
)

// kinds are the header's cat values of a session token: none in old tokens. Others are machine tokens and templates, which
// the same key signs.
var kinds = map[string]bool{"": true, "cl_B7d4PD111AAA": true, "cl_I7d4PD111III": true}

// extra are the claims that the SDK does not read.
type extra struct {
	Version int    `json:"v"`
	Status  string `json:"sts"`
	Org     struct {
		ID string `json:"id"`
	} `json:"o"`
	OldOrg string `json:"org_id"`
	Actor  struct {
		Subject string `json:"sub"`
	} `json:"act"`
}

// header is the part of a token that says how it is signed.
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Category  string `json:"cat"`
}

// peeked is what a token says before anything about it is believed.
type peeked struct {
	header
	IssuedAt int64 `json:"iat"`
}

// peek decodes a token without verifying it.
func peek(token string) (peeked, error) {
	var p peeked
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return p, ErrToken
	}
	for i, into := range []any{&p.header, &p} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return p, ErrToken
		}
	}
	return p, nil
}

// Verify checks everything about a session token: its size, kind, algorithm, signature, times (with 5 s leeway), issuer,
// authorized party and ids. A pending session is reported in the claims and is not signed in. The error is one of this
// package's, or wraps ErrUnavailable when the signing keys cannot be had.
func (c *Client) Verify(ctx context.Context, token string) (*Claims, error) {
	p, err := peek(token)
	switch {
	case err != nil:
		return nil, err
	case p.Algorithm != "RS256" || !kinds[p.Category] || p.KeyID == "":
		return nil, ErrToken
	}
	key, err := c.keys.get(ctx, p.KeyID)
	if errors.Is(err, errUnknownKey) {
		return nil, ErrSignature
	}
	if err != nil {
		return nil, err
	}
	custom := &extra{}
	claims, err := jwt.Verify(ctx, &jwt.VerifyParams{
		Token: token, JWK: key, Clock: clock(c.now), Leeway: leeway,
		ProxyURL:                &c.frontend, // makes the SDK compare the issuer exactly
		AuthorizedPartyHandler:  func(party string) bool { return party == c.party },
		CustomClaimsConstructor: func(context.Context) any { return custom },
	})
	if err != nil {
		return nil, tokenError(err)
	}
	return convert(claims, custom)
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
	case strings.Contains(err.Error(), "invalid issuer"), strings.Contains(err.Error(), "invalid authorized party"):
		return ErrParty
	case strings.Contains(err.Error(), "error in cryptographic primitive"):
		return ErrSignature
	}
	return fmt.Errorf("%w: %w", ErrToken, err)
}

func convert(claims *sdk.SessionClaims, custom *extra) (*Claims, error) {
	v := &Claims{Subject: claims.Subject, SessionID: claims.SessionID, OrgID: custom.Org.ID, Pending: custom.Status == "pending", Actor: custom.Actor.Subject}
	if custom.Version < 2 {
		v.OrgID = custom.OldOrg // a version 2 token could carry it as a custom claim, which anybody could have set
	}
	if claims.Expiry == nil || claims.IssuedAt == nil || checkID("user", v.Subject) != nil || checkID("sess", v.SessionID) != nil {
		return nil, ErrToken
	}
	if v.OrgID != "" && checkID("org", v.OrgID) != nil {
		return nil, ErrToken
	}
	v.IssuedAt = time.Unix(*claims.IssuedAt, 0)
	return v, nil
}
