package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// A sealer is used by one pipeline after the other: what is left in it of one tenant must not get into the token of another.
func TestTokensOfManyTenantsAtOnceAreEachTheirOwn(t *testing.T) {
	t.Parallel()
	raw := [32]byte{1, 2, 3}
	key, err := NewSealKey(raw[:])
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for epoch := range 300 {
				tenant := uuid.New()
				mac := hmac.New(sha256.New, raw[:])
				mac.Write(tenant[:])
				mac.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
				if got, want := key.token(tenant, epoch), hex.EncodeToString(mac.Sum(nil)); got != want {
					t.Errorf("%s at epoch %d: %s, want %s", tenant, epoch, got, want)
					return
				}
			}
		})
	}
	all.Wait()
}
