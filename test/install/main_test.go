package install

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// enclosed is the variable that says that this process has namespaces of its own.
const enclosed = "HOLDFAST_TEST_ENCLOSED"

// TestMain runs the tests where they may mount a volume: as root they may on any
// machine, else in a user namespace and a mount namespace of their own.
func TestMain(m *testing.M) {
	if mayMount() == nil || os.Getenv(enclosed) != "" {
		m.Run()
		return
	}
	status, err := enclose()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests of an installation mount a volume that fails: run them as root, or where user namespaces can be made:", err)
		status = 1
	}
	os.Exit(status)
}

// mayMount tries to mount a volume.
func mayMount() (err error) {
	dir, err := os.MkdirTemp("", "holdfast-mount-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, tmpfs); err != nil {
		return err
	}
	return unix.Unmount(dir, 0)
}

// enclose runs this program again in namespaces of its own, as the same user, and
// returns its status.
func enclose() (status int, err error) {
	runtime.LockOSThread() // the child dies with the thread that started it
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), enclosed+"=true")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: same(os.Getuid()), GidMappings: same(os.Getgid()), GidMappingsEnableSetgroups: os.Getuid() == 0,
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// same has an id be itself in a namespace. root's pods have further ones.
func same(id int) []syscall.SysProcIDMap {
	size := 1
	if id == 0 {
		size = 1 << 16
	}
	return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: size}}
}
