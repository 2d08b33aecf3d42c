//go:build !race

package web_test

const dropped = 0
