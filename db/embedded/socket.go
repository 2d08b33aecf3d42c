//go:build linux || darwin

package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// longestSocket is the limit of a socket's path in bytes: sun_path holds 104 on macOS and 108 on Linux, NUL included.
const longestSocket = 100

func socketFile(dir string) string { return filepath.Join(dir, fmt.Sprintf(".s.PGSQL.%d", port)) }

// socketDir is the directory of the socket: in the data directory, or in /tmp under a name derived from it when the
// path would be too long, or has a comma, which drivers take for the end of a host. It does not depend on TMPDIR, which
// differs between a login and a service.
func socketDir(dataDir string) string {
	dir := filepath.Join(dataDir, "socket")
	if len(socketFile(dir)) <= longestSocket && !strings.Contains(dir, ",") {
		return dir
	}
	digest := sha256.Sum256([]byte(dataDir))
	return fmt.Sprintf("/tmp/%s-%d-%x", appName, os.Geteuid(), digest[:8])
}

// makeSocketDir makes the directory private to the account. In /tmp anybody may have made something of that name
// before: it is refused unless it is a real directory of ours that nobody else can enter.
func makeSocketDir(dir string, as account) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return checkPrivate(dir, as)
	}
	if err != nil {
		return err
	}
	return as.give(dir)
}

func checkPrivate(dir string, as account) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is in the way of the socket: it is no directory", dir)
	case owner != as.uid() && owner != os.Geteuid():
		return fmt.Errorf("%s is in the way of the socket: it belongs to user id %d", dir, owner)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is in the way of the socket: others can enter it (mode %v)", dir, info.Mode().Perm())
	}
	return as.give(dir)
}
