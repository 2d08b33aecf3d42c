package sealed

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"upwork-ai-agent/db/internal/wire"
	"upwork-ai-agent/db/place"
)

// idlePing is how long a connection may lie idle before it is tried with a round trip of its own. Shorter idle times
// are trusted: whoever meets a dead connection asks for one that is tried first.
const idlePing = 30 * time.Second

type wary struct{}

func mustPing(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > idlePing || ctx.Value(wary{}) != nil
}

// again runs try, which has changed nothing when it fails: once more when its connection turned out to be dead. The
// second time the connection is tried first, because a server that went away leaves a whole pool of dead ones behind.
func again(ctx context.Context, try func(context.Context) error) error {
	err := try(ctx)
	if dead(err) && ctx.Err() == nil {
		err = try(context.WithValue(ctx, wary{}, true))
	}
	return err
}

// dead tells whether the connection broke, in contrast to none being had.
func dead(err error) bool { return errors.Is(err, ErrUnavailable) && !errors.Is(err, errNoConnection) }

// insist is again for the first step into a tenant. One that was refused is tried once more where the registry says that
// the tenant is now: a tenant that has just moved is followed.
func (d *DB) insist(ctx context.Context, a *Actor, try func(context.Context) error) error {
	err := again(ctx, try)
	if errors.Is(err, ErrRefused) {
		if now, changed := d.follow(ctx, a.tenant); changed {
			a.tenant = now
			err = again(ctx, try)
		}
	}
	return err
}

// follow reads the registry again after a refusal. It returns the tenant as it is now, and whether trying again makes
// sense: because it has moved, or because a process that has the older seal key only had sealed it. Everybody else stays
// refused.
func (d *DB) follow(ctx context.Context, t place.Tenant) (place.Tenant, bool) {
	now, err := d.registry(ctx, d, t.ID)
	if err != nil {
		return t, false
	}
	return now, now != t || d.mend(ctx, now)
}

// query reads rows outside a transaction.
func query[T any](ctx context.Context, pool *pgxpool.Pool, sql string, args []any) (all []T, err error) {
	err = again(ctx, func(ctx context.Context) error {
		conn, err := acquire(ctx, pool)
		if err != nil {
			return err
		}
		rows, err := conn.Query(ctx, sql, args...)
		if err == nil {
			err = wire.Collect(rows, &all)
		}
		settle(conn, err)
		return classify(err)
	})
	return all, err
}
