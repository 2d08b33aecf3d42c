package dbtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/google/uuid"
)

// token is computed here a second time, from its definition and not by calling the application's own: a test that uses it
// notices when that changes.
func token(key []byte, tenant uuid.UUID, epoch int) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(tenant[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
	return hex.EncodeToString(mac.Sum(nil))
}
