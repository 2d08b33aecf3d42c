// Package bench measures what tenancy costs: the app against the same work without it, in one interleaved run, as ratios.
// There is nothing in it but benchmarks; `make bench` runs them.
package bench
