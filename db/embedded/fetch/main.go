// Command fetch puts a private copy of the pinned Postgres into a directory and prints where its programs are, for a test
// run on another major version than the installed one:
//
//	POSTGRES_BIN=$(go run ./db/embedded/fetch DIRECTORY) go test ./db/...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"upwork-ai-agent/db/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "fetch takes one argument: an absolute directory")
		os.Exit(2)
	}
	dir, err := embedded.PrivateCopy(ctx, embedded.Options{DataDir: os.Args[1], Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, dir)
}
