//go:build unix && !linux

package main

import "syscall"

// childAttributes puts an engine into a process group of its own, so that a
// Ctrl-C reaches only this program. (Measuring needs /proc, so a run ends early
// on these systems.)
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
