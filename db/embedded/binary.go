//go:build linux || darwin

package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// version is a release of Postgres. Since Postgres 10 there are two numbers.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor))
}

// floors are the first minor releases without the row-security holes CVE-2025-8713 and older. Majors after the last
// were never released with them.
var floors = map[int]int{15: 14, 16: 10, 17: 6}

const oldestMajor, floorText = 15, "15.14, 16.10, 17.6 or any 18"

func (v version) safe() bool { return v.major >= oldestMajor && v.minor >= floors[v.major] }

// binaries is a directory that holds postgres and initdb of one release.
type binaries struct {
	dir     string
	version version
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// system is what lies outside the data directory: where binaries may be found, and how to get some.
type system struct {
	searchPath bool     // look for postgres on PATH
	globs      []string // directories, as patterns
	installers []installer
}

func thisSystem() system {
	return system{
		searchPath: true,
		globs: map[string][]string{
			"linux": {
				"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
				"/usr/pgsql-*/bin",          // packages of the Postgres project for Fedora, RHEL
				"/usr/libexec/postgresql*",  // Alpine
				"/usr/lib/postgresql*/bin",  // SUSE
				"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
			},
			"darwin": {
				"/opt/homebrew/opt/postgresql@*/bin",
				"/usr/local/opt/postgresql@*/bin",
				"/Applications/Postgres.app/Contents/Versions/*/bin",
				"/Library/PostgreSQL/*/bin",
			},
		}[runtime.GOOS],
		installers: []installer{apt, npm},
	}
}

// candidates lists directories that may hold binaries, in the order in which equals are preferred.
func (sys system) candidates(dataDir string) []string {
	var dirs []string
	if sys.searchPath {
		if path, err := exec.LookPath("postgres"); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, glob := range append(slices.Clone(sys.globs), filepath.Join(privateDir(dataDir), "*", "bin")) {
		found, err := filepath.Glob(glob)
		if err != nil {
			panic(err) // a pattern of ours is malformed
		}
		dirs = append(dirs, found...)
	}
	return resolve(dirs)
}

// resolve follows symbolic links (Homebrew's bin is full of them) and drops directories named twice.
func resolve(dirs []string) []string {
	var real []string
	for _, dir := range dirs {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			continue // not a directory with a postgres in it
		}
		if dir = filepath.Dir(path); !slices.Contains(real, dir) {
			real = append(real, dir)
		}
	}
	return real
}

// find returns every usable set of binaries, newest first, and a line for each that is not.
func (sys system) find(ctx context.Context, dataDir string, as account) (usable []binaries, unusable []string) {
	for _, dir := range sys.candidates(dataDir) {
		b, err := inspect(ctx, dir, as)
		if err != nil {
			unusable = append(unusable, err.Error())
			continue
		}
		usable = append(usable, b)
	}
	slices.SortStableFunc(usable, func(a, b binaries) int { return b.version.compare(a.version) })
	return usable, unusable
}

// inspect asks the binaries of a directory for their version, as the account that would run them, and refuses those
// that are too old.
func inspect(ctx context.Context, dir string, as account) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, fmt.Errorf("%s has no initdb", dir)
	}
	out, err := output(ctx, as, filepath.Join(dir, "postgres"), "--version")
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres does not run: %w", dir, err)
	}
	v, ok := parseVersion(out)
	if !ok {
		return binaries{}, fmt.Errorf("%s/postgres is no release: %q", dir, strings.TrimSpace(out))
	}
	if !v.safe() {
		return binaries{}, fmt.Errorf("%s is Postgres %s, and row security is only sound from %s on", dir, v, floorText)
	}
	return binaries{dir, v}, nil
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d{1,4})\.(\d{1,4})\b`)

// parseVersion reads `postgres --version`. Betas, release candidates and development builds are no releases.
func parseVersion(line string) (version, bool) {
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return version{}, false
	}
	major, _ := strconv.Atoi(m[1]) // the pattern lets only digits through
	minor, _ := strconv.Atoi(m[2])
	return version{major, minor}, true
}

// choose picks the binaries to run: of a major version that already has data here, else the newest. It refuses to
// begin an empty cluster beside data that it cannot open.
func choose(usable []binaries, existing []cluster) (binaries, error) {
	for _, b := range usable { // newest first
		if opens(b.version.major, existing) {
			return b, nil
		}
	}
	if len(existing) == 0 {
		return binaries{}, errNoBinaries
	}
	return binaries{}, &otherMajorError{existing, usable}
}

// opens tells whether binaries of a major version can go on with the data that is here; without data any can.
func opens(major int, existing []cluster) bool {
	return len(existing) == 0 || slices.ContainsFunc(existing, func(c cluster) bool { return c.major == major })
}

var errNoBinaries = errors.New("no usable Postgres binaries")

// otherMajorError says that the data here belongs to a major version whose binaries are missing.
type otherMajorError struct {
	existing []cluster
	usable   []binaries
}

func (e *otherMajorError) Error() string {
	var majors, found []string
	for _, c := range e.existing {
		majors = append(majors, strconv.Itoa(c.major))
	}
	for _, b := range e.usable {
		found = append(found, b.version.String()+" in "+b.dir)
	}
	have := "no usable binaries were found"
	if len(found) > 0 {
		have = "found were only " + strings.Join(found, ", ")
	}
	return fmt.Sprintf("%s holds data of Postgres %s, and %s: install Postgres %s, or move that directory away to begin with an empty database (nothing in it was touched)",
		e.existing[0].dir, strings.Join(majors, " and "), have, majors[0])
}
