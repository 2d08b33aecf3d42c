//go:build linux || darwin

package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestALongDataDirGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), strings.Repeat("deep/", 30), "data")
	s := begin(t, Options{DataDir: dir})
	if len(socketFile(s.socketDir)) > longestSocket || !strings.HasPrefix(s.socketDir, "/tmp/"+appName) {
		t.Errorf("socket in %s", s.socketDir)
	}
	if got := answer(t, s, `SELECT 'reached'`); got != "reached" {
		t.Error(got)
	}
	if found, ok := Running(dir); !ok || found.URL("a", "b") != s.URL("a", "b") {
		t.Errorf("Running = %+v, %v", found, ok)
	}
	must(t, s.Stop(t.Context()))
	if _, err := os.Lstat(s.socketDir); err == nil {
		t.Errorf("%s was left behind", s.socketDir)
	}
}

func TestASocketDirectoryOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	as, err := serverAccount("/nonexistent")
	must(t, err)
	cases := map[string]struct {
		plant func(dir string) error
		want  string
	}{
		"a link to a private directory": {func(dir string) error {
			target := dir + ".target"
			if err := os.Mkdir(target, 0o700); err != nil {
				return err
			}
			return os.Symlink(target, dir)
		}, "it is no directory"},
		"a file":              {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "it is no directory"},
		"others can enter":    {func(dir string) error { return os.Mkdir(dir, 0o755) }, "others can enter it"},
		"ours and private":    {func(dir string) error { return os.Mkdir(dir, 0o700) }, ""},
		"not there until now": {func(string) error { return nil }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(tempDir(t), "socket")
			must(t, c.plant(dir))
			err := makeSocketDir(dir, as)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
	// Nobody can give a directory away but root; /usr belongs to root, who is a stranger to this account.
	if err := checkPrivate("/usr", account{}); os.Geteuid() != 0 && (err == nil || !strings.Contains(err.Error(), "belongs to user id 0")) {
		t.Errorf("a directory of root: %v", err)
	}
}

func TestTheStatusOfAServerIsRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		content string
		want    status
		ok      bool
	}{
		"ready":          {"42\n/data\n1700000000\n5432\n/tmp/s\n\n  5432001  7\nready   \n", status{42, "/tmp/s", "ready"}, true},
		"being written":  {"42\n/data\n1700000000\n5432\n", status{42, "", ""}, true},
		"empty":          {"", status{}, false},
		"single user":    {"-42\n/data\n", status{}, false},
		"not a postgres": {"hello", status{}, false},
	}
	for name, c := range cases {
		if got, ok := parseStatus(c.content); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add("42\n/data\n1700000000\n5432\n/tmp/s\n\n  5432001  7\nready   \n")
	f.Fuzz(func(t *testing.T, content string) {
		if s, ok := parseStatus(content); ok && s.pid <= 0 {
			t.Errorf("%q was read as process %d: a signal to it would reach a group", content, s.pid)
		}
	})
}
