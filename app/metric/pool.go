package metric

import (
	"github.com/prometheus/client_golang/prometheus"

	"upwork-ai-agent/db"
)

// pools reads the connection pools when the page is asked for.
type pools struct{ db *db.DB }

var poolLabels = []string{"role", "place"}

// poolNumbers is the table of what is told of a pool.
var poolNumbers = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(db.Pool) float64
}{
	{poolDesc("acquired", "Connections in use."), prometheus.GaugeValue, func(p db.Pool) float64 { return float64(p.Acquired) }},
	{poolDesc("idle", "Connections that nobody uses."), prometheus.GaugeValue, func(p db.Pool) float64 { return float64(p.Idle) }},
	{poolDesc("max", "Connections that the pool may have."), prometheus.GaugeValue, func(p db.Pool) float64 { return float64(p.Max) }},
	{poolDesc("waits_total", "Times that somebody waited for a connection."), prometheus.CounterValue, func(p db.Pool) float64 { return float64(p.Waits) }},
	{poolDesc("wait_seconds_total", "Time that they waited."), prometheus.CounterValue, func(p db.Pool) float64 { return p.Waited.Seconds() }},
	{poolDesc("canceled_total", "Times that somebody gave up waiting."), prometheus.CounterValue, func(p db.Pool) float64 { return float64(p.Canceled) }},
}

func poolDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("db_pool_"+name, help, poolLabels, nil)
}

// Describe names the numbers.
func (p pools) Describe(ch chan<- *prometheus.Desc) {
	for _, n := range poolNumbers {
		ch <- n.desc
	}
}

// Collect reads them.
func (p pools) Collect(ch chan<- prometheus.Metric) {
	for _, pool := range p.db.Pools() {
		for _, n := range poolNumbers {
			ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.value(pool), pool.Role, pool.Place)
		}
	}
}
