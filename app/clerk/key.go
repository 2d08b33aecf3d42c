package clerk

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
	"golang.org/x/sync/singleflight"
)

const (
	keyLife  = time.Hour        // fixed: a revoked key is gone after it, however much is asked
	keyGap   = 10 * time.Second // between two fetches for unknown key ids, which anybody can make up
	keyStale = 24 * time.Hour   // how long known keys serve while Clerk does not answer
)

var errUnknownKey = errors.New("clerk: unknown signing key")

// keySet caches Clerk's signing keys. The SDK fetches them for every token, and its middleware keeps a revoked key for
// ever as long as it is asked for.
type keySet struct {
	now   func() time.Time
	fetch func(context.Context) (*sdk.JSONWebKeySet, error)
	once  singleflight.Group

	mu       sync.Mutex
	keys     map[string]*sdk.JSONWebKey
	fetched  time.Time // last success
	tried    time.Time // last attempt
	fetching bool      // it is under way
	failed   error     // of the last attempt
}

func newKeySet(now func() time.Time, fetch func(context.Context) (*sdk.JSONWebKeySet, error)) *keySet {
	return &keySet{now: now, fetch: fetch, keys: map[string]*sdk.JSONWebKey{}}
}

// get returns the key of an id, fetching the set when it is old or does not have it. All who wait share one fetch, which
// goes on when one of them gives up. The error is errUnknownKey, or wraps ErrUnavailable.
func (k *keySet) get(ctx context.Context, id string) (*sdk.JSONWebKey, error) {
	if v := k.look(id); !v.fetch {
		return v.answer()
	}
	fetch := k.once.DoChan("", func() (any, error) { return nil, k.refresh(context.WithoutCancel(ctx)) })
	select {
	case <-fetch:
		return k.look(id).answer()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// sight is what is known of a key without asking Clerk.
type sight struct {
	key    *sdk.JSONWebKey
	fetch  bool  // Clerk should and may be asked
	failed error // why the last fetch brought nothing
}

func (v sight) answer() (*sdk.JSONWebKey, error) {
	switch {
	case v.key != nil:
		return v.key, nil
	case v.failed != nil:
		return nil, fmt.Errorf("%w: signing keys: %w", ErrUnavailable, v.failed)
	}
	return nil, errUnknownKey
}

// look says what is known. A key that is too old even for an outage is not known.
func (k *keySet) look(id string) sight {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	age := now.Sub(k.fetched)
	v := sight{failed: k.failed}
	if age < keyStale {
		v.key = k.keys[id]
	}
	v.fetch = (v.key == nil || age >= keyLife) && (k.fetching || now.Sub(k.tried) >= keyGap)
	return v
}

// refresh replaces the keys, and keeps the old ones when Clerk does not answer.
func (k *keySet) refresh(ctx context.Context) error {
	if !k.begin() {
		return nil
	}
	keys, err := k.load(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching, k.failed = false, err
	if err == nil {
		k.keys, k.fetched = keys, k.now()
	}
	return err
}

// begin marks an attempt, unless one has ended since the caller looked.
func (k *keySet) begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.tried) < keyGap {
		return false
	}
	k.tried, k.fetching = k.now(), true
	return true
}

// load fetches the keys that can sign a token.
func (k *keySet) load(ctx context.Context) (map[string]*sdk.JSONWebKey, error) {
	set, err := k.fetch(ctx)
	if err != nil {
		return nil, err
	}
	keys := map[string]*sdk.JSONWebKey{}
	for _, key := range set.Keys {
		if key == nil || key.KeyID == "" || key.Algorithm != "RS256" {
			continue
		}
		if _, ok := key.Key.(*rsa.PublicKey); ok {
			keys[key.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("none that signs with RS256")
	}
	return keys, nil
}
