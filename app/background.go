package app

import (
	"context"
	"log/slog"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/isolation"
	"upwork-ai-agent/db/task"
)

// Background is what a process does beside answering requests: it finds out which tries were attempts, stores what it has
// counted of its statements and, if it is to, runs tasks.
type Background struct {
	Watch *Watch
	parts []*part
}

// part is one of the things that go on.
type part struct {
	run    func(context.Context)
	cancel context.CancelFunc
	done   chan struct{}
}

// BackgroundOptions says what goes on in the background of a process.
type BackgroundOptions struct {
	DB    *db.DB
	Log   *slog.Logger
	Tasks bool                   // run tasks
	Proof isolation.ProofOptions // how the hourly proof, one of the tasks, reaches the database
}

// NewBackground wires it. Nothing goes on before Start.
func NewBackground(o BackgroundOptions) (*Background, error) {
	watch, err := NewWatch(o.DB, o.Log)
	if err != nil {
		return nil, err
	}
	b := &Background{Watch: watch}
	if o.Tasks {
		runner, err := task.NewRunner(o.DB, o.Log, o.prove)
		if err != nil {
			return nil, err
		}
		b.parts = append(b.parts, &part{run: tasks(runner, o.Log)})
	}
	recorder := task.NewRecorder(o.DB, o.Log)
	b.parts = append(b.parts, &part{run: recorder.Run}, &part{run: watch.Run})
	return b, nil
}

// prove proves the isolation of the running system and keeps the proof, whatever it says.
func (o BackgroundOptions) prove(ctx context.Context) error {
	report, err := isolation.Prove(ctx, o.DB, o.Proof)
	if err != nil {
		return err
	}
	if !report.OK {
		o.Log.ErrorContext(ctx, "the isolation of this system is not proven", "found", report.Summary())
	}
	return report.Save(ctx, o.DB)
}

// tasksAgain is how long the tasks wait when they could not start.
const tasksAgain = 5 * time.Second

// tasks runs tasks until ctx ends, also when the database is away at first: the process can answer requests meanwhile.
func tasks(runner *task.Runner, log *slog.Logger) func(context.Context) {
	return func(ctx context.Context) {
		for ctx.Err() == nil {
			if err := runner.Run(ctx); err != nil {
				log.ErrorContext(ctx, "tasks do not run; tried again", "error", err)
				rest(ctx, tasksAgain)
			}
		}
	}
}

// Start lets it begin. What ctx carries goes with it; that ctx ends does not stop it.
func (b *Background) Start(ctx context.Context) {
	for _, p := range b.parts {
		inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p.cancel, p.done = cancel, make(chan struct{})
		go func() {
			defer close(p.done)
			p.run(inner)
		}()
	}
}

// Stop ends it, one part after the other, each with what it still has to store: the tries first, because they enqueue tasks,
// then the counts, then the tasks.
func (b *Background) Stop() {
	for i := len(b.parts) - 1; i >= 0; i-- {
		b.parts[i].cancel()
		<-b.parts[i].done
	}
}
