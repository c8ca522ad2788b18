package harness

import "syscall"

// childAttributes has the kernel kill the operator when the test dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
