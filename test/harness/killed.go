package harness

import (
	"errors"
	"os/exec"
	"syscall"
)

// Killed is whether the process that ran last ended by SIGKILL.
func (o *Operator) Killed() bool {
	if o.process == nil || o.Running() {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(o.process.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
