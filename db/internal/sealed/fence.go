package sealed

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/place"
)

// ErrWrongKey says that a fence holds tenants that none of the configured seal keys opens.
var ErrWrongKey = errors.New("sealed: the seal keys do not open every tenant")

// RaiseFence puts t behind the fence of its place, sealed with the newest key. A fence that stands stays as it is.
func (d *DB) RaiseFence(ctx context.Context, t place.Tenant, s place.State) error {
	pool, err := d.fenceOf(t.Place)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `
		INSERT INTO app.fence (tenant_id, epoch, seal, state) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id) DO NOTHING`, t.ID, t.Epoch, d.keys[0].seal(t.ID, t.Epoch), s)
	if err != nil {
		return fmt.Errorf("raise fence: %w", classify(err))
	}
	return nil
}

// SetState changes what t's members may do, for every path at once. It waits for the transactions of t that are under
// way (they hold the shared lock of set_tenant), so that nothing written under the old state commits afterwards.
func (d *DB) SetState(ctx context.Context, t place.Tenant, s place.State) error {
	pool, err := d.fenceOf(t.Place)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))", t.ID); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "UPDATE app.fence SET state = $2 WHERE tenant_id = $1", t.ID, s)
		if err == nil && tag.RowsAffected() != 1 {
			return ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set state: %w", classify(err))
	}
	return nil
}

func (d *DB) fenceOf(name string) (*pgxpool.Pool, error) {
	pool, ok := d.fence[name]
	if !ok {
		return nil, place.ErrUnknown
	}
	return pool, nil
}

// Seal brings every fence in step with the configured keys; it must run before the first tenant transaction. A new key
// is rolled out in two starts, with no tenant ever closed:
//
//  1. keys "new old": tenants stay open to the old key and open to the new one as well;
//  2. keys "new": the old key opens nothing any more.
//
// It returns ErrWrongKey when a tenant is sealed with a key that is not configured: sealing it anew would lock out the
// processes that still use that key.
func (d *DB) Seal(ctx context.Context) error {
	for name, pool := range d.fence {
		if err := d.sealPlace(ctx, name, pool); err != nil {
			return fmt.Errorf("place %s: %w", name, err)
		}
	}
	return nil
}

func (d *DB) sealPlace(ctx context.Context, name string, pool *pgxpool.Pool) error {
	prints := make([]string, len(d.keys))
	for i, k := range d.keys {
		prints[i] = k.fingerprint()
	}
	var recorded []string
	err := d.control.QueryRow(ctx, "SELECT keys FROM control.seals WHERE place = $1", name).Scan(&recorded)
	if err == nil && slices.Equal(recorded, prints) {
		return nil
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return classify(err)
	}
	if err := d.reseal(ctx, pool); err != nil {
		return err
	}
	_, err = d.control.Exec(ctx, `
		INSERT INTO control.seals (place, keys) VALUES ($1, $2)
		ON CONFLICT (place) DO UPDATE SET keys = excluded.keys`, name, prints)
	return classify(err)
}

type fenceRow struct {
	ID       uuid.UUID `db:"tenant_id"`
	Epoch    int       `db:"epoch"`
	Seal     []byte    `db:"seal"`
	NextSeal []byte    `db:"next_seal"`
}

// reseal computes both seals of every tenant of a place and writes them in one transaction.
func (d *DB) reseal(ctx context.Context, pool *pgxpool.Pool) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT tenant_id, epoch, seal, next_seal FROM app.fence FOR UPDATE")
		if err != nil {
			return err
		}
		fences, err := pgx.CollectRows(rows, pgx.RowToStructByName[fenceRow])
		if err != nil {
			return err
		}
		ids, seals, nexts := make([]uuid.UUID, len(fences)), make([][]byte, len(fences)), make([][]byte, len(fences))
		for i, f := range fences {
			if !d.opens(f) {
				return fmt.Errorf("%w: %s", ErrWrongKey, f.ID)
			}
			ids[i], seals[i], nexts[i] = f.ID, d.keys[len(d.keys)-1].seal(f.ID, f.Epoch), nil
			if len(d.keys) > 1 {
				nexts[i] = d.keys[0].seal(f.ID, f.Epoch)
			}
		}
		_, err = tx.Exec(ctx, `
			UPDATE app.fence f SET seal = n.seal, next_seal = n.next_seal
			FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (tenant_id, seal, next_seal)
			WHERE f.tenant_id = n.tenant_id`, ids, seals, nexts)
		return err
	})
	return classify(err)
}

// opens tells whether one of the configured keys made one of f's seals.
func (d *DB) opens(f fenceRow) bool {
	for _, k := range d.keys {
		s := k.seal(f.ID, f.Epoch)
		if string(s) == string(f.Seal) || string(s) == string(f.NextSeal) {
			return true
		}
	}
	return false
}
