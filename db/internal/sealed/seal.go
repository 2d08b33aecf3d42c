package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"sync"

	"github.com/google/uuid"
)

// SealKey makes the tokens that open tenants. 32 random bytes. The zero SealKey makes none, and Open refuses it.
type SealKey struct {
	key     [32]byte
	sealers *sync.Pool // of *sealer: each pipeline has a token, and making the HMAC anew would be most of its cost
}

// sealer is an HMAC under a key, with room for what goes in and out.
type sealer struct {
	mac  hash.Hash
	in   [16 + 8]byte
	out  [sha256.Size]byte
	text [2 * sha256.Size]byte
}

// NewSealKey takes 32 bytes of a cryptographic random source.
func NewSealKey(raw []byte) (SealKey, error) {
	if len(raw) != 32 {
		return SealKey{}, errors.New("a seal key has 32 bytes")
	}
	k := SealKey{key: [32]byte(raw)}
	k.sealers = &sync.Pool{New: func() any { return &sealer{mac: hmac.New(sha256.New, k.key[:])} }}
	return k, nil
}

// token opens one epoch of one tenant: HMAC-SHA256(key, tenant ‖ epoch), in hex. It goes to the database as a bound
// parameter of set_tenant and nowhere else.
func (k SealKey) token(tenant uuid.UUID, epoch int) string {
	s := k.sealers.Get().(*sealer)
	defer k.sealers.Put(s)
	binary.BigEndian.PutUint64(s.in[copy(s.in[:], tenant[:]):], uint64(epoch))
	s.mac.Reset()
	s.mac.Write(s.in[:])
	hex.Encode(s.text[:], s.mac.Sum(s.out[:0]))
	return string(s.text[:])
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
