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

// signer signs session tokens and handshake payloads with one RS256 key, as Clerk does.
type signer struct {
	jose.Signer
	public jose.JSONWebKey
}

func newSigner(key *rsa.PrivateKey) (signer, error) {
	digest := sha256.Sum256(key.N.Bytes())
	id := "ins_" + hex.EncodeToString(digest[:8])
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", id)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	return signer{s, jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"}}, err
}

func (s signer) sign(claims any) (string, error) {
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

// tokenLife is how long a session token is valid, as at Clerk.
const tokenLife = time.Minute

// sessionToken is a version 2 session token: https://clerk.com/docs/backend-requests/resources/session-tokens.
func (s *Server) sessionToken(v session, org *Organization) (string, error) {
	now := s.now().Unix()
	claims := map[string]any{
		"v": 2, "iss": s.url, "azp": s.app, "sub": v.Person, "sid": v.ID, "sts": "active", "jti": strings.ToLower(rand.Text()),
		"iat": now, "nbf": now - 10, "exp": now + int64(tokenLife/time.Second), "fva": []int{0, -1},
	}
	if org != nil {
		claims["o"] = map[string]string{"id": org.ID, "slg": org.Slug, "rol": strings.TrimPrefix(org.Members[v.Person], "org:")}
	}
	return s.signer.sign(claims)
}
