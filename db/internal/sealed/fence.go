package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/wire"
	"upwork-ai-agent/db/place"
)

// ErrWrongKey says that a fence holds tenants that none of the configured seal keys opens.
var ErrWrongKey = errors.New("sealed: the seal keys do not open every tenant")

// RaiseFence puts t behind the fence of its place, sealed with the configured keys. A fence that stands stays as it is.
func (d *DB) RaiseFence(ctx context.Context, t place.Tenant, s place.State) error {
	pool, err := d.fenceOf(t.Place)
	if err != nil {
		return err
	}
	seal, next := d.seals(t.ID, t.Epoch)
	_, err = pool.Exec(ctx, `
		INSERT INTO app.fence (tenant_id, epoch, seal, next_seal, state) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id) DO NOTHING`, t.ID, t.Epoch, seal, next, s)
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
// Processes of a step and of the one before it can run side by side. A tenant that is made, or sealed anew, by one that
// has the old key only is opened to the others when they meet it.
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
	same, err := d.inStep(ctx, name, pool, prints)
	if err != nil || same {
		return classify(err)
	}
	if _, err := d.reseal(ctx, pool, nil); err != nil {
		return err
	}
	_, err = d.control.Exec(ctx, `
		INSERT INTO control.seals (place, keys) VALUES ($1, $2)
		ON CONFLICT (place) DO UPDATE SET keys = excluded.keys`, name, prints)
	return classify(err)
}

// inStep tells whether a place was last sealed with exactly these keys, and no fence was raised with others since.
func (d *DB) inStep(ctx context.Context, name string, pool *pgxpool.Pool, prints []string) (same bool, err error) {
	var recorded []string
	err = d.control.QueryRow(ctx, "SELECT keys FROM control.seals WHERE place = $1", name).Scan(&recorded)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !slices.Equal(recorded, prints) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = pool.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM app.fence WHERE (next_seal IS NULL) = $1)", len(d.keys) > 1).Scan(&same)
	return same, err
}

type fenceRow struct {
	ID       uuid.UUID `db:"tenant_id"`
	Epoch    int       `db:"epoch"`
	Seal     []byte    `db:"seal"`
	NextSeal []byte    `db:"next_seal"`
}

// seals are what the fence of a tenant holds under the configured keys: the oldest of them in seal, and the newest in
// next when there is another.
func (d *DB) seals(tenant uuid.UUID, epoch int) (seal, next []byte) {
	if len(d.keys) > 1 {
		next = d.keys[0].seal(tenant, epoch)
	}
	return d.keys[len(d.keys)-1].seal(tenant, epoch), next
}

// reseal brings both seals of one tenant, or of every tenant of a place, in step with the keys in one transaction. It
// returns how many it changed.
func (d *DB) reseal(ctx context.Context, pool *pgxpool.Pool, only *uuid.UUID) (changed int, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT tenant_id, epoch, seal, next_seal FROM app.fence
			WHERE $1::uuid IS NULL OR tenant_id = $1 ORDER BY tenant_id FOR UPDATE`, only)
		if err != nil {
			return err
		}
		var fences []fenceRow
		if err := wire.Collect(rows, &fences); err != nil {
			return err
		}
		var ids []uuid.UUID
		var seals, nexts [][]byte
		for _, f := range fences {
			if !d.opens(f) {
				return fmt.Errorf("%w: %s", ErrWrongKey, f.ID)
			}
			seal, next := d.seals(f.ID, f.Epoch)
			if !bytes.Equal(seal, f.Seal) || !bytes.Equal(next, f.NextSeal) {
				ids, seals, nexts = append(ids, f.ID), append(seals, seal), append(nexts, next)
			}
		}
		if changed = len(ids); changed == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, `
			UPDATE app.fence f SET seal = n.seal, next_seal = n.next_seal
			FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (tenant_id, seal, next_seal)
			WHERE f.tenant_id = n.tenant_id`, ids, seals, nexts)
		return err
	})
	return changed, classify(err)
}

// mend opens a refused tenant that a process with the older key only has sealed, while a new key is being rolled out. It
// tells whether there was anything to mend.
func (d *DB) mend(ctx context.Context, t place.Tenant) bool {
	pool, err := d.fenceOf(t.Place)
	if err != nil || len(d.keys) == 1 {
		return false
	}
	changed, err := d.reseal(ctx, pool, &t.ID)
	return err == nil && changed > 0
}

// opens tells whether one of the configured keys made one of f's seals.
func (d *DB) opens(f fenceRow) bool {
	for _, k := range d.keys {
		s := k.seal(f.ID, f.Epoch)
		if bytes.Equal(s, f.Seal) || bytes.Equal(s, f.NextSeal) {
			return true
		}
	}
	return false
}
