//go:build !linux && !darwin

package embedded

import (
	"context"
	"errors"
	"runtime"
)

type system struct{}

func thisSystem() system { return system{} }

func start(context.Context, Options, system) (*Server, error) {
	return nil, errors.New("not available on " + runtime.GOOS + ": run a Postgres of your own and set DATABASE_URL")
}

func privateCopy(context.Context, Options) (string, error) {
	return "", errors.New("not available on " + runtime.GOOS)
}

func running(string) (*Server, bool) { return nil, false }
