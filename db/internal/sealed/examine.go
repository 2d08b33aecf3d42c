package sealed

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"upwork-ai-agent/db/place"
)

// This file is for package isolation, as trial.go is: what its doctor asks, beyond the catalogs.

// Fence is a tenant as the fence of a place has it.
type Fence struct {
	ID    uuid.UUID
	Epoch int
	State place.State
	Opens bool // one of the configured keys made one of its seals
}

// Fences lists the fence of a place: that of every tenant, or of one.
func Fences(ctx context.Context, d *DB, name string, only *uuid.UUID) ([]Fence, error) {
	var rows []struct {
		fenceRow
		State place.State `db:"state"`
	}
	if err := AtFence(ctx, d, name, `
		SELECT tenant_id, epoch, seal, next_seal, state FROM app.fence
		WHERE $1::uuid IS NULL OR tenant_id = $1 ORDER BY tenant_id`, &rows, only); err != nil {
		return nil, err
	}
	all := make([]Fence, len(rows))
	for i, r := range rows {
		all[i] = Fence{r.ID, r.Epoch, r.State, d.opens(r.fenceRow)}
	}
	return all, nil
}

// AtFence reads a place as app_control, which has the fence of it and no right on a tenant's table.
func AtFence[T any](ctx context.Context, d *DB, name, sql string, into *[]T, args ...any) error {
	pool, err := d.fenceOf(name)
	if err != nil {
		return err
	}
	all, err := query[T](ctx, pool, sql, args)
	if err != nil {
		return fmt.Errorf("fence of %s: %w", name, err)
	}
	*into = all
	return nil
}

// PoolerVersion is what the pooler before a place says of itself, "PgBouncer 1.24.1". It is known only where app_tenant is
// among PgBouncer's stats_users; everything else, a direct connection included, is unknown.
func PoolerVersion(ctx context.Context, d *DB, name string) (version string, known bool) {
	pool, ok := d.tenant[name]
	if !ok {
		return "", false
	}
	c := pool.Config().ConnConfig.Copy()
	c.Database, c.Tracer, c.DefaultQueryExecMode = "pgbouncer", nil, pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return "", false
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, "SHOW VERSION").Scan(&version)
	return version, err == nil
}

// HomeOf is where a tenant's rows live; place.ErrUnknown when its place or isolation model is none of ours.
func HomeOf(ctx context.Context, d *DB, t place.Tenant) (place.Home, error) {
	home, err := d.drivers.Home(ctx, t)
	if err != nil {
		return place.Home{}, err
	}
	if _, ok := d.tenant[home.Place]; !ok {
		return place.Home{}, place.ErrUnknown
	}
	return home, nil
}
