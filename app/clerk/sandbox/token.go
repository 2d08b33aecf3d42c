package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// sessionKind is the header by which Clerk tells session tokens from others that the same key signs.
const sessionKind = "cl_B7d4PD111AAA"

// tokenLife is how long a session token is valid, as at Clerk.
const tokenLife = time.Minute

// signer signs session tokens and handshake payloads with one RS256 key, as Clerk does.
type signer struct {
	token, payload jose.Signer
	public         jose.JSONWebKey
}

func newSigner(key *rsa.PrivateKey) (s signer, err error) {
	digest := sha256.Sum256(key.N.Bytes())
	id := "ins_" + hex.EncodeToString(digest[:8])
	s.public = jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"}
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: key}
	options := func() *jose.SignerOptions { return (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", id) }
	if s.payload, err = jose.NewSigner(signing, options()); err != nil {
		return s, err
	}
	s.token, err = jose.NewSigner(signing, options().WithHeader("cat", sessionKind))
	return s, err
}

func sign(s jose.Signer, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// sessionToken is a version 2 session token: https://clerk.com/docs/backend-requests/resources/session-tokens. The session
// of a person who has organizations and has chosen none is pending, as in an instance that requires a membership; a person
// without any gets a normal one, so that the app can offer to make the first.
func (s *Server) sessionToken(d *saved, v *session) (string, error) {
	now := s.now().Unix()
	claims := map[string]any{
		"v": 2, "iss": s.URL(), "azp": s.app, "sub": v.Person, "sid": v.ID, "sts": "active", "jti": strings.ToLower(rand.Text()),
		"iat": now, "nbf": now - 10, "exp": now + int64(tokenLife/time.Second), "fva": []int{0, -1},
	}
	o, ok := d.Organizations[v.Organization]
	role := ""
	if ok {
		role = o.Members[v.Person]
	}
	switch {
	case role != "":
		claims["o"] = map[string]string{"id": o.ID, "slg": o.Slug, "rol": strings.TrimPrefix(role, "org:")}
	case len(d.memberships(v.Person)) > 0:
		claims["sts"] = "pending"
	}
	return sign(s.signer.token, claims)
}
