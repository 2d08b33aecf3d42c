//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Two locks, each freed by the kernel when its holder dies: one is held while a process starts the server, the other
// as long as a process owns it.
const (
	startLock = "embedded.lock"
	ownerLock = "embedded.owner"
)

// lock waits for a lock of the data directory. Closing the file frees it.
func lock(ctx context.Context, dataDir, name string) (*os.File, error) {
	for {
		file, err := tryLock(dataDir, name)
		if !errors.Is(err, errHeld) {
			return file, err
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, fmt.Errorf("another process is starting the server: %w", err)
		}
	}
}

var errHeld = errors.New("held by another process")

func tryLock(dataDir, name string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dataDir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		err = errHeld
	}
	return nil, errors.Join(err, file.Close())
}

// owned tells whether a living process owns the server.
func owned(dataDir string) (bool, error) {
	file, err := tryLock(dataDir, ownerLock)
	if errors.Is(err, errHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, file.Close()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
