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

	mu      sync.Mutex
	keys    map[string]*sdk.JSONWebKey
	fetched time.Time // last success
	tried   time.Time // last attempt
}

func newKeySet(now func() time.Time, fetch func(context.Context) (*sdk.JSONWebKeySet, error)) *keySet {
	return &keySet{now: now, fetch: fetch, keys: map[string]*sdk.JSONWebKey{}}
}

// get returns the key of an id, fetching the set when it is old or does not have it.
func (k *keySet) get(ctx context.Context, id string) (*sdk.JSONWebKey, error) {
	key, fresh, mayFetch := k.look(id)
	if key != nil && fresh || !mayFetch {
		return found(key)
	}
	_, err, _ := k.once.Do("", func() (any, error) { return nil, k.refresh(context.WithoutCancel(ctx)) })
	key, _, _ = k.look(id)
	if key == nil && err != nil {
		return nil, fmt.Errorf("%w: signing keys: %w", ErrUnavailable, err)
	}
	return found(key)
}

func found(key *sdk.JSONWebKey) (*sdk.JSONWebKey, error) {
	if key == nil {
		return nil, errUnknownKey
	}
	return key, nil
}

// look says what is known without asking Clerk. A key that is too old even for an outage is not known.
func (k *keySet) look(id string) (key *sdk.JSONWebKey, fresh, mayFetch bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	age := now.Sub(k.fetched)
	if age < keyStale {
		key = k.keys[id]
	}
	return key, age < keyLife, now.Sub(k.tried) >= keyGap
}

func (k *keySet) refresh(ctx context.Context) error {
	k.mu.Lock()
	k.tried = k.now()
	k.mu.Unlock()
	set, err := k.fetch(ctx)
	if err != nil {
		return err
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
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.fetched = keys, k.now()
	return nil
}
