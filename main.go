// Upwork AI Agent collects Upwork jobs for many organizations, and keeps each organization's data its own. This file is the
// wiring: configuration in, parts together, shutdown in order. README.md says what is where.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/clerk"
	"upwork-ai-agent/app/clerk/sandbox"
	"upwork-ai-agent/app/config"
	"upwork-ai-agent/app/local"
	"upwork-ai-agent/app/metric"
	"upwork-ai-agent/app/trace"
	"upwork-ai-agent/db"
	"upwork-ai-agent/db/demo"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/migrate"
	"upwork-ai-agent/web"
)

// command is one thing that the program does.
type command struct {
	name    string
	args    string
	summary string
	run     func(context.Context, *runtime, []string) error
}

// commands is the table of everything that can be typed after the program's name. The first is the default.
func commands() []command {
	return []command{
		{"serve", "", "start the app (the default): Postgres, migrations and demo as needed, then the web front", serve},
		{"worker", "", "run background tasks only; with WORKER=off the app itself runs none", work},
		{"migrate", "", "bring the database up to date", migrateUp},
		{"demo", "", "load the two demo organizations, unless they are there", loadDemo},
		{"doctor", "[--json]", "look at roles, tables, policies, grants, indexes, pooler and clocks, and say how to mend what is wrong", doctor},
		{"prove", "[--json] [--html FILE]", "try every attack on every table, view and function of the running database, and sign what came of it; --verify FILE checks a report", prove},
		{"why", "--tenant T --member M --table T --id ID …", "say what lets a member select, insert, update or delete (--operation) a row, and what does not; [--json]", why},
		{"db bootstrap", "", "print the SQL that a database administrator runs once on a server of your own", bootstrap},
		{"db url", "--role ROLE", "print the connection string of a role of the running embedded Postgres", databaseURL},
		{"health", "", "ask the app that runs on this machine whether it is well; for health checks", health},
		{"help", "", "print this", help},
	}
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// runtime is what every command gets.
type runtime struct {
	config config.Config
	data   string // the data directory, absolute
	out    io.Writer
	err    io.Writer
	start  time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string, getenv func(string) string, out, errOut io.Writer) int {
	cmd, rest, ok := find(args)
	if !ok {
		fmt.Fprintf(errOut, "There is no command %q.\n\n", strings.Join(args, " "))
		usage(errOut)
		return exitUsage
	}
	c, err := config.Load(getenv)
	rt := &runtime{config: c, out: out, err: errOut, start: time.Now(), data: c.DataDir}
	if err == nil && rt.data == "" && c.Kept {
		rt.data, err = embedded.DefaultDataDir()
	}
	if err == nil {
		err = cmd.run(ctx, rt, rest)
	}
	return report(errOut, err)
}

// report prints an error the way a person needs it, and chooses the exit code.
func report(errOut io.Writer, err error) int {
	var (
		variable *config.Error
		wrong    usageError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &variable), errors.As(err, &wrong):
		fmt.Fprintln(errOut, err)
		return exitUsage
	case errors.Is(err, context.Canceled), errors.Is(err, errSaid):
		return exitFailed
	}
	fmt.Fprintln(errOut, err)
	return exitFailed
}

// errSaid is the failure of a command that has said itself what is wrong.
var errSaid = errors.New("said already")

// usageError is a command line that was not understood.
type usageError string

// Error is for the person who typed it.
func (e usageError) Error() string { return string(e) }

func find(args []string) (command, []string, bool) {
	all := commands()
	if len(args) == 0 {
		return all[0], nil, true
	}
	line := strings.Join(args, " ") + " "
	for _, c := range all {
		if strings.HasPrefix(line, c.name+" ") {
			return c, args[len(strings.Fields(c.name)):], true
		}
	}
	return command{}, nil, false
}

func help(_ context.Context, rt *runtime, _ []string) error {
	usage(rt.out)
	return nil
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Upwork AI Agent\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-25s %s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
	}
	fmt.Fprint(w, "\nEnvironment (all optional for a first run):\n")
	for _, v := range config.Variables {
		fmt.Fprintf(w, "  %-22s %s (default: %s)\n", v.Name, v.Meaning, v.Default)
	}
}

func health(ctx context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	return local.Health(ctx, rt.config.Addr)
}

func none(args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("%q is not understood; this command takes no arguments.", strings.Join(args, " ")))
	}
	return nil
}

// serve runs the app until the context ends, then drains: requests first, then what goes on in the background, then the
// pools, then Postgres.
func serve(ctx context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	release, err := rt.claim()
	if err != nil {
		return err
	}
	defer release()
	listener, err := net.Listen("tcp", rt.config.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on ADDR %s: another program has it, or this machine does not. Set ADDR to another address (%w)", rt.config.Addr, err)
	}
	defer listener.Close()
	log := slog.New(slog.NewJSONHandler(rt.err, nil))
	page, err := rt.metrics(log)
	if err != nil {
		return err
	}
	defer func() { rt.complain("metrics", page.Close()) }()
	d, closeDB, err := rt.database(ctx, true)
	if err != nil {
		return err
	}
	defer closeDB()
	if err := page.Watch(d); err != nil {
		return err
	}
	client, closeClerk, err := rt.clerk()
	if err != nil {
		return err
	}
	defer closeClerk()
	spans, err := rt.traces(ctx, log)
	if err != nil {
		return err
	}
	defer spans.Close()
	sessionKeys, err := rt.keys("session.key", rt.config.SessionKeys)
	if err != nil {
		return err
	}
	background, err := app.NewBackground(rt.background(d, log, !rt.config.WorkerOff))
	if err != nil {
		return err
	}
	if err := page.Register(metric.Tries(background.Watch)); err != nil {
		return err
	}
	front, err := web.New(web.Options{
		DB: d, Clerk: client, Organizations: app.NewOrganizations(d, client, log), Watch: background.Watch, SessionKeys: sessionKeys,
		Operators: rt.operators(), BaseURL: rt.config.BaseURL, Sandbox: rt.config.Sandbox(), Log: log, Metrics: page, Tracer: spans.Tracer,
		RateLimit: rt.config.RateLimit, Proxies: rt.config.TrustedProxies,
	})
	if err != nil {
		return err
	}
	background.Start(ctx)
	defer background.Stop()
	fmt.Fprintf(rt.out, "Ready after %.1f s: %s\n", time.Since(rt.start).Seconds(), rt.config.BaseURL)
	context.AfterFunc(ctx, func() { fmt.Fprintln(rt.out, "Stopping: finishing what is under way.") })
	return front.Serve(ctx, listener)
}

// background is what goes on beside answering requests.
func (rt *runtime) background(d *db.DB, log *slog.Logger, tasks bool) app.BackgroundOptions {
	return app.BackgroundOptions{DB: d, Log: log, Tasks: tasks, Proof: isolation.ProofOptions{Pooled: rt.config.Pooled, Embedded: rt.config.Embedded()}}
}

// work runs tasks until the context ends.
func work(ctx context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(rt.err, nil))
	page, err := rt.metrics(log)
	if err != nil {
		return err
	}
	defer func() { rt.complain("metrics", page.Close()) }()
	d, closeDB, err := rt.database(ctx, false)
	if err != nil {
		return err
	}
	defer closeDB()
	if err := page.Watch(d); err != nil {
		return err
	}
	spans, err := rt.traces(ctx, log)
	if err != nil {
		return err
	}
	defer spans.Close()
	background, err := app.NewBackground(rt.background(d, log, true))
	if err != nil {
		return err
	}
	background.Start(ctx)
	defer background.Stop()
	fmt.Fprintln(rt.out, "Running tasks.")
	<-ctx.Done()
	fmt.Fprintln(rt.out, "Stopping: finishing what is under way.")
	return nil
}

// version is set when a release is built: -ldflags "-X main.version=…".
var version = "unreleased"

// metrics opens the metrics page. Its default address is an offer: where another program has it, the app runs without the
// page and says so. An address that somebody chose must work.
func (rt *runtime) metrics(log *slog.Logger) (*metric.Page, error) {
	page, err := metric.New(version, log)
	if err != nil || rt.config.MetricsAddr == "" {
		return page, err
	}
	err = page.Listen(rt.config.MetricsAddr)
	if err != nil && rt.config.MetricsSet {
		return nil, fmt.Errorf("cannot listen on METRICS_ADDR %s: another program has it, or this machine does not. Set METRICS_ADDR to another address, or to off (%w)", rt.config.MetricsAddr, err)
	}
	if err != nil {
		fmt.Fprintf(rt.out, "No metrics page: another program has %s. Set METRICS_ADDR to another address, or to off.\n", rt.config.MetricsAddr)
	}
	return page, nil
}

// traces sends traces where there is a collector for them.
func (rt *runtime) traces(ctx context.Context, log *slog.Logger) (*trace.Sender, error) {
	if !rt.config.Traces {
		return &trace.Sender{}, nil
	}
	return trace.Start(ctx, version, log)
}

// databaseName is the embedded server's database.
const databaseName = "app"

// database starts Postgres where it is ours, migrates where there is an owner, loads the demo into an empty embedded
// database, and opens it. The returned function undoes all that in reverse order.
func (rt *runtime) database(ctx context.Context, demoIfEmpty bool) (*db.DB, func(), error) {
	owner, o := rt.config.OwnerURL, rt.connections()
	stop := func() {}
	if rt.config.Embedded() {
		pg, err := rt.postgres(ctx)
		if err != nil {
			return nil, nil, err
		}
		stop = func() { rt.complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx))) }
		owner, o.TenantURL, o.ControlURL = pg.URL("app_owner", databaseName), pg.URL("app_tenant", databaseName), pg.URL("app_control", databaseName)
	}
	d, err := rt.open(ctx, owner, o)
	if err == nil && rt.config.Embedded() && demoIfEmpty {
		err = demo.LoadIfEmpty(ctx, d, time.Now(), rt.out)
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
func (rt *runtime) connections() db.Options {
	return db.Options{TenantURL: rt.config.TenantURL, ControlURL: rt.config.ControlURL, Pooled: rt.config.Pooled}
}

// existing is the database that there is, as it is: to be looked at. The embedded Postgres is started where it does not
// run, and stopped by the returned function.
func (rt *runtime) existing(ctx context.Context) (db.Options, func(), error) {
	o, stop := rt.connections(), func() {}
	if rt.config.Embedded() {
		if err := rt.config.Complete(); err != nil {
			return o, nil, err
		}
		if !embedded.Made(rt.data) {
			return o, nil, fmt.Errorf("there is no database in %s yet; start the app first", rt.data)
		}
		pg, err := embedded.Start(ctx, embedded.Options{DataDir: rt.data, BinDir: rt.config.PostgresBin, Log: io.Discard})
		if err != nil {
			return o, nil, err
		}
		stop = func() { rt.complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx))) }
		o.TenantURL, o.ControlURL = pg.URL("app_tenant", databaseName), pg.URL("app_control", databaseName)
	}
	if err := rt.unlock(&o); err != nil {
		stop()
		return o, nil, err
	}
	return o, stop, nil
}

// unlock adds the keys that open tenants.
func (rt *runtime) unlock(o *db.Options) error {
	seals, err := rt.keys("seal.key", rt.config.SealKeys)
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
func (rt *runtime) postgres(ctx context.Context) (*embedded.Server, error) {
	if err := rt.config.Complete(); err != nil {
		return nil, err
	}
	pg, err := embedded.Start(ctx, embedded.Options{DataDir: rt.data, BinDir: rt.config.PostgresBin, Log: rt.out})
	if err != nil {
		return nil, err
	}
	super := func(database string) string { return pg.URL(embedded.Superuser, database) }
	if err := migrate.Cluster(ctx, super, databaseName); err != nil {
		rt.complain("stopping Postgres", pg.Stop(context.WithoutCancel(ctx)))
		return nil, err
	}
	return pg, nil
}

func (rt *runtime) open(ctx context.Context, owner string, o db.Options) (*db.DB, error) {
	if owner != "" {
		if err := migrate.Up(ctx, owner, rt.out); err != nil {
			return nil, err
		}
	}
	if err := rt.unlock(&o); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, o)
	if errors.Is(err, db.ErrWrongKey) {
		return nil, &config.Error{Variable: "SEAL_KEYS", Message: "the organizations in this database were sealed with a key that is not among them; put it last in the list (" + err.Error() + ")"}
	}
	return d, err
}

// claim keeps a second copy from serving the same data directory, where there is anything in it: two sandboxes would
// overwrite each other's state.
func (rt *runtime) claim() (func(), error) {
	if !rt.config.Embedded() && !rt.config.Sandbox() {
		return func() {}, nil
	}
	if err := rt.config.Complete(); err != nil {
		return nil, err
	}
	return local.Claim(rt.data, fmt.Sprintf("%s (process %d, data in %s)", rt.config.BaseURL, os.Getpid(), rt.data))
}

// keys are those of the environment, or those of the data directory.
func (rt *runtime) keys(file string, configured [][]byte) ([][]byte, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	return local.Keys(rt.data, file)
}

// complain reports what failed while stopping: there is nobody left to return it to.
func (rt *runtime) complain(what string, err error) {
	if err != nil {
		fmt.Fprintf(rt.err, "%s: %v\n", what, err)
	}
}

// clerk is the adapter, over Clerk itself or over the sandbox.
func (rt *runtime) clerk() (*clerk.Client, func(), error) {
	c := clerk.Config{SecretKey: rt.config.ClerkSecretKey, PublishableKey: rt.config.ClerkPublishableKey,
		APIURL: rt.config.ClerkAPIURL, BaseURL: rt.config.BaseURL.String()}
	stop := func() {}
	if rt.config.Sandbox() {
		s, err := sandbox.Start(sandbox.Options{StateFile: filepath.Join(rt.data, "sandbox.json"), AppOrigin: rt.config.BaseURL.String(),
			Seed: sandboxSeed(), Log: slog.New(slog.NewTextHandler(rt.err, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			return nil, nil, err
		}
		c.SecretKey, c.PublishableKey = s.Keys()
		c.APIURL = s.URL()
		stop = func() { rt.complain("stopping the sandbox", s.Close(context.Background())) }
	}
	client, err := clerk.New(c)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// sandboxSeed is the demo's people and organizations, as the sandbox knows them.
func sandboxSeed() sandbox.Seed {
	var seed sandbox.Seed
	for _, p := range demo.People() {
		seed.People = append(seed.People, sandbox.Person{ID: p.ID, Email: p.Email, Name: p.Name, Note: p.Note})
	}
	for _, o := range demo.Organizations(time.Now()) {
		members, owner := map[string]string{}, ""
		for _, m := range o.Members {
			members[m.Person.ID] = clerkRole[m.Role]
			if m.Role == "owner" {
				owner = m.Person.ID
			}
		}
		seed.Organizations = append(seed.Organizations, sandbox.Organization{ID: o.ClerkID, Name: o.Name, Slug: o.Slug, CreatedBy: owner, Members: members})
	}
	return seed
}

// operators are those who see the operator's pages.
func (rt *runtime) operators() []string {
	if rt.config.Sandbox() && len(rt.config.PlatformAdmins) == 0 {
		return []string{demo.Operator().ID}
	}
	return rt.config.PlatformAdmins
}

// clerkRole is what Clerk calls our roles. Clerk has no owner: it is the administrator who made the organization.
var clerkRole = map[string]string{
	"owner": "org:admin", "admin": "org:admin", "manager": "org:manager", "member": "org:member", "viewer": "org:viewer",
}

func migrateUp(ctx context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	if !rt.config.Embedded() && rt.config.OwnerURL == "" {
		return &config.Error{Variable: "DATABASE_URL", Message: "is needed to migrate: it logs in as app_owner"}
	}
	_, closeDB, err := rt.database(ctx, false)
	if err != nil {
		return err
	}
	closeDB()
	fmt.Fprintln(rt.out, "The database is up to date.")
	return nil
}

func loadDemo(ctx context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	d, closeDB, err := rt.database(ctx, false)
	if err != nil {
		return err
	}
	defer closeDB()
	return demo.Load(ctx, d, time.Now(), rt.out)
}

func doctor(ctx context.Context, rt *runtime, args []string) error {
	var asJSON bool
	if err := parse("doctor", args, func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "") }); err != nil {
		return err
	}
	o, stop, err := rt.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	found, err := db.Examine(ctx, o)
	if err != nil {
		return err
	}
	if err := rt.show(found, asJSON); err != nil || found.OK {
		return err
	}
	return errSaid
}

func prove(ctx context.Context, rt *runtime, args []string) error {
	var asJSON bool
	var page, verify string
	err := parse("prove", args, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "")
		f.StringVar(&page, "html", "", "")
		f.StringVar(&verify, "verify", "", "")
	})
	if err != nil {
		return err
	}
	if verify != "" {
		return rt.verify(ctx, verify)
	}
	o, stop, err := rt.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	report, err := db.Prove(ctx, o, isolation.ProofOptions{Embedded: rt.config.Embedded(), Progress: func(line string) { fmt.Fprintln(rt.err, line) }})
	if report.Signature == nil {
		return err
	}
	rt.complain("keeping the proof", err)
	if page != "" {
		if err := os.WriteFile(page, report.HTML(), 0o644); err != nil {
			return err
		}
	}
	if err := rt.show(report, asJSON); err != nil || report.OK {
		return err
	}
	return errSaid
}

// verify says whether the report in a file is one that this installation has signed.
func (rt *runtime) verify(ctx context.Context, file string) error {
	if rt.config.Embedded() && !embedded.Made(rt.data) {
		return fmt.Errorf("there is no installation in %s that could have signed it", rt.data)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	o := rt.connections()
	if err := rt.unlock(&o); err != nil {
		return err
	}
	report, err := db.Verify(ctx, o, text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = fmt.Fprintf(rt.out, "%s was signed by this installation and has not been changed since.\n%s\n", file, report.Summary())
	return err
}

func why(ctx context.Context, rt *runtime, args []string) error {
	var q isolation.Question
	var asJSON bool
	err := parse("why", args, func(f *flag.FlagSet) {
		f.StringVar(&q.Tenant, "tenant", "", "")
		f.StringVar(&q.Member, "member", "", "")
		f.StringVar(&q.Table, "table", "", "")
		f.StringVar(&q.ID, "id", "", "")
		f.StringVar(&q.Operation, "operation", "select", "")
		f.BoolVar(&asJSON, "json", false, "")
	})
	if err != nil {
		return err
	}
	o, stop, err := rt.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	d, err := db.Open(ctx, o)
	if err != nil {
		return err
	}
	defer d.Close()
	answer, err := isolation.Why(ctx, d, q)
	var bad *isolation.BadQuestion
	if errors.As(err, &bad) {
		return usageError("--" + bad.Error() + ".")
	}
	if err != nil {
		return err
	}
	return rt.show(answer, asJSON)
}

// show prints what a command has found out, for a person or as JSON.
func (rt *runtime) show(v fmt.Stringer, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintln(rt.out, v)
		return err
	}
	out := json.NewEncoder(rt.out)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// parse reads the flags that define declares, and no other argument.
func parse(command string, args []string, define func(*flag.FlagSet)) error {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	define(f)
	if err := f.Parse(args); err != nil {
		return usageError(fmt.Sprintf("%s: %v; `help` lists what it takes.", command, err))
	}
	return none(f.Args())
}

func bootstrap(_ context.Context, rt *runtime, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	_, err := io.WriteString(rt.out, migrate.Bootstrap(databaseName))
	return err
}

func databaseURL(_ context.Context, rt *runtime, args []string) error {
	if len(args) != 2 || args[0] != "--role" {
		return usageError("db url takes one argument: --role ROLE, one of " + strings.Join(migrate.Roles, ", ") + ".")
	}
	if !rt.config.Embedded() {
		return usageError("db url is for the embedded Postgres; the URLs of a server of your own are the ones you have set.")
	}
	for _, role := range migrate.Roles {
		if role != args[1] {
			continue
		}
		pg, ok := embedded.Running(rt.data)
		if !ok {
			return fmt.Errorf("the embedded Postgres of %s does not run; start the app first", rt.data)
		}
		_, err := fmt.Fprintln(rt.out, pg.URL(role, databaseName))
		return err
	}
	return usageError(fmt.Sprintf("%q is none of the roles that log in: %s.", args[1], strings.Join(migrate.Roles, ", ")))
}
