package db_test

import (
	"errors"
	"testing"
)

// expect turns the error that is wanted into none, and everything else into one.
func expect(t *testing.T, got, want error) error {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("answered %v, not %v", got, want)
	}
	return nil
}
