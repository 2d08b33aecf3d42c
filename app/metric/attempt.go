package metric

import "github.com/prometheus/client_golang/prometheus"

// watch counts what may be tries at other organizations' data.
type watch interface{ Counts() (seen, dropped int64) }

// tries reads a watch when the page is asked for.
type tries struct{ watch watch }

// Tries are the tries that w has taken notice of.
func Tries(w watch) prometheus.Collector { return tries{w} }

var (
	triesSeen    = prometheus.NewDesc("tries_seen_total", "Requests that may have been tries at another organization's data: wrong addresses are among them.", nil, nil)
	triesDropped = prometheus.NewDesc("tries_dropped_total", "Tries that came too fast to be looked at.", nil, nil)
)

// Describe lists the numbers.
func (t tries) Describe(ch chan<- *prometheus.Desc) { ch <- triesSeen; ch <- triesDropped }

// Collect reads them.
func (t tries) Collect(ch chan<- prometheus.Metric) {
	seen, dropped := t.watch.Counts()
	ch <- prometheus.MustNewConstMetric(triesSeen, prometheus.CounterValue, float64(seen))
	ch <- prometheus.MustNewConstMetric(triesDropped, prometheus.CounterValue, float64(dropped))
}
