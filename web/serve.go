package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of a connection, so that a slow or silent client does not hold one for ever.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16<<10 - slack
	slack         = 4 << 10 // what net/http reads beyond its limit
)

// The end of a server. During notice it is not ready but answers everything that comes, and asks each client to hang up:
// only the client can end a kept connection without a request getting lost on the way. Then nobody new is let in, and whoever
// is in gets an answer. Only then is the server shut down, because net/http drops the requests that it reads after that.
const (
	notice       = time.Second
	lastAnswers  = 5 * time.Second // as long as net/http waits for the first request of a connection
	drainTimeout = 20 * time.Second
)

// Serve answers on l until ctx ends, then drains; it returns when the last answer is out. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	open := conns{states: map[net.Conn]http.ConnState{}}
	server := &http.Server{
		Handler: s.leaving(), ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: bodyTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: open.note, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(hardened(l, s.headers)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	open.await(notice, http.StateNew, http.StateActive, http.StateIdle)
	_ = l.Close() // which Serve returns with
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		return err
	}
	// Every connection that was accepted is known from here on.
	open.await(lastAnswers, http.StateNew, http.StateActive)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	s.late.wait.Wait()
	return err
}

// leaving asks every client to hang up after its answer once the server is about to end.
func (s *Server) leaving() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		s.ServeHTTP(w, r)
	})
}

// conns are the open connections of a server.
type conns struct {
	mu     sync.Mutex
	states map[net.Conn]http.ConnState
}

func (o *conns) note(c net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(o.states, c)
		return
	}
	o.states[c] = state
}

func (o *conns) any(states []http.ConnState) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, state := range o.states {
		if slices.Contains(states, state) {
			return true
		}
	}
	return false
}

// await returns when no connection is in one of the states, at the latest after d.
func (o *conns) await(d time.Duration, states ...http.ConnState) {
	late, every := time.After(d), time.NewTicker(10*time.Millisecond)
	defer every.Stop()
	for o.any(states) {
		select {
		case <-every.C:
		case <-late:
			return
		}
	}
}
