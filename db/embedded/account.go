//go:build linux || darwin

package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who runs the server. Its zero value is this process's own user.
type account struct {
	name       string
	credential *syscall.Credential
}

// uid is the owner of what the server reads and writes.
func (a account) uid() int {
	if a.credential == nil {
		return os.Geteuid()
	}
	return int(a.credential.Uid)
}

// serverAccount chooses who runs the server: this user, and for root the owner of the cluster that is already there,
// else postgres, else nobody.
func serverAccount(dataDir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, c := range clusters(dataDir) {
		if a, ok := ownerOf(c.dir); ok {
			return a, nil
		}
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return asAccount(u)
		}
	}
	return account{}, errors.New("running as root, and there is neither an account postgres nor nobody to run Postgres as: run the app as an ordinary user")
}

func ownerOf(dir string) (account, bool) {
	info, err := os.Lstat(dir)
	if err != nil {
		return account{}, false
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil || uid == 0 {
		return account{}, false
	}
	a, err := asAccount(u)
	return a, err == nil
}

func asAccount(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user id of %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("group id of %s: %w", u.Username, err)
	}
	return account{u.Username, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// give makes a directory the account's, private to it. Only root gives; anybody else owns what they make.
func (a account) give(dir string) error {
	if a.credential == nil {
		return nil
	}
	return os.Lchown(dir, int(a.credential.Uid), int(a.credential.Gid))
}

// prepareDataDir makes the data directory and returns it without symbolic links, so that every spelling of it leads to
// the same lock and the same socket.
func prepareDataDir(dir string) (string, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the data directory %q is not an absolute path", dir)
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // the server's account passes through, but cannot list
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return "", err
	}
	if os.Geteuid() == 0 {
		if err := openForPassing(dir); err != nil {
			return "", err
		}
	}
	return filepath.EvalSymlinks(dir)
}

// openForPassing adds the search bit that a strict umask, or an earlier run as another kind of user, left out.
func openForPassing(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o011 == 0o011 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		return nil
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// checkReach asks the kernel whether the account can enter the data directory: modes, groups and ACLs together.
func (a account) checkReach(dir string) error {
	if a.credential == nil {
		return nil
	}
	cmd := exec.Command("/bin/sh", "-c", ":")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("Postgres refuses to run as root and runs as %s instead, who cannot enter %s: set DATA_DIR to a directory outside root's home, for example %s", a.name, dir, rootDataDir)
	}
	return nil
}
