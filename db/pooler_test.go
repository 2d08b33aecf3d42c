package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/dbtest"
	"upwork-ai-agent/db/job"
	"upwork-ai-agent/db/pooler"
)

// pooled returns the URL of app_tenant through a pooler with so few server connections that clients must share them.
func pooled(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	p, err := pooler.Start(t.Context(), d.URL("app_tenant"), []string{"app_tenant"}, map[string]string{"default_pool_size": "2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p.URL(d.URL("app_tenant"))
}

func TestThroughAPoolerInTransactionModeNobodySeesAnotherTenant(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	key, err := db.NewSealKey(d.Key)
	if err != nil {
		t.Fatal(err)
	}
	through, err := db.Open(t.Context(), db.Options{TenantURL: pooled(t, d), ControlURL: d.URL("app_control"), Pooled: true, Keys: []db.SealKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.Close)
	a, b := d.NewTenant(t), d.NewTenant(t)
	own := importOne(t, a)

	var wg sync.WaitGroup
	for range 8 {
		for _, n := range []*dbtest.Tenant{a, b} {
			wg.Go(func() {
				for range 40 {
					var rows []job.Row
					err := through.Read(context.Background(), n.Actor(db.Viewer), func(v *db.View) error {
						job.List(v, job.Filter{}, &rows)
						return v.Load()
					})
					want := 0
					if n == a {
						want = 1
					}
					if err != nil || len(rows) != want {
						t.Errorf("%d rows, want %d, %v", len(rows), want, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	err = through.Write(t.Context(), b.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		_, err := job.Lock(ctx, tx, own)
		return err
	})
	if !errors.Is(err, db.ErrNotFound) {
		t.Errorf("the other tenant's job through the pooler: %v", err)
	}
	err = through.Write(t.Context(), a.Actor(db.MemberRole), func(ctx context.Context, tx *db.Tx) error {
		j, err := job.Lock(ctx, tx, own)
		if err != nil {
			return err
		}
		return job.Move(ctx, tx, j, job.Shortlisted, "")
	})
	if err != nil {
		t.Errorf("a write through the pooler: %v", err)
	}
}
