package dbtest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/internal/sealed"
	"upwork-ai-agent/db/place"
)

// Tuned opens the database another time, with pools that tune has set up: for tests of what happens on the wire and of
// which connections are kept. It is closed at the end of the test.
func (d *Database) Tuned(t testing.TB, tune func(*pgxpool.Config)) *db.DB {
	t.Helper()
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := sealed.Open(t.Context(), sealed.Options{
		Control:  tuned(t, d.URL("app_control"), tune),
		Tenant:   map[string]*pgxpool.Config{place.Main: tuned(t, d.URL("app_tenant"), tune)},
		Drivers:  place.Drivers{place.Shared: place.NewShared(place.Main)},
		Keys:     []db.SealKey{key},
		Registry: control.Tenant,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

func tuned(t testing.TB, url string, tune func(*pgxpool.Config)) *pgxpool.Config {
	t.Helper()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	tune(c)
	return c
}
