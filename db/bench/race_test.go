package bench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"
)

// variant is one way of doing the same work.
type variant struct {
	name   string
	target float64 // least ratio of the floor's throughput; 0 for none
	run    func(context.Context) error
}

const (
	rounds = 15
	lap    = 150 * time.Millisecond
)

// race runs every variant in every round, in random order, so that a noisy machine is noisy for all of them. The first
// variant is the floor. It prints each variant's median throughput, and the median of its ratios to the floor of the same
// round with the middle half of them.
func race(b *testing.B, title string, clients int, variants []variant) {
	b.Helper()
	rates := make([][]float64, len(variants))
	for i, v := range variants {
		measure(b, v, clients) // warm: connections, statements, caches
		rates[i] = make([]float64, rounds)
	}
	for r := range rounds {
		for _, i := range rand.Perm(len(variants)) {
			rates[i][r] = measure(b, variants[i], clients)
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s, %d client(s)\tper second\tof the floor\tmiddle half\ttarget\t\n", title, clients)
	for i, v := range variants {
		ratios := make([]float64, rounds)
		for r := range ratios {
			ratios[r] = rates[i][r] / rates[0][r]
		}
		slices.Sort(ratios)
		slices.Sort(rates[i])
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f–%.2f\t%s\t\n", v.name, rates[i][rounds/2], ratios[rounds/2], ratios[rounds/4], ratios[3*rounds/4], verdict(ratios[rounds/2], v.target))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

func verdict(ratio, target float64) string {
	switch {
	case target == 0:
		return ""
	case ratio >= target:
		return fmt.Sprintf("≥ %.2f ok", target)
	}
	return fmt.Sprintf("≥ %.2f missed", target)
}

// measure is how often v runs in a second.
func measure(b *testing.B, v variant, clients int) float64 {
	b.Helper()
	var (
		done   atomic.Int64
		failed atomic.Pointer[error]
		wg     sync.WaitGroup
	)
	start := time.Now()
	for range clients {
		wg.Go(func() {
			for time.Since(start) < lap {
				if err := v.run(context.Background()); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatalf("%s: %v", v.name, *err)
	}
	return float64(done.Load()) / time.Since(start).Seconds()
}
