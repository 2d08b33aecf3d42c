package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"upwork-ai-agent/app/config"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/migrate"
)

// Migrate brings the database up to date.
func Migrate(ctx context.Context, r *Runtime, args []string) error {
	if err := None(args); err != nil {
		return err
	}
	if !r.Config.Embedded() && r.Config.OwnerURL == "" {
		return &config.Error{Variable: "DATABASE_URL", Message: "is needed to migrate: it logs in as app_owner"}
	}
	_, closeDB, err := r.Database(ctx, false)
	if err != nil {
		return err
	}
	closeDB()
	fmt.Fprintln(r.Out, "The database is up to date.")
	return nil
}

// Demo loads the demo organizations, unless they are there.
func Demo(ctx context.Context, r *Runtime, args []string) error {
	if err := None(args); err != nil {
		return err
	}
	d, closeDB, err := r.Database(ctx, false)
	if err != nil {
		return err
	}
	defer closeDB()
	return demo.Load(ctx, d, time.Now(), r.Out)
}

// Bootstrap prints what a database administrator runs once.
func Bootstrap(_ context.Context, r *Runtime, args []string) error {
	if err := None(args); err != nil {
		return err
	}
	_, err := io.WriteString(r.Out, migrate.Bootstrap(DatabaseName))
	return err
}
