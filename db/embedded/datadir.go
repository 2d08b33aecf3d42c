package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

const appName = "upwork-ai-agent"

// rootDataDir is where root's data goes: Postgres refuses to run as root, and the account that it runs as instead
// cannot enter /root.
const rootDataDir = "/var/lib/" + appName

// DefaultDataDir is the app's data directory when none is configured: /var/lib/upwork-ai-agent for root, otherwise the
// user's own: XDG_DATA_HOME or ~/.local/share on Linux (XDG Base Directory Specification 0.8), Application Support on
// macOS. It does not make the directory.
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return rootDataDir, nil
	}
	base, err := userDataHome()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, appName), nil
}

func userDataHome() (string, error) {
	switch runtime.GOOS {
	case "darwin", "windows":
		dir, err := os.UserConfigDir() // Application Support, AppData
		if err != nil {
			return "", errors.Join(errNoHome, err)
		}
		return dir, nil
	}
	// The specification says that a relative path is to be ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", errors.Join(errNoHome, err)
	}
	return filepath.Join(home, ".local", "share"), nil
}

var errNoHome = errors.New("no home directory: set DATA_DIR to an absolute directory")
