package clerk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/clerk/clerk-sdk-go/v2"
)

// source is a Clerk whose keys a test sets.
type source struct {
	ids     []string
	err     error
	fetches atomic.Int64
	delay   time.Duration
}

func (s *source) fetch(context.Context) (*sdk.JSONWebKeySet, error) {
	s.fetches.Add(1)
	time.Sleep(s.delay)
	if s.err != nil {
		return nil, s.err
	}
	set := &sdk.JSONWebKeySet{Keys: []*sdk.JSONWebKey{nil, {KeyID: "hmac", Algorithm: "HS256", Key: []byte("x")}, {KeyID: "mislabelled", Algorithm: "RS256", Key: []byte("x")}}}
	for _, id := range s.ids {
		set.Keys = append(set.Keys, &sdk.JSONWebKey{KeyID: id, Algorithm: "RS256", Key: &signingKey().PublicKey})
	}
	return set, nil
}

// Each test runs in a bubble with a clock of its own, which moves when everybody sleeps.
func TestKeysLiveAnHourHoweverMuchTheyAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{ids: []string{"a"}}
		k := newKeySet(time.Now, s.fetch)
		for range 7 { // seven times fifty minutes: a time-out that slides would never end
			if _, err := k.get(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Minute)
		}
		s.ids = []string{"b"} // "a" is revoked
		time.Sleep(time.Hour)
		if _, err := k.get(t.Context(), "a"); !errors.Is(err, errUnknownKey) {
			t.Errorf("got %v: a revoked key lives on", err)
		}
		if n := s.fetches.Load(); n != 5 { // at 0, 100, 200 and 300 minutes, and at the end
			t.Errorf("fetched %d times, want 5", n)
		}
	})
}

func TestMadeUpKeyIdsCostOneFetchInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{ids: []string{"a"}}
		k := newKeySet(time.Now, s.fetch)
		for n := range 20 {
			if _, err := k.get(t.Context(), fmt.Sprint("forged", n)); !errors.Is(err, errUnknownKey) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := k.get(t.Context(), "a"); err != nil || s.fetches.Load() != 1 {
			t.Errorf("got %v after %d fetches, want the key after one", err, s.fetches.Load())
		}
		time.Sleep(keyGap)
		s.ids = append(s.ids, "b")
		if _, err := k.get(t.Context(), "b"); err != nil || s.fetches.Load() != 2 {
			t.Errorf("got %v after %d fetches: a new key must be found once the gap is over", err, s.fetches.Load())
		}
		for _, id := range []string{"hmac", "mislabelled"} {
			if _, err := k.get(t.Context(), id); !errors.Is(err, errUnknownKey) {
				t.Errorf("%s: got %v: such a key must not verify anything", id, err)
			}
		}
	})
}

func TestKeysServeADayWhileClerkDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{ids: []string{"a"}}
		k := newKeySet(time.Now, s.fetch)
		if _, err := k.get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("down")
		time.Sleep(23 * time.Hour)
		if _, err := k.get(t.Context(), "a"); err != nil {
			t.Errorf("after 23 hours: %v", err)
		}
		time.Sleep(time.Hour)
		for range 2 { // the second finds the gap
			if _, err := k.get(t.Context(), "a"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("after 24 hours: got %v, want unavailable, not a wrong signature", err)
			}
		}
		s.err = nil
		time.Sleep(keyGap)
		if _, err := k.get(t.Context(), "a"); err != nil {
			t.Errorf("when Clerk answers again: %v", err)
		}
	})
}

func TestAllWhoWaitShareOneFetchAndOneMayGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{ids: []string{"a"}, delay: time.Second}
		k := newKeySet(time.Now, s.fetch)
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := k.get(impatient, "a"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("who gave up got %v", err)
			}
		})
		for range 50 {
			wait.Go(func() {
				if _, err := k.get(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := s.fetches.Load(); n != 1 {
			t.Errorf("fetched %d times, want once", n)
		}
	})
}
