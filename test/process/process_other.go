//go:build unix && !linux

package process

import "syscall"

// childAttributes puts a component into a process group of its own, so that a
// Ctrl-C in the terminal reaches only the parent, which stops its components in
// order. These systems cannot tie a child's life to its parent's: components
// outlive a parent that is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
