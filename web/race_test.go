//go:build race

package web_test

// dropped is what a page allocates more with the race detector, which makes pools forget what they were given.
const dropped = 150
