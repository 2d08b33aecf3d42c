package place_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/place"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// conformance holds for every isolation model. served makes a fresh tenant of a place that driver serves, registered as
// far as driver needs it to be.
func conformance(t *testing.T, driver place.TenantDriver, served func(*testing.T) place.Tenant) {
	t.Run("a home has a place and a schema, the tenant's own place", func(t *testing.T) {
		tenant := served(t)
		home, err := driver.Home(t.Context(), tenant)
		if err != nil || home.Place != tenant.Place || home.Schema == "" {
			t.Errorf("%+v, %v", home, err)
		}
	})
	t.Run("a home is the same every time it is asked for, by whoever asks", func(t *testing.T) {
		tenant := served(t)
		want, err := driver.Home(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if got, err := driver.Home(t.Context(), tenant); got != want || err != nil {
					t.Errorf("%+v, %v, not %+v", got, err, want)
				}
			})
		}
		all.Wait()
	})
	t.Run("an epoch counts moves and says nothing about where", func(t *testing.T) {
		tenant := served(t)
		want, err := driver.Home(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		tenant.Epoch++
		if got, err := driver.Home(t.Context(), tenant); got != want || err != nil {
			t.Errorf("%+v, %v, not %+v", got, err, want)
		}
	})
	t.Run("a home can be made ready again", func(t *testing.T) {
		tenant := served(t)
		for range 2 {
			if err := driver.Provision(t.Context(), tenant); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("where a home was made ready is where it is", func(t *testing.T) {
		tenant := served(t)
		before, err := driver.Home(t.Context(), tenant)
		if err == nil {
			err = driver.Provision(t.Context(), tenant)
		}
		if after, again := driver.Home(t.Context(), tenant); err != nil || again != nil || before != after {
			t.Errorf("%+v, then %+v: %v %v", before, after, err, again)
		}
	})
	for name, where := range map[string]string{"an unknown place": "nowhere", "no place": "", "a place in other letters": "MAIN"} {
		t.Run(name+" is refused, with no home beside the error", func(t *testing.T) {
			tenant := served(t)
			tenant.Place = where
			home, err := driver.Home(t.Context(), tenant)
			if !errors.Is(err, place.ErrUnknown) || home != (place.Home{}) {
				t.Errorf("%+v, %v", home, err)
			}
			if err := driver.Provision(t.Context(), tenant); !errors.Is(err, place.ErrUnknown) {
				t.Errorf("made ready: %v", err)
			}
		})
	}
}

// registered makes a tenant of a model in the main place.
func registered(m place.Model) func(*testing.T) place.Tenant {
	return func(*testing.T) place.Tenant {
		return place.Tenant{ID: uuid.New(), Model: m, Place: place.Main, Epoch: 1}
	}
}

func TestDrivers(t *testing.T) {
	t.Parallel()
	shared := place.NewShared("other", place.Main)
	t.Run("shared", func(t *testing.T) { conformance(t, shared, registered(place.Shared)) })
	t.Run("by model", func(t *testing.T) {
		conformance(t, place.Drivers{place.Shared: shared}, registered(place.Shared))
	})
}

func TestAllTenantsOfAPlaceShareItsPublicSchema(t *testing.T) {
	t.Parallel()
	driver, served := place.NewShared(place.Main), registered(place.Shared)
	for range 2 {
		if got, err := driver.Home(t.Context(), served(t)); err != nil || got != (place.Home{Place: place.Main, Schema: "public"}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestAnUnknownModelIsRefused(t *testing.T) {
	t.Parallel()
	drivers := place.Drivers{place.Shared: place.NewShared(place.Main)}
	for _, m := range []place.Model{"", "schema", "Shared"} {
		home, err := drivers.Home(t.Context(), registered(m)(t))
		if !errors.Is(err, place.ErrUnknown) || home != (place.Home{}) {
			t.Errorf("model %q: %+v, %v", m, home, err)
		}
		if err := drivers.Provision(t.Context(), registered(m)(t)); !errors.Is(err, place.ErrUnknown) {
			t.Errorf("model %q made ready: %v", m, err)
		}
	}
}

func TestATenantIsLedToTheDriverOfItsModel(t *testing.T) {
	t.Parallel()
	drivers := place.Drivers{"mine": place.NewShared("here"), "other": place.NewShared("there")}
	mine := place.Tenant{ID: uuid.New(), Model: "mine", Place: "here", Epoch: 1}
	if home, err := drivers.Home(t.Context(), mine); err != nil || home.Place != "here" {
		t.Errorf("%+v, %v", home, err)
	}
	if err := drivers.Provision(t.Context(), mine); err != nil {
		t.Error(err)
	}
	mine.Place = "there" // which only the other model serves
	if home, err := drivers.Home(t.Context(), mine); !errors.Is(err, place.ErrUnknown) {
		t.Errorf("%+v, %v", home, err)
	}
	if err := drivers.Provision(t.Context(), mine); !errors.Is(err, place.ErrUnknown) {
		t.Errorf("made ready: %v", err)
	}
}
