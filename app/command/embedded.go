package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"upwork-ai-agent/app/local"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/migrate"
)

// StartDatabase runs the embedded Postgres alone until ctx ends, as it is: nothing is migrated, checked or served. It is how
// a database is mended that the app refuses to start on.
func StartDatabase(ctx context.Context, r *Runtime, args []string) error {
	if err := None(args); err != nil {
		return err
	}
	if !r.Config.Embedded() {
		return UsageError("db start is for the embedded Postgres; a server of your own is started where it runs.")
	}
	pg, release, err := r.alone(ctx)
	if err != nil {
		return err
	}
	defer release()
	fmt.Fprintf(r.Out, "Only the database runs, with data in %s, until Ctrl-C. Nothing in it was checked or changed.\n", r.Data)
	for _, login := range []struct{ role, what string }{{"app_owner", "the tables' owner"}, {embedded.Superuser, "the superuser, whom no policy binds"}} {
		fmt.Fprintf(r.Out, "As %s, %s:\n  psql '%s'\n", login.role, login.what, pg.URL(login.role, DatabaseName))
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(r.Out, "Stopping Postgres.")
		return nil
	case <-pg.Ended():
		return errors.New("the embedded Postgres was stopped by somebody else")
	}
}

// alone starts the embedded server and keeps the app from starting over it, which would lose it when this process ends.
func (r *Runtime) alone(ctx context.Context) (*embedded.Server, func(), error) {
	if err := r.made(); err != nil {
		return nil, nil, err
	}
	release, err := local.Claim(r.Data, fmt.Sprintf("only its database, by `db start` (process %d, data in %s)", os.Getpid(), r.Data))
	if runs := new(local.RunsError); errors.As(err, &runs) {
		return nil, nil, fmt.Errorf("this runs already: %s. `db url` says how to reach its Postgres", runs.What)
	}
	if err != nil {
		return nil, nil, err
	}
	pg, err := r.asItIs(ctx, r.Out)
	if err != nil {
		release()
		return nil, nil, err
	}
	if pg.Joined() {
		release()
		return nil, nil, fmt.Errorf("the embedded Postgres of %s runs already; `db url` says how to reach it", r.Data)
	}
	return pg, func() {
		r.Complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx)))
		release()
	}, nil
}

// DatabaseURL prints the connection string of a role of the running embedded Postgres.
func DatabaseURL(_ context.Context, r *Runtime, args []string) error {
	roles := append(slices.Clone(migrate.Roles), embedded.Superuser)
	if len(args) != 2 || args[0] != "--role" {
		return UsageError("db url takes one argument: --role ROLE, one of " + strings.Join(roles, ", ") + ".")
	}
	if !r.Config.Embedded() {
		return UsageError("db url is for the embedded Postgres; the URLs of a server of your own are the ones you have set.")
	}
	if !slices.Contains(roles, args[1]) {
		return UsageError(fmt.Sprintf("%q is none of the roles that log in: %s.", args[1], strings.Join(roles, ", ")))
	}
	pg, ok := embedded.Running(r.Data)
	if !ok {
		return fmt.Errorf("the embedded Postgres of %s does not run; start the app first, or only its database with `db start`", r.Data)
	}
	_, err := fmt.Fprintln(r.Out, pg.URL(args[1], DatabaseName))
	return err
}
