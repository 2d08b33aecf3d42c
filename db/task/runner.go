package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/internal/sealed"
)

// Runner runs tasks: those that were enqueued, and those that come round.
type Runner struct {
	*Worker
	client *river.Client[pgx.Tx]
	log    *slog.Logger
	prove  func(context.Context) error
	turns  turns
}

const (
	workers     = 8               // tasks that a process runs at the same time
	perTenant   = workers / 2     // of one tenant
	taskTimeout = time.Minute     // for a task that says nothing else
	longTimeout = 5 * time.Minute // for those that go through many tenants, or prove
	rescueAfter = 2 * time.Minute // a task whose process was killed is run again then, unless it may take longer
	stopTimeout = 10 * time.Second
	closedFor   = 10 * time.Minute // how long a task waits for a tenant that is closed
)

// NewRunner is the runner of d. prove proves the isolation of the running system and keeps the proof.
func NewRunner(d *db.DB, log *slog.Logger, prove func(context.Context) error) (*Runner, error) {
	r := &Runner{Worker: New(d), log: log, prove: prove, turns: turns{running: map[uuid.UUID]int{}}}
	handlers := river.NewWorkers()
	add(handlers, r, taskTimeout, r.tell)
	add(handlers, r, taskTimeout, r.alarm)
	add(handlers, r, longTimeout, r.tend)
	add(handlers, r, taskTimeout, r.forget)
	add(handlers, r, longTimeout, r.proof)
	var err error
	r.client, err = river.NewClient(riverpgxv5.New(sealed.Plane(d)), &river.Config{
		Schema: schema, Workers: handlers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		PeriodicJobs: rounds(), Logger: slog.New(warnings{log.Handler()}),
		JobTimeout: taskTimeout, RescueStuckJobsAfter: rescueAfter, SoftStopTimeout: stopTimeout,
		ErrorHandler: failures{log}, ReindexerIndexNames: []string{}, // the role owns no index
		// No LISTEN: whoever can run SQL in this database, as whichever role, can NOTIFY, and river takes "pause" from there.
		PollOnly: true,
	})
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	return r, nil
}

// rounds are the tasks that come round. One that is still waiting or running is not enqueued a second time.
func rounds() []*river.PeriodicJob {
	round := func(every, after time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) {
			return args, &river.InsertOpts{MaxAttempts: 3, Priority: later, ScheduledAt: time.Now().Add(after),
				UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending,
					rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled}}}
		}, &river.PeriodicJobOpts{RunOnStart: true})
	}
	return []*river.PeriodicJob{
		round(10*time.Minute, 0, tendTenants{}),
		round(time.Hour, 0, forgetActivity{}),
		round(time.Hour, time.Minute, proveIsolation{}),
	}
}

// Run runs tasks until ctx ends. Then it takes no more, and gives those under way a while to finish; what is cut off is
// run again by somebody else.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.client.Start(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("tasks: %w", err)
	}
	<-r.client.Stopped()
	return nil
}

// handler is one of river's workers over a function.
type handler[A river.JobArgs] struct {
	river.WorkerDefaults[A]
	timeout time.Duration
	runner  *Runner
	do      func(context.Context, A) error
}

func add[A river.JobArgs](to *river.Workers, r *Runner, timeout time.Duration, do func(context.Context, A) error) {
	river.AddWorker(to, &handler[A]{timeout: timeout, runner: r, do: do})
}

// Timeout is how long the task may take.
func (h *handler[A]) Timeout(*river.Job[A]) time.Duration { return h.timeout }

// Work runs the task. A task of a tenant that has its share of the workers waits its turn, and one of a closed tenant waits
// until it is open again: neither counts as a failure.
func (h *handler[A]) Work(ctx context.Context, j *river.Job[A]) error {
	if of, ok := any(j.Args).(tenanted); ok {
		leave, ok := h.runner.turns.enter(of.tenant())
		if !ok {
			return river.JobSnooze(time.Second)
		}
		defer leave()
	}
	err := traced(ctx, j.Args, h.do)
	if closed(err) {
		return river.JobSnooze(closedFor)
	}
	return err
}

// traced runs a task in a span of its own, where somebody records.
func traced[A river.JobArgs](ctx context.Context, args A, do func(context.Context, A) error) error {
	ctx, span := otel.Tracer("upwork-ai-agent/task").Start(ctx, "task "+args.Kind(), trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()
	err := do(ctx, args)
	if err != nil && !closed(err) {
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// turns keeps one tenant from having all the workers of a process.
type turns struct {
	mu      sync.Mutex
	running map[uuid.UUID]int
}

func (t *turns) enter(tenant uuid.UUID) (leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[tenant] >= perTenant {
		return nil, false
	}
	t.running[tenant]++
	return func() { t.leave(tenant) }, true
}

func (t *turns) leave(tenant uuid.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[tenant]--; t.running[tenant] == 0 {
		delete(t.running, tenant)
	}
}

// failures logs what tasks fail with.
type failures struct{ log *slog.Logger }

// HandleError logs a failure. The queue tries again by itself.
func (f failures) HandleError(ctx context.Context, j *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.log.WarnContext(ctx, "task failed", "kind", j.Kind, "task", j.ID, "attempt", j.Attempt, "of", j.MaxAttempts, "error", err)
	return nil
}

// HandlePanic logs a panic, likewise.
func (f failures) HandlePanic(ctx context.Context, j *rivertype.JobRow, p any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "task panicked", "kind", j.Kind, "task", j.ID, "panic", fmt.Sprint(p), "trace", trace)
	return nil
}

// warnings leaves out what river merely tells of itself.
type warnings struct{ slog.Handler }

// Enabled is true from warnings up.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}
