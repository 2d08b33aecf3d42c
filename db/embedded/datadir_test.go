package embedded

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheDefaultDataDirIsAbsoluteAndOutsideRootsHome(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "relative/is/ignored")
	dir, err := DefaultDataDir()
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(dir) || filepath.Base(dir) != appName {
		t.Errorf("DefaultDataDir() = %s", dir)
	}
	if os.Geteuid() == 0 && dir != "/var/lib/upwork-ai-agent" {
		t.Errorf("root's DefaultDataDir() = %s", dir)
	}
}
