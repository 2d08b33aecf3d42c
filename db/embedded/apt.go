//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// clusterConfig is read by postgresql-common when a server package is configured (pg_createcluster(1)).
const clusterConfig = "/etc/postgresql-common/createcluster.d"

// apt installs the distribution's server package, as root on Debian and its relatives. The package would make a
// cluster of its own and start it: a setting for the time of the installation prevents that.
func apt(ctx context.Context, o Options, existing []cluster) (err error) {
	program, err := exec.LookPath("apt-get")
	supported := len(existing) == 0 || existing[0].major >= oldestMajor
	if err != nil || os.Geteuid() != 0 || !supported {
		return errNotHere
	}
	o.logf("No usable Postgres found. Installing the distribution's package …")
	if err := runAPT(ctx, o, program, "update"); err != nil {
		return err
	}
	name, err := aptCandidate(ctx, existing)
	if err != nil {
		return err
	}
	restore, err := withoutCluster()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	return runAPT(ctx, o, program, "install", "-y", "--no-install-recommends", name)
}

func runAPT(ctx context.Context, o Options, program string, args ...string) error {
	args = append(args, "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0")
	return show(ctx, o.Log, "/", []string{"DEBIAN_FRONTEND=noninteractive"}, program, args...)
}

// withoutCluster tells postgresql-common to make no cluster until restore is called.
func withoutCluster() (restore func() error, err error) {
	if err := os.MkdirAll(clusterConfig, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(clusterConfig, appName+".conf")
	if err := os.WriteFile(name, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return nil, err
	}
	return func() error { return os.Remove(name) }, nil
}

var candidateLine = regexp.MustCompile(`(?m)^ +Candidate: (?:\d+:)?(\d+)(?:\.(\d+))?`)

// errTooOld: the distribution has only a Postgres with known holes in row security.
var errTooOld = errors.New("row security is only sound from Postgres " + floorText + " on")

// aptCandidate names the server package to install: of the existing data's major version, else of the distribution's.
func aptCandidate(ctx context.Context, existing []cluster) (string, error) {
	major, err := aptMajor(ctx, existing)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("postgresql-%d", major)
	v, err := aptPolicy(ctx, name)
	if err != nil {
		return "", err
	}
	if !v.safe() {
		return "", fmt.Errorf("apt offers Postgres %s: %w", v, errTooOld)
	}
	return name, nil
}

// aptMajor is the wanted major version. The package postgresql only says which one is the distribution's.
func aptMajor(ctx context.Context, existing []cluster) (int, error) {
	if len(existing) > 0 {
		return existing[0].major, nil
	}
	meta, err := aptPolicy(ctx, "postgresql")
	return meta.major, err
}

func aptPolicy(ctx context.Context, name string) (version, error) {
	cmd := exec.CommandContext(ctx, "apt-cache", "policy", name)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return version{}, fmt.Errorf("apt-cache policy %s: %w", name, err)
	}
	return parsePolicy(name, string(out))
}

func parsePolicy(name, out string) (version, error) {
	m := candidateLine.FindStringSubmatch(out)
	if m == nil {
		return version{}, fmt.Errorf("apt has no package %s", name)
	}
	major, _ := strconv.Atoi(m[1]) // the pattern lets only digits through
	minor, _ := strconv.Atoi(m[2]) // or nothing, for the package postgresql
	return version{major, minor}, nil
}
