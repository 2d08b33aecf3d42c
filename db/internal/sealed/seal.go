package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/google/uuid"
)

// SealKey makes the tokens that open tenants. 32 random bytes.
type SealKey struct{ key [32]byte }

// NewSealKey takes 32 bytes of a cryptographic random source.
func NewSealKey(raw []byte) (SealKey, error) {
	if len(raw) != 32 {
		return SealKey{}, errors.New("a seal key has 32 bytes")
	}
	return SealKey{key: [32]byte(raw)}, nil
}

// token opens one epoch of one tenant: HMAC-SHA256(key, tenant ‖ epoch), in hex. It goes to the database as a bound
// parameter of set_tenant and nowhere else.
func (k SealKey) token(tenant uuid.UUID, epoch int) string {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write(tenant[:])
	var e [8]byte
	binary.BigEndian.PutUint64(e[:], uint64(epoch))
	mac.Write(e[:])
	return hex.EncodeToString(mac.Sum(nil))
}

// seal is what app.fence keeps: the SHA-256 digest of the token's text.
func (k SealKey) seal(tenant uuid.UUID, epoch int) []byte {
	digest := sha256.Sum256([]byte(k.token(tenant, epoch)))
	return digest[:]
}

// fingerprint names a key without telling it.
func (k SealKey) fingerprint() string {
	digest := sha256.Sum256(append([]byte("seal key fingerprint\x00"), k.key[:]...))
	return hex.EncodeToString(digest[:8])
}
