package metric

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/control"
)

// installation reads what is true of the whole installation from the control plane, when the page is asked for:
// organizations by state, tasks, attempts, alerts, and the last proof. Every process says the same.
type installation struct{ db *db.DB }

// readTimeout is how long the page waits for the control plane. Without it, the page has the other numbers.
const readTimeout = 3 * time.Second

func number(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help+" Of the whole installation.", labels, nil)
}

var (
	tenants  = number("tenants", "Organizations, by state.", "state")
	tasks    = number("tasks", "Background tasks, by kind and state; finished ones are kept for a day, failed ones a week.", "kind", "state")
	attempts = number("isolation_attempts_last_hour", "Tries to reach another organization's data within the hour, by kind.", "kind")
	alerts   = number("isolation_alerts_open", "Organizations with an alert that nobody there has seen.")
)

// proofNumbers is the table of what is told of the last proof of the isolation.
var proofNumbers = []struct {
	desc  *prometheus.Desc
	value func(control.ProofLine) float64
}{
	{number("isolation_proof_ok", "1 when the last proof of the isolation found nothing."), func(p control.ProofLine) float64 {
		if p.OK {
			return 1
		}
		return 0
	}},
	{number("isolation_proof_age_seconds", "Time since the last proof was started."), func(p control.ProofLine) float64 { return time.Since(p.At).Seconds() }},
	{number("isolation_proof_checks", "Checks of the last proof."), func(p control.ProofLine) float64 { return float64(p.Checks) }},
	{number("isolation_proof_leaks", "Rows of others that the last proof saw or changed."), func(p control.ProofLine) float64 { return float64(p.Leaks) }},
	{number("isolation_proof_oracles", "Ways by which the last proof learnt of others."), func(p control.ProofLine) float64 { return float64(p.Oracles) }},
	{number("isolation_proof_unproven", "Checks that the last proof could not do."), func(p control.ProofLine) float64 { return float64(p.Unproven) }},
}

// Describe names the numbers.
func (i installation) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tenants, tasks, attempts, alerts} {
		ch <- d
	}
	for _, n := range proofNumbers {
		ch <- n.desc
	}
}

// Collect reads them.
func (i installation) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var n numbers
	if err := i.db.Control(ctx, func(tx *db.ControlTx) error { return n.read(ctx, tx) }); err != nil {
		ch <- prometheus.NewInvalidMetric(tenants, err)
		return
	}
	n.send(func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	})
}

// numbers is what was read.
type numbers struct {
	states   []control.StateCount
	tasks    []control.TaskCount
	attempts []control.AttemptCount
	proofs   []control.ProofLine // the last one, or none
	alerts   int64
}

func (n *numbers) read(ctx context.Context, tx *db.ControlTx) (err error) {
	for _, read := range []func() error{
		func() error { return control.CountStates(ctx, tx, &n.states) },
		func() error { return control.TaskCounts(ctx, tx, &n.tasks) },
		func() error { return control.AttemptCounts(ctx, tx, &n.attempts) },
		func() error { return control.Proofs(ctx, tx, 1, &n.proofs) },
		func() (err error) { n.alerts, err = control.OpenAlerts(ctx, tx); return err },
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

func (n *numbers) send(send func(*prometheus.Desc, float64, ...string)) {
	for _, s := range n.states {
		send(tenants, float64(s.Count), string(s.State))
	}
	for _, t := range n.tasks {
		send(tasks, float64(t.Count), t.Kind, t.State)
	}
	for _, a := range n.attempts {
		send(attempts, float64(a.Count), string(a.Kind))
	}
	for _, p := range n.proofs {
		for _, number := range proofNumbers {
			send(number.desc, number.value(p))
		}
	}
	send(alerts, float64(n.alerts))
}
