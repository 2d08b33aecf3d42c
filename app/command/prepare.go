package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"upwork-ai-agent/app/config"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/embedded"
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

// DatabaseURL prints the connection string of a role of the running embedded Postgres.
func DatabaseURL(_ context.Context, r *Runtime, args []string) error {
	if len(args) != 2 || args[0] != "--role" {
		return UsageError("db url takes one argument: --role ROLE, one of " + strings.Join(migrate.Roles, ", ") + ".")
	}
	if !r.Config.Embedded() {
		return UsageError("db url is for the embedded Postgres; the URLs of a server of your own are the ones you have set.")
	}
	for _, role := range migrate.Roles {
		if role != args[1] {
			continue
		}
		pg, ok := embedded.Running(r.Data)
		if !ok {
			return fmt.Errorf("the embedded Postgres of %s does not run; start the app first", r.Data)
		}
		_, err := fmt.Fprintln(r.Out, pg.URL(role, DatabaseName))
		return err
	}
	return UsageError(fmt.Sprintf("%q is none of the roles that log in: %s.", args[1], strings.Join(migrate.Roles, ", ")))
}
