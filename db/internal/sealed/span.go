package sealed

import (
	"cmp"
	"sync"
)

// span is the time in which a View or a transaction may be used: that of its function. One call at a time holds it, and
// its end waits for the call that another goroutine has under way, because afterwards the connection is somebody else's.
type span struct {
	mu     sync.Mutex
	ended  bool
	failed error
}

// hold keeps the span open until release is called. It returns ErrClosed when it has ended.
func (s *span) hold() (release func(), err error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	return s.mu.Unlock, nil
}

// fail remembers the first failure, for whoever holds the span, so that a function that forgets it commits nothing. It
// returns err.
func (s *span) fail(err error) error {
	s.failed = cmp.Or(s.failed, err)
	return err
}

// end closes the span for good and returns the first failure.
func (s *span) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return s.failed
}
