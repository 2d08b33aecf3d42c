package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
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
// only the client can end a kept connection without a request getting lost on the way. Then nobody new is let in, and what
// is under way gets the rest of the time.
const (
	notice       = time.Second
	drainTimeout = 20 * time.Second
)

// Serve answers on l until ctx ends, then drains; it returns when the last answer is out. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var open openConns
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
	open.await(notice)
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

// openConns counts the open connections of a server.
type openConns struct{ n atomic.Int64 }

func (o *openConns) note(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		o.n.Add(1)
	case http.StateClosed, http.StateHijacked:
		o.n.Add(-1)
	}
}

// await returns when no connection is open, at the latest after d.
func (o *openConns) await(d time.Duration) {
	late, every := time.After(d), time.NewTicker(10*time.Millisecond)
	defer every.Stop()
	for o.n.Load() > 0 {
		select {
		case <-every.C:
		case <-late:
			return
		}
	}
}
