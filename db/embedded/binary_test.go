//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeBinaries makes a directory whose postgres only says its version.
func fakeBinaries(t *testing.T, dir, says string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho '%s'\n", says)
	for _, name := range []string{"postgres", "initdb"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
}

func TestTheNewestSoundBinariesAreChosenAndDataDecidesTheMajor(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		installed []string
		data      []int
		want      string
	}{
		"nothing installed":                {nil, nil, ""},
		"the floor of 15":                  {[]string{"15.14"}, nil, "15.14"},
		"below the floor of 15":            {[]string{"15.13"}, nil, ""},
		"the floor of 16":                  {[]string{"16.10"}, nil, "16.10"},
		"below the floor of 16":            {[]string{"16.9"}, nil, ""},
		"the floor of 17":                  {[]string{"17.6"}, nil, "17.6"},
		"below the floor of 17":            {[]string{"17.5"}, nil, ""},
		"any 18":                           {[]string{"18.0"}, nil, "18.0"},
		"too old a major":                  {[]string{"14.19"}, nil, ""},
		"a beta is no release":             {[]string{"19beta1", "15.18"}, nil, "15.18"},
		"the newest":                       {[]string{"15.18", "18.1", "17.9"}, nil, "18.1"},
		"the newest minor, as numbers":     {[]string{"17.9", "17.10"}, nil, "17.10"},
		"a newer major but unsound":        {[]string{"17.1", "16.12"}, nil, "16.12"},
		"data keeps its major":             {[]string{"15.18", "18.1"}, []int{15}, "15.18"},
		"data of two majors":               {[]string{"15.18", "16.12", "18.1"}, []int{15, 16}, "16.12"},
		"data of two majors, one openable": {[]string{"15.18", "18.1"}, []int{15, 16}, "15.18"},
		"data that nothing opens":          {[]string{"15.18"}, []int{14}, ""},
		"data whose binaries are unsound":  {[]string{"15.3", "16.12"}, []int{15}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			for i, v := range c.installed {
				fakeBinaries(t, filepath.Join(dir, "lib", fmt.Sprint(i), "bin"), "postgres (PostgreSQL) "+v+" (Some 1)")
			}
			for _, major := range c.data {
				must(t, os.Mkdir(clusterOf(dir, major).dir, 0o700))
			}
			sys := system{globs: []string{filepath.Join(dir, "lib", "*", "bin")}}
			usable, _ := sys.find(t.Context(), dir, account{})
			b, err := choose(usable, clusters(dir))
			if got := b.version.String(); err == nil && got != c.want || err != nil && c.want != "" {
				t.Errorf("chose %s, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestBinariesThatCannotBeUsedAreExplained(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	lib := filepath.Join(dir, "lib")
	fakeBinaries(t, filepath.Join(lib, "old", "bin"), "postgres (PostgreSQL) 15.3")
	fakeBinaries(t, filepath.Join(lib, "odd", "bin"), "something else")
	must(t, os.MkdirAll(filepath.Join(lib, "half", "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(lib, "half", "bin", "postgres"), nil, 0o755))
	sys := system{globs: []string{filepath.Join(lib, "*", "bin")}}

	_, err := start(t.Context(), Options{DataDir: filepath.Join(dir, "data")}, sys)

	for _, want := range []string{"old/bin is Postgres 15.3", "15.14", "half/bin has no initdb", "is no release", "Install Postgres with\n\n\t"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if found := clusters(filepath.Join(dir, "data")); found != nil {
		t.Errorf("made %v", found)
	}
}

func TestAConfiguredDirectoryIsTheOnlyOneUsed(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	fakeBinaries(t, filepath.Join(dir, "old"), "postgres (PostgreSQL) 15.3")
	for _, bin := range []string{"old", "missing"} {
		_, err := Start(t.Context(), Options{DataDir: filepath.Join(dir, "data"), BinDir: filepath.Join(dir, bin)})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, bin)) {
			t.Errorf("%s: error = %v", bin, err)
		}
	}
}

func TestDataOfAnotherMajorIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	other := clusterOf(dir, 14)
	must(t, os.Mkdir(other.dir, 0o700))
	as, err := serverAccount("/nonexistent")
	must(t, err)
	must(t, as.give(other.dir))
	must(t, os.WriteFile(filepath.Join(other.dir, "PG_VERSION"), []byte("14\n"), 0o600))
	sys := thisSystem()
	sys.installers = nil

	_, err = start(t.Context(), Options{DataDir: dir, Fast: true}, sys)

	var missing *otherMajorError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), other.dir+" holds data of Postgres 14") {
		t.Fatalf("error = %v", err)
	}
	if found := clusters(dir); len(found) != 1 {
		t.Errorf("an empty cluster was begun beside it: %v", found)
	}

	// With data that can be opened beside it, that one is opened.
	usable, _ := sys.find(t.Context(), dir, as)
	b, err := choose(usable, nil)
	must(t, err)
	must(t, clusterOf(dir, b.version.major).create(t.Context(), b, as, true))
	s, err := start(t.Context(), Options{DataDir: dir, Fast: true}, sys)
	must(t, err)
	must(t, s.Stop(t.Context()))
	if content, err := os.ReadFile(filepath.Join(other.dir, "PG_VERSION")); string(content) != "14\n" {
		t.Errorf("PG_VERSION of the other: %q, %v", content, err)
	}
	entries, err := os.ReadDir(other.dir)
	must(t, err)
	if len(entries) != 1 || s.Fresh() {
		t.Errorf("%d entries in the other, fresh %v", len(entries), s.Fresh())
	}
}

func TestAnInstallerIsOnlyAskedForWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	lib := filepath.Join(dir, "lib", "1", "bin")
	fakeBinaries(t, lib, "postgres (PostgreSQL) 15.18")
	var asked []string
	note := func(name string, err error, do func()) installer {
		return func(_ context.Context, _ Options, existing []cluster) error {
			asked = append(asked, fmt.Sprint(name, " ", len(existing)))
			do()
			return err
		}
	}
	nothing := func() {}
	sys := system{globs: []string{filepath.Join(dir, "lib", "*", "bin")}, installers: []installer{
		note("absent", errNotHere, nothing), note("broken", errors.New("no network"), nothing),
		note("good", nil, func() { fakeBinaries(t, filepath.Join(dir, "lib", "2", "bin"), "postgres (PostgreSQL) 17.9") }),
		note("spare", nil, nothing),
	}}

	b, _, err := sys.obtain(t.Context(), Options{DataDir: dir}, nil)
	must(t, err)
	if b.version.String() != "15.18" || asked != nil {
		t.Errorf("chose %v, asked %v", b, asked)
	}
	b, _, err = sys.obtain(t.Context(), Options{DataDir: dir}, []cluster{clusterOf(dir, 17)})
	must(t, err)
	if want := []string{"absent 1", "broken 1", "good 1"}; b.version.String() != "17.9" || !slices.Equal(asked, want) {
		t.Errorf("chose %v, asked %v", b, asked)
	}
	_, _, err = sys.obtain(t.Context(), Options{DataDir: dir}, []cluster{clusterOf(dir, 16)})
	if err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("error = %v", err)
	}
}

func TestWhatAPTOffersIsRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ out, want string }{
		"a server package": {"postgresql-15:\n  Installed: (none)\n  Candidate: 15.20-0+deb12u1\n  Version table:\n", "15.20"},
		"the metapackage":  {"postgresql:\n  Installed: (none)\n  Candidate: 15+248+deb12u1\n", "15.0"},
		"an epoch":         {"postgresql-16:\n  Installed: (none)\n  Candidate: 2:16.10-1\n", "16.10"},
		"no candidate":     {"postgresql-9:\n  Installed: (none)\n  Candidate: (none)\n", ""},
		"no such package":  {"", ""},
	}
	for name, c := range cases {
		v, err := parsePolicy("postgresql", c.out)
		if got := v.String(); err == nil && got != c.want || err != nil && c.want != "" {
			t.Errorf("%s: %s, %v; want %q", name, got, err, c.want)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n")
	f.Add("postgres (PostgreSQL) 19beta1")
	f.Fuzz(func(t *testing.T, line string) {
		v, ok := parseVersion(line)
		if ok && !strings.HasPrefix(strings.ReplaceAll(line, "0", ""), strings.ReplaceAll("postgres (PostgreSQL) "+v.String(), "0", "")) {
			t.Errorf("%q was read as %v", line, v)
		}
	})
}
