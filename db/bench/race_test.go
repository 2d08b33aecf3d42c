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
	target float64 // least ratio of its throughput to that of the floor; 0 for none
	run    func(context.Context) error
}

const (
	rounds = 15
	lap    = 150 * time.Millisecond
)

// race runs every variant in every round, so that a noisy machine is noisy for all of them: many clients by laps in random
// order, and one client in turns, call by call, which shows differences that are less than the noise of a lap. The first variant
// is the floor, the second another one to compare with. It prints each variant's median throughput, the median of its ratios to
// the floor of the same round, with the middle half of them, against the target, and that of its ratios to the second.
func race(b *testing.B, title string, clients int, variants []variant) {
	b.Helper()
	round := laps
	if clients == 1 {
		round = inTurns
	}
	rates := make([][]float64, len(variants))
	for _, v := range variants {
		measure(b, v, clients) // warm: connections, statements, caches
	}
	for range rounds {
		for i, rate := range round(b, variants, clients) {
			rates[i] = append(rates[i], rate)
		}
	}
	report(b, fmt.Sprintf("%s, %d client(s)", title, clients), variants, rates)
}

// laps is how often each variant runs in a second, each for a while by itself.
func laps(b *testing.B, variants []variant, clients int) []float64 {
	b.Helper()
	rates := make([]float64, len(variants))
	for _, i := range rand.Perm(len(variants)) {
		rates[i] = measure(b, variants[i], clients)
	}
	return rates
}

// inTurns is how often each variant runs in a second, by one client that takes the next variant for each call.
func inTurns(b *testing.B, variants []variant, _ int) []float64 {
	b.Helper()
	took, calls := make([]time.Duration, len(variants)), 0
	for start := time.Now(); time.Since(start) < lap*time.Duration(len(variants)); calls++ {
		for n := range variants {
			i := (n + calls) % len(variants) // no variant has always the same one before it
			if calls%2 == 1 {
				i = len(variants) - 1 - i
			}
			began := time.Now()
			if err := variants[i].run(b.Context()); err != nil {
				b.Fatalf("%s: %v", variants[i].name, err)
			}
			took[i] += time.Since(began)
		}
	}
	rates := make([]float64, len(variants))
	for i, t := range took {
		rates[i] = float64(calls) / t.Seconds()
	}
	return rates
}

// report prints the outcome of a race: rates has those of each variant, a second, round by round.
func report(b *testing.B, title string, variants []variant, rates [][]float64) {
	b.Helper()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\tper second\tof the floor\tmiddle half\ttarget\tof the second\t\n", title)
	for i, v := range variants {
		floor, second := ratios(rates[i], rates[0]), ratios(rates[i], rates[1])
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f–%.2f\t%s\t%.2f\t\n", v.name, slices.Sorted(slices.Values(rates[i]))[rounds/2],
			floor[rounds/2], floor[rounds/4], floor[3*rounds/4], verdict(floor[rounds/2], v.target), second[rounds/2])
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// ratios are those of two variants, round by round, in order of size.
func ratios(of, to []float64) []float64 {
	all := make([]float64, len(of))
	for r := range all {
		all[r] = of[r] / to[r]
	}
	slices.Sort(all)
	return all
}

func verdict(ratio, target float64) string {
	if target == 0 {
		return ""
	}
	return fmt.Sprintf("≥ %.2f %s", target, said(ratio >= target))
}

// said is what is said of a target that is reached or not.
func said(reached bool) string {
	if reached {
		return "ok"
	}
	return "missed"
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
