package embedded

import "syscall"

// dieWithParent does nothing: macOS has no parent-death signal. A server that outlives its app is stopped by the
// next Start.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// impostor cannot be told on macOS without cgo; pids are not reused as quickly there.
func impostor(int) bool { return false }
