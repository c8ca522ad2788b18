//go:build unix && !linux

package harness

import "syscall"

// childAttributes puts the operator into a process group of its own.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
