// Package local keeps what belongs to one installation on one machine: the claim on its data directory, and the keys that
// were made for it.
package local

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RunsError says that another process serves from the same data directory.
type RunsError struct {
	What string // what that process said of itself
	Dir  string
}

// Error is for the person who started the second copy.
func (e *RunsError) Error() string {
	return fmt.Sprintf("Upwork AI Agent already runs: %s. Open that, or stop it with Ctrl-C where it was started. To run another copy beside it, set DATA_DIR and ADDR.", e.What)
}

// Claim holds dir for this process until release is called or the process ends, however it ends. what is shown to whoever
// comes second. The error is a *RunsError when somebody came first.
func Claim(dir, what string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("DATA_DIR: %w", err)
		}
		first, readErr := os.ReadFile(file.Name())
		if readErr != nil {
			return nil, fmt.Errorf("DATA_DIR: %w", readErr)
		}
		return nil, &RunsError{What: strings.TrimSpace(string(first)), Dir: dir}
	}
	if err := rewrite(file, what); err != nil {
		file.Close()
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	return func() { file.Close() }, nil // the lock goes with the file; the file stays, or two could lock two of them
}

func rewrite(file *os.File, text string) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(text+"\n"), 0)
	return err
}

// Keys reads the keys in a file of dir, one a line, newest first, or makes the file with one new key of 32 bytes.
func Keys(dir, name string) ([][]byte, error) {
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = newKey(dir, path)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var keys [][]byte
	for _, line := range strings.Fields(string(content)) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("keys: %s is damaged: a line is not 32 bytes in base64", path)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: %s is empty", path)
	}
	return keys, nil
}

// newKey writes a side file and renames it, so that a crash leaves no half key: whatever was sealed with it would be lost.
func newKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails: it ends the program when the system has no randomness
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	side, err := os.CreateTemp(dir, "key")
	if err != nil {
		return nil, err
	}
	defer os.Remove(side.Name()) // gone already when all went well
	if _, err := side.Write(text); err != nil {
		return nil, err
	}
	if err := errors.Join(side.Sync(), side.Close()); err != nil {
		return nil, err
	}
	return text, os.Rename(side.Name(), path)
}
