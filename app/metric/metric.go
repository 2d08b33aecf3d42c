// Package metric is the page of numbers that Prometheus reads, on a listener of its own. The page names no tenant and no
// person, neither in a label nor in a value: whoever runs the machines may read it without reading about anybody's
// organization. What concerns one tenant is counted in that tenant's own tables, under row-level security.
package metric

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"upwork-ai-agent/db"
)

// Page is the page of one process. It counts from the start, and can be read once it listens.
type Page struct {
	*prometheus.Registry
	log    *slog.Logger
	server *http.Server
	done   chan error
}

// New is a page with what is true of every process: memory, goroutines, garbage collection, and which build this is.
func New(version string, log *slog.Logger) (*Page, error) {
	p := &Page{Registry: prometheus.NewRegistry(), log: log}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "build_info", Help: "Always 1; which build this is.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision(), "go": runtime.Version()}})
	build.Set(1)
	return p, errors.Join(
		p.Register(collectors.NewGoCollector()),
		p.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
		p.Register(build),
	)
}

// Watch adds what d knows: its pools, and the installation as a whole.
func (p *Page) Watch(d *db.DB) error {
	return errors.Join(p.Register(pools{d}), p.Register(installation{d}))
}

// revision is the commit that the program was built from, where the build knew it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
