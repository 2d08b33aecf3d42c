//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// installer puts Postgres binaries that can open the existing clusters where find sees them. errNotHere: not on this
// system, not as this user, or not that major version.
type installer func(ctx context.Context, o Options, existing []cluster) error

var errNotHere = errors.New("not available here")

// obtain returns the binaries to run and who runs them, and installs some when there are none.
func (sys system) obtain(ctx context.Context, o Options, existing []cluster) (binaries, account, error) {
	b, as, unusable, err := sys.pick(ctx, o, existing)
	var other *otherMajorError
	if o.BinDir != "" || !errors.Is(err, errNoBinaries) && !errors.As(err, &other) {
		return b, as, err
	}
	for _, install := range sys.installers {
		failed := install(ctx, o, existing)
		if ctx.Err() != nil {
			return binaries{}, account{}, failed
		}
		if failed == nil {
			if b, as, _, err := sys.pick(ctx, o, existing); err == nil {
				return b, as, nil
			}
		} else if !errors.Is(failed, errNotHere) {
			unusable = append(unusable, failed.Error())
		}
	}
	if other == nil {
		err = fmt.Errorf("%w (%s). Install Postgres with\n\n\t%s\n", err, floorText, installCommand(ctx))
	}
	return binaries{}, account{}, explainUnusable(err, unusable)
}

// pick chooses among what is installed. Installing may bring the account postgres, so it is looked up each time.
func (sys system) pick(ctx context.Context, o Options, existing []cluster) (binaries, account, []string, error) {
	as, err := serverAccount(o.DataDir)
	if err != nil {
		return binaries{}, as, nil, err
	}
	if err := as.checkReach(o.DataDir); err != nil {
		return binaries{}, as, nil, err
	}
	if o.BinDir != "" {
		b, err := inspect(ctx, o.BinDir, as)
		if err == nil {
			b, err = choose([]binaries{b}, existing)
		}
		return b, as, nil, err
	}
	usable, unusable := sys.find(ctx, o.DataDir, as)
	b, err := choose(usable, existing)
	return b, as, unusable, err
}

func explainUnusable(err error, unusable []string) error {
	if len(unusable) == 0 {
		return err
	}
	return fmt.Errorf("%w\nnot usable:\n\t%s", err, strings.Join(unusable, "\n\t"))
}

// packageManagers say how a person installs Postgres, the first that is on this system.
var packageManagers = []struct{ program, command string }{
	{"apt-get", "apt-get install -y postgresql"},
	{"dnf", "dnf install -y postgresql-server"},
	{"zypper", "zypper install -y postgresql-server"},
	{"pacman", "pacman -S --noconfirm postgresql"},
	{"apk", "apk add postgresql"},
	{"brew", "brew install postgresql@18"},
}

// installCommand is the one command that installs Postgres on this system.
func installCommand(ctx context.Context) string {
	for _, manager := range packageManagers {
		if _, err := exec.LookPath(manager.program); err != nil {
			continue
		}
		command := manager.command
		if _, err := aptCandidate(ctx, nil); manager.program == "apt-get" && errors.Is(err, errTooOld) {
			command = "apt-get install -y npm" // with npm the next start fetches a private copy
		}
		if os.Geteuid() == 0 || manager.program == "brew" {
			return command
		}
		return "sudo " + command
	}
	if runtime.GOOS == "darwin" {
		return "open https://postgresapp.com"
	}
	return "your system's package manager (the package is usually called postgresql or postgresql-server)"
}
