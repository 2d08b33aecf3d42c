// Package command is what the program does beside serving: it prepares, examines, proves and explains an installation. It
// also holds what every command needs: the configuration, the data directory, and the way to the database.
package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"upwork-ai-agent/app/config"
)

// Runtime is what every command gets.
type Runtime struct {
	Config  config.Config
	Data    string // the data directory, absolute
	Out     io.Writer
	Err     io.Writer
	Start   time.Time
	Version string // of the program
}

// ErrSaid is the failure of a command that has said itself what is wrong.
var ErrSaid = errors.New("said already")

// UsageError is a command line that was not understood.
type UsageError string

// Error is for the person who typed it.
func (e UsageError) Error() string { return string(e) }

// None refuses arguments.
func None(args []string) error {
	if len(args) > 0 {
		return UsageError(fmt.Sprintf("%q is not understood; this command takes no arguments.", strings.Join(args, " ")))
	}
	return nil
}

// parse reads the flags that define declares, and no other argument.
func parse(command string, args []string, define func(*flag.FlagSet)) error {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	define(f)
	if err := f.Parse(args); err != nil {
		return UsageError(fmt.Sprintf("%s: %v; `help` lists what it takes.", command, err))
	}
	return None(f.Args())
}

// show prints what a command has found out, for a person or as JSON.
func (r *Runtime) show(v fmt.Stringer, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintln(r.Out, v)
		return err
	}
	out := json.NewEncoder(r.Out)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
