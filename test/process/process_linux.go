package process

import "syscall"

// childAttributes puts a component into a process group of its own, so that a
// Ctrl-C in the terminal reaches only the parent, which stops its components in
// order; and has the kernel kill the component when the parent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
