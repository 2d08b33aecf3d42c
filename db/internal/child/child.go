// Package child runs servers of other programs as children of this process, so that they end with it, however it ends.
package child

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a started program whose end is noticed.
type Process struct {
	process *os.Process
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; read after done
}

// Start starts cmd from a goroutine that stays on its thread until the process has ended: Linux sends the parent-death
// signal when the *thread* that forked ends, and Go ends idle threads as it likes. cmd.SysProcAttr must be set.
func Start(cmd *exec.Cmd, onParentDeath syscall.Signal) (*Process, error) {
	dieWithParent(cmd.SysProcAttr, onParentDeath)
	started := make(chan error)
	p := &Process{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.process = cmd.Process
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// PID is the number of the process, which is also that of its group when it was started with Setpgid.
func (p *Process) PID() int { return p.process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended. It is read after Done.
func (p *Process) Err() error { return p.err }

// Stop ends the process with a signal; when ctx ends first, with a harder one. It returns when the process is gone.
func (p *Process) Stop(ctx context.Context, soft, hard syscall.Signal) error {
	if err := p.process.Signal(soft); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	err := p.process.Signal(hard)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.done
	return errors.Join(ctx.Err(), err)
}
