package main

import "syscall"

// childAttributes puts an engine into a process group of its own, so that a
// Ctrl-C reaches only this program, which stops it in order; and has the kernel
// kill it when this program dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
