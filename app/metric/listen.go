package metric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTimeout bounds one answer, with the questions to the database that it needs.
const scrapeTimeout = 10 * time.Second

// Listen answers GET /metrics on addr until Close.
func (p *Page) Listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.Registry, promhttp.HandlerOpts{
		ErrorLog: complaints{p.log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 2, Timeout: scrapeTimeout,
	}))
	p.done = make(chan error, 1)
	p.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: scrapeTimeout, ReadTimeout: scrapeTimeout, WriteTimeout: 2 * scrapeTimeout,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	go func() { p.done <- p.server.Serve(l) }()
	return nil
}

// Close ends the listener, where there is one, and returns what ended it before.
func (p *Page) Close() error {
	if p.server == nil {
		return nil
	}
	err := p.server.Close()
	if served := <-p.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// complaints are the lines that promhttp writes when a number cannot be had.
type complaints struct{ log *slog.Logger }

// Println is what promhttp calls.
func (c complaints) Println(v ...any) {
	c.log.LogAttrs(context.Background(), slog.LevelWarn, "metrics", slog.String("error", fmt.Sprint(v...)))
}
