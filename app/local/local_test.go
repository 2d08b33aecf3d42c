package local_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upwork-ai-agent/app/local"
)

func TestTheSecondCopyIsToldWhatRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := local.Claim(dir, "http://localhost:8080 (process 17)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = local.Claim(dir, "http://localhost:9999")
	var runs *local.RunsError
	if !errors.As(err, &runs) || !strings.Contains(err.Error(), "http://localhost:8080 (process 17)") {
		t.Fatalf("second claim: %v", err)
	}
	release()
	release, err = local.Claim(dir, "http://localhost:9999")
	if err != nil {
		t.Fatalf("claim after release: %v", err)
	}
	release()
}

func TestKeysAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	first, err := local.Keys(dir, "seal.key")
	if err != nil || len(first) != 1 || len(first[0]) != 32 {
		t.Fatalf("keys %v, %v", first, err)
	}
	again, err := local.Keys(dir, "seal.key")
	if err != nil || !bytes.Equal(first[0], again[0]) {
		t.Fatalf("the second start has other keys: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "seal.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestADamagedKeyFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "not base64\n", "c2hvcnQ=\n"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "seal.key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := local.Keys(dir, "seal.key"); err == nil {
			t.Errorf("%q was taken as keys", content)
		}
		if left, _ := os.ReadFile(path); string(left) != content {
			t.Errorf("%q became %q", content, left)
		}
	}
}
