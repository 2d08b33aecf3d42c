package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
)

// late is what is done after an answer, so that nobody waits for it. A few things at a time: where there is no room, a
// thing is left out, and the next request of the same session offers it again.
type late struct {
	room chan struct{}
	wait *sync.WaitGroup
}

// Limits of what is done late.
const (
	lateRoom    = 4
	lateTimeout = 5 * time.Second
)

func newLate() late { return late{make(chan struct{}, lateRoom), &sync.WaitGroup{}} }

func (l late) do(fn func()) {
	select {
	case l.room <- struct{}{}:
	default:
		return
	}
	l.wait.Go(func() {
		defer func() { <-l.room }()
		fn()
	})
}

// background are the routes that an open editor asks by itself. They are no use of a session: or one that is left open would
// never end.
var background = map[string]bool{"/proposals/:id/here": true, "/proposals/:id/stand": true}

// touch writes down that a session is used, once in a while.
func (s *Server) touch(ctx context.Context, session control.Session) {
	if !session.Due(time.Now()) {
		return
	}
	ctx, id := context.WithoutCancel(ctx), session.ID
	s.late.do(func() {
		ctx, cancel := context.WithTimeout(ctx, lateTimeout)
		defer cancel()
		err := s.db.Control(ctx, func(tx *db.ControlTx) error { return control.Touch(ctx, tx, id) })
		if err != nil {
			s.log.WarnContext(ctx, "use of a session not written down", slog.String("request_id", db.RequestID(ctx)), slog.Any("error", err))
		}
	})
}
