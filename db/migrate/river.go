package migrate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverFolder is what Down calls river's tables, which have no folder of ours: river brings its own migrations.
const riverFolder = "river"

// riverRights lets the control plane's role use the queue in its schema. The functions are granted one and all because
// ours are not for everybody, and river's index calls one.
const riverRights = `
	GRANT SELECT, INSERT, UPDATE, DELETE ON control.river_job, control.river_leader, control.river_queue, control.river_notification TO app_control;
	GRANT SELECT ON control.river_migration TO app_control;
	GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA control TO app_control;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA control TO app_control`

// riverUp brings the tables of the queue up to date.
func riverUp(ctx context.Context, ownerURL string, log io.Writer) error {
	return withRiver(ctx, ownerURL, func(pool *pgxpool.Pool, m *rivermigrate.Migrator[pgx.Tx]) error {
		done, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err != nil || len(done.Versions) == 0 {
			return err
		}
		if _, err := pool.Exec(ctx, riverRights); err != nil {
			return err
		}
		fmt.Fprintf(log, "migrated %s: %d step(s)\n", riverFolder, len(done.Versions))
		return nil
	})
}

// riverDown takes all of it back.
func riverDown(ctx context.Context, ownerURL string) error {
	return withRiver(ctx, ownerURL, func(_ *pgxpool.Pool, m *rivermigrate.Migrator[pgx.Tx]) error {
		_, err := m.Migrate(ctx, rivermigrate.DirectionDown, &rivermigrate.MigrateOpts{TargetVersion: -1})
		return err
	})
}

// riverRecord is what this binary's river brings.
func riverRecord() (Record, error) {
	r := Record{Table: "control.river_migration"}
	m, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Schema: "control", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return r, fmt.Errorf("records: %w", err)
	}
	for _, v := range m.AllVersions() {
		r.Versions = append(r.Versions, strconv.Itoa(v.Version))
	}
	return r, nil
}

func withRiver(ctx context.Context, ownerURL string, do func(*pgxpool.Pool, *rivermigrate.Migrator[pgx.Tx]) error) error {
	pool, err := pgxpool.New(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: "control", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return do(pool, m)
}
