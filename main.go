// Upwork AI Agent collects Upwork jobs for many organizations, and keeps each organization's data its own. This file is the
// wiring: configuration in, parts together, shutdown in order. README.md says what is where.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"upwork-ai-agent/app"
	"upwork-ai-agent/app/command"
	"upwork-ai-agent/app/config"
	"upwork-ai-agent/app/local"
	"upwork-ai-agent/app/metric"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/web"
)

// entry is one thing that the program does.
type entry struct {
	name    string
	args    string
	summary string
	run     func(context.Context, *command.Runtime, []string) error
}

// commands is the table of everything that can be typed after the program's name. The first is the default.
func commands() []entry {
	return []entry{
		{"serve", "", "start the app (the default): Postgres, migrations and demo as needed, then the web front", serve},
		{"worker", "", "run background tasks only; with WORKER=off the app itself runs none", work},
		{"migrate", "", "bring the database up to date", command.Migrate},
		{"demo", "", "load the two demo organizations, unless they are there", command.Demo},
		{"doctor", "[--json]", "look at roles, tables, policies, grants, indexes, pooler and clocks, and say how to mend what is wrong", command.Doctor},
		{"prove", "[--json] [--html FILE]", "try every attack on every table, view and function of the running database, and sign what came of it; --verify FILE checks a report; - is standard output or input", command.Prove},
		{"why", "--tenant T --member M --table T --id ID …", "say what lets a member select, insert, update or delete (--operation) a row, and what does not; [--json]", command.Why},
		{"db bootstrap", "", "print the SQL that a database administrator runs once on a server of your own", command.Bootstrap},
		{"db start", "", "run the embedded Postgres alone until Ctrl-C, unchecked: to mend what the app refuses to start on", command.StartDatabase},
		{"db url", "--role ROLE", "print the connection string of a role of the running embedded Postgres", command.DatabaseURL},
		{"health", "", "ask the app that runs on this machine whether it is well; for health checks", health},
		{"help", "", "print this", help},
	}
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

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
	rt := &command.Runtime{Config: c, Out: out, Err: errOut, Start: time.Now(), Data: c.DataDir, Version: version}
	if err == nil && rt.Data == "" && c.Kept {
		rt.Data, err = embedded.DefaultDataDir()
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
		wrong    command.UsageError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &variable), errors.As(err, &wrong):
		fmt.Fprintln(errOut, err)
		return exitUsage
	case errors.Is(err, context.Canceled), errors.Is(err, command.ErrSaid):
		return exitFailed
	}
	fmt.Fprintln(errOut, err)
	return exitFailed
}

func find(args []string) (entry, []string, bool) {
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
	return entry{}, nil, false
}

func help(_ context.Context, rt *command.Runtime, _ []string) error {
	usage(rt.Out)
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

func health(ctx context.Context, rt *command.Runtime, args []string) error {
	if err := command.None(args); err != nil {
		return err
	}
	return local.Health(ctx, rt.Config.Addr)
}

// serve runs the app until the context ends, then drains: requests first, then what goes on in the background, then the
// pools, then Postgres.
func serve(ctx context.Context, rt *command.Runtime, args []string) error {
	if err := command.None(args); err != nil {
		return err
	}
	release, err := rt.Claim()
	if err != nil {
		return err
	}
	defer release()
	listener, err := net.Listen("tcp", rt.Config.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on ADDR %s: another program has it, or this machine does not. Set ADDR to another address (%w)", rt.Config.Addr, err)
	}
	defer listener.Close()
	running, err := rt.Run(ctx, true)
	if err != nil {
		return err
	}
	defer running.Close()
	background, err := app.NewBackground(rt.Background(running, !rt.Config.WorkerOff))
	if err != nil {
		return err
	}
	front, err := newFront(rt, running, background)
	if err != nil {
		return err
	}
	background.Start(ctx)
	defer background.Stop()
	fmt.Fprintf(rt.Out, "Ready after %.1f s: %s\n", time.Since(rt.Start).Seconds(), rt.Config.BaseURL)
	context.AfterFunc(ctx, func() { stopping(rt) })
	return front.Serve(ctx, listener)
}

// newFront is the web front over what is running.
func newFront(rt *command.Runtime, running *command.Running, background *app.Background) (*web.Server, error) {
	client, closeClerk, err := rt.Clerk()
	if err != nil {
		return nil, err
	}
	running.OnClose(closeClerk)
	sessionKeys, err := rt.Keys("session.key", rt.Config.SessionKeys)
	if err != nil {
		return nil, err
	}
	if err := running.Metrics.Register(metric.Tries(background.Watch)); err != nil {
		return nil, err
	}
	return web.New(web.Options{
		DB: running.DB, Clerk: client, Organizations: app.NewOrganizations(running.DB, client, running.Log), Watch: background.Watch,
		SessionKeys: sessionKeys, Operators: rt.Operators(), BaseURL: rt.Config.BaseURL, Sandbox: rt.Config.Sandbox(), Log: running.Log,
		Metrics: running.Metrics, Tracer: running.Spans.Tracer, RateLimit: rt.Config.RateLimit, Proxies: rt.Config.TrustedProxies,
	})
}

// work runs tasks until the context ends.
func work(ctx context.Context, rt *command.Runtime, args []string) error {
	if err := command.None(args); err != nil {
		return err
	}
	running, err := rt.Run(ctx, false)
	if err != nil {
		return err
	}
	defer running.Close()
	background, err := app.NewBackground(rt.Background(running, true))
	if err != nil {
		return err
	}
	background.Start(ctx)
	defer background.Stop()
	fmt.Fprintln(rt.Out, "Running tasks.")
	<-ctx.Done()
	stopping(rt)
	return nil
}

func stopping(rt *command.Runtime) { fmt.Fprintln(rt.Out, "Stopping: finishing what is under way.") }

// version is set when a release is built: -ldflags "-X main.version=…".
var version = "unreleased"
