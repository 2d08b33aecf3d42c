package command

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"upwork-ai-agent/app/metric"
	"upwork-ai-agent/app/trace"
	"upwork-ai-agent/db"
)

// Running is what every part of a running program needs.
type Running struct {
	Log     *slog.Logger
	Metrics *metric.Page
	DB      *db.DB
	Spans   *trace.Sender
	closers []func() // undone in reverse order
}

// Run opens log, metrics page, database and traces. demoIfEmpty loads the demo into an empty embedded database. Close
// undoes all that.
func (r *Runtime) Run(ctx context.Context, demoIfEmpty bool) (*Running, error) {
	p := &Running{Log: slog.New(slog.NewJSONHandler(r.Err, nil))}
	if err := p.open(ctx, r, demoIfEmpty); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Running) open(ctx context.Context, r *Runtime, demoIfEmpty bool) (err error) {
	if p.Metrics, err = r.metrics(p.Log); err != nil {
		return err
	}
	p.OnClose(func() { r.Complain("metrics", p.Metrics.Close()) })
	var closeDB func()
	if p.DB, closeDB, err = r.Database(ctx, demoIfEmpty); err != nil {
		return err
	}
	p.OnClose(closeDB)
	if err := p.Metrics.Watch(p.DB); err != nil {
		return err
	}
	if p.Spans, err = r.traces(ctx, p.Log); err != nil {
		return err
	}
	p.OnClose(p.Spans.Close)
	return nil
}

// OnClose adds what Close does before everything that was added earlier.
func (p *Running) OnClose(f func()) { p.closers = append(p.closers, f) }

// Close undoes what was opened, the last first.
func (p *Running) Close() {
	for _, f := range slices.Backward(p.closers) {
		f()
	}
}

// metrics opens the metrics page. Its default address is an offer: where another program has it, the app runs without the
// page and says so. An address that somebody chose must work.
func (r *Runtime) metrics(log *slog.Logger) (*metric.Page, error) {
	page, err := metric.New(r.Version, log)
	if err != nil || r.Config.MetricsAddr == "" {
		return page, err
	}
	err = page.Listen(r.Config.MetricsAddr)
	if err != nil && r.Config.MetricsSet {
		return nil, fmt.Errorf("cannot listen on METRICS_ADDR %s: another program has it, or this machine does not. Set METRICS_ADDR to another address, or to off (%w)", r.Config.MetricsAddr, err)
	}
	if err != nil {
		fmt.Fprintf(r.Out, "No metrics page: another program has %s. Set METRICS_ADDR to another address, or to off.\n", r.Config.MetricsAddr)
	}
	return page, nil
}

// traces sends traces where there is a collector for them.
func (r *Runtime) traces(ctx context.Context, log *slog.Logger) (*trace.Sender, error) {
	if !r.Config.Traces {
		return &trace.Sender{}, nil
	}
	return trace.Start(ctx, r.Version, log)
}
