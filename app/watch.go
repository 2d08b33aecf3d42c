package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/task"
)

// Watch takes notice of what may be a try at another organization's data, and finds out later whether it was one. Nothing
// of it happens while somebody waits for an answer, and what it costs does not depend on how often anybody tries.
type Watch struct {
	queue *task.Queue
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[same]*control.Try
	spent   budget
	dropped int64 // since the last report

	seen, lost atomic.Int64 // since the start
}

// same are tries that are counted together without being looked at one by one.
type same struct {
	person string
	own    uuid.UUID
	kind   control.TryKind
	entity string
	id     uuid.UUID
}

// budget is how many different ids were taken notice of within the current minute.
type budget struct {
	minute  int64
	persons map[string]int
	tenants map[uuid.UUID]int
}

// Limits of what is looked up. Beyond them tries are counted as dropped, and the log says how many.
const (
	perPerson  = 120  // different ids a minute by one person
	perOwn     = 600  // by everybody who works in one organization
	maxWaiting = 2000 // different ids at the same time
)

// NewWatch is the watch of d.
func NewWatch(d *db.DB, log *slog.Logger) (*Watch, error) {
	queue, err := task.NewQueue(d)
	if err != nil {
		return nil, err
	}
	return &Watch{queue: queue, log: log, wake: make(chan struct{}, 1), waiting: map[same]*control.Try{}}, nil
}

// See takes notice of a try. It never waits for anything.
func (w *Watch) See(t control.Try) {
	w.seen.Add(1)
	t.Count = 1
	w.mu.Lock()
	w.add(same{t.Person, t.Own, t.Kind, t.Entity, t.ID}, t)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// add is for whoever holds the lock.
func (w *Watch) add(s same, t control.Try) {
	switch known := w.waiting[s]; {
	case known != nil:
		known.Count += t.Count
	case len(w.waiting) < maxWaiting && w.spent.take(t.Person, t.Own, time.Now().Unix()/60):
		w.waiting[s] = &t
	default:
		w.dropped += t.Count
		w.lost.Add(t.Count)
	}
}

func (b *budget) take(person string, own uuid.UUID, minute int64) bool {
	if b.minute != minute {
		*b = budget{minute: minute, persons: map[string]int{}, tenants: map[uuid.UUID]int{}}
	}
	if b.persons[person] >= perPerson || own != uuid.Nil && b.tenants[own] >= perOwn {
		return false
	}
	b.persons[person]++
	b.tenants[own]++
	return true
}

const (
	watchEvery = 200 * time.Millisecond // so that many tries are one look
	watchAgain = 5 * time.Second        // after a look that failed
	watchLast  = 5 * time.Second        // how long the last look may take, while everything is stopping
)

// Run looks at what was seen until ctx ends, and a last time then.
func (w *Watch) Run(ctx context.Context) {
	for {
		select {
		case <-w.wake:
			pause := watchEvery
			if err := w.Look(ctx); err != nil && ctx.Err() == nil {
				w.log.WarnContext(ctx, "attempts not recorded; they are tried again", "error", err)
				pause = watchAgain
			}
			rest(ctx, pause)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchLast)
			defer cancel()
			if err := w.Look(last); err != nil {
				w.log.WarnContext(last, "attempts not recorded", "error", err)
			}
			return
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Look finds out which of the tries that wait were attempts, and records them. When that fails, they wait again.
func (w *Watch) Look(ctx context.Context) error {
	tries, dropped := w.take()
	if dropped > 0 {
		w.log.WarnContext(ctx, "too many tries to look at each", "dropped", dropped)
	}
	if len(tries) == 0 {
		return nil
	}
	err := w.queue.Report(ctx, tries)
	if err != nil {
		w.giveBack(tries)
	}
	return err
}

func (w *Watch) take() (tries []control.Try, dropped int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.waiting {
		tries = append(tries, *t)
	}
	dropped, w.dropped = w.dropped, 0
	clear(w.waiting)
	return tries, dropped
}

// giveBack lets tries wait again, beyond the budget that they were taken from: it was spent already.
func (w *Watch) giveBack(tries []control.Try) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range tries {
		s := same{t.Person, t.Own, t.Kind, t.Entity, t.ID}
		switch known := w.waiting[s]; {
		case known != nil:
			known.Count += t.Count
		case len(w.waiting) < maxWaiting:
			w.waiting[s] = &t
		default:
			w.dropped += t.Count
			w.lost.Add(t.Count)
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Counts tells how many tries were taken notice of since the start, and how many of them were dropped unlooked at.
func (w *Watch) Counts() (seen, dropped int64) { return w.seen.Load(), w.lost.Load() }
