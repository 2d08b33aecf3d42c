package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"upwork-ai-agent/app/config"
	"upwork-ai-agent/app/local"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/migrate"
)

// DatabaseName is the embedded server's database.
const DatabaseName = "app"

// Database starts Postgres where it is ours, migrates where there is an owner, loads the demo into an empty embedded
// database, and opens it. The returned function undoes all that in reverse order.
func (r *Runtime) Database(ctx context.Context, demoIfEmpty bool) (*db.DB, func(), error) {
	owner, o := r.Config.OwnerURL, r.connections()
	stop := func() {}
	if r.Config.Embedded() {
		pg, err := r.postgres(ctx)
		if err != nil {
			return nil, nil, err
		}
		stop = func() { r.Complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx))) }
		owner, o.TenantURL, o.ControlURL = pg.URL("app_owner", DatabaseName), pg.URL("app_tenant", DatabaseName), pg.URL("app_control", DatabaseName)
	}
	d, err := r.open(ctx, owner, o)
	if errors.Is(err, isolation.ErrUnsafe) && r.Config.Embedded() {
		err = fmt.Errorf("%w\nThe embedded Postgres stops with the app; to mend it, run it alone with `db start`", err)
	}
	if err == nil && r.Config.Embedded() && demoIfEmpty {
		err = demo.LoadIfEmpty(ctx, d, time.Now(), r.Out)
	}
	if err != nil {
		if d != nil {
			d.Close()
		}
		stop()
		return nil, nil, err
	}
	return d, func() { d.Close(); stop() }, nil
}

// connections are those of the configuration; the embedded Postgres has others.
func (r *Runtime) connections() db.Options {
	return db.Options{TenantURL: r.Config.TenantURL, ControlURL: r.Config.ControlURL, Pooled: r.Config.Pooled}
}

// existing is the database that there is, as it is: to be looked at. The embedded Postgres is started where it does not
// run, and stopped by the returned function.
func (r *Runtime) existing(ctx context.Context) (db.Options, func(), error) {
	o, stop := r.connections(), func() {}
	if r.Config.Embedded() {
		pg, err := r.asItIs(ctx, io.Discard)
		if err != nil {
			return o, nil, err
		}
		stop = func() { r.Complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx))) }
		o.TenantURL, o.ControlURL = pg.URL("app_tenant", DatabaseName), pg.URL("app_control", DatabaseName)
	}
	if err := r.unlock(&o); err != nil {
		stop()
		return o, nil, err
	}
	return o, stop, nil
}

// asItIs is the embedded server with what is in it. One that runs is left to who started it.
func (r *Runtime) asItIs(ctx context.Context, log io.Writer) (*embedded.Server, error) {
	if err := r.made(); err != nil {
		return nil, err
	}
	return embedded.Start(ctx, embedded.Options{DataDir: r.Data, BinDir: r.Config.PostgresBin, Log: log, Guest: true})
}

// made is nil when there is an embedded database.
func (r *Runtime) made() error {
	if err := r.Config.Complete(); err != nil {
		return err
	}
	if !embedded.Made(r.Data) {
		return fmt.Errorf("there is no database in %s yet; start the app first", r.Data)
	}
	return nil
}

// unlock adds the keys that open tenants.
func (r *Runtime) unlock(o *db.Options) error {
	seals, err := r.Keys("seal.key", r.Config.SealKeys)
	if err != nil {
		return err
	}
	for _, raw := range seals {
		key, err := db.NewSealKey(raw)
		if err != nil {
			return err
		}
		o.Keys = append(o.Keys, key)
	}
	return nil
}

// postgres is the embedded server, with roles and a database.
func (r *Runtime) postgres(ctx context.Context) (*embedded.Server, error) {
	if err := r.Config.Complete(); err != nil {
		return nil, err
	}
	pg, err := embedded.Start(ctx, embedded.Options{DataDir: r.Data, BinDir: r.Config.PostgresBin, Log: r.Out})
	if err != nil {
		return nil, err
	}
	super := func(database string) string { return pg.URL(embedded.Superuser, database) }
	if err := migrate.Cluster(ctx, super, DatabaseName); err != nil {
		r.Complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx)))
		return nil, err
	}
	return pg, nil
}

func (r *Runtime) open(ctx context.Context, owner string, o db.Options) (*db.DB, error) {
	if owner != "" {
		if err := migrate.Up(ctx, owner, r.Out); err != nil {
			return nil, err
		}
	}
	if err := r.unlock(&o); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, o)
	if errors.Is(err, db.ErrWrongKey) {
		return nil, &config.Error{Variable: "SEAL_KEYS", Message: "the organizations in this database were sealed with a key that is not among them; put it last in the list (" + err.Error() + ")"}
	}
	return d, err
}

// Claim keeps a second copy from serving the same data directory, where there is anything in it: two sandboxes would
// overwrite each other's state.
func (r *Runtime) Claim() (func(), error) {
	if !r.Config.Embedded() && !r.Config.Sandbox() {
		return func() {}, nil
	}
	if err := r.Config.Complete(); err != nil {
		return nil, err
	}
	return local.Claim(r.Data, fmt.Sprintf("%s (process %d, data in %s)", r.Config.BaseURL, os.Getpid(), r.Data))
}

// Keys are those of the environment, or those of the data directory.
func (r *Runtime) Keys(file string, configured [][]byte) ([][]byte, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	return local.Keys(r.Data, file)
}

// Complain reports what failed while stopping: there is nobody left to return it to.
func (r *Runtime) Complain(what string, err error) {
	if err != nil {
		fmt.Fprintf(r.Err, "%s: %v\n", what, err)
	}
}
