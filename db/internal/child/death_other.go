//go:build !linux

package child

import "syscall"

// dieWithParent does nothing: other systems have no parent-death signal. A server that outlives its app is stopped by the
// next start of it.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
