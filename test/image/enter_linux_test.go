package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"
	ctrl "sigs.k8s.io/controller-runtime"
)

// TestMain runs the tests, or is the first process of a container.
func TestMain(m *testing.M) {
	if inside := os.Getenv(enterVariable); inside != "" {
		fmt.Fprintln(os.Stderr, "the container could not be made:", enter(inside))
		os.Exit(1)
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// enter makes this process that of a container. It returns only where that fails.
func enter(inside string) error {
	// What the kernel keeps for each thread has to be there when the program begins.
	runtime.LockOSThread()
	var e enclosure
	if err := json.Unmarshal([]byte(inside), &e); err != nil {
		return err
	}
	if err := e.mount(); err != nil {
		return err
	}
	if err := errors.Join(unix.Chroot(e.Root), unix.Chdir("/")); err != nil {
		return fmt.Errorf("change the root to %s: %w", e.Root, err)
	}
	if err := e.giveUp(); err != nil {
		return fmt.Errorf("become user %d: %w", e.UID, err)
	}
	if e.Program == writeProgram {
		os.Exit(write(e.Args[0]))
	}
	return syscall.Exec(e.Program, append([]string{e.Program}, e.Args...), e.Env)
}

// mount mounts the volumes onto the root.
func (e enclosure) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep the mounts of this machine as they are: %w", err)
	}
	if err := bind(e.Root, e.Root, e.ReadOnlyRoot); err != nil {
		return err
	}
	for _, m := range e.Mounts {
		if err := bind(m.Dir, filepath.Join(e.Root, m.Path), m.ReadOnly); err != nil {
			return err
		}
	}
	return nil
}

// bind shows a directory at a path.
func bind(dir, at string, readOnly bool) error {
	if err := unix.Mount(dir, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", dir, at, err)
	}
	if !readOnly {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return fmt.Errorf("mount %s at %s: %w", dir, at, err)
	}
	// What the mount forbids already has to be stated again.
	kept := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|kept, ""); err != nil {
		return fmt.Errorf("mount %s at %s, read-only: %w", dir, at, err)
	}
	return nil
}

// giveUp takes the container's user, and leaves every privilege behind.
func (e enclosure) giveUp() error {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups([]int{e.GID}), syscall.Setgid(e.GID), syscall.Setuid(e.UID)); err != nil {
			return err
		}
	}
	return errors.Join(
		unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
		// The kernel forgot it with the change of the user.
		unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0),
	)
}

// writeProgram stands for a program that an image without a shell does not have:
// it writes a file, and prints as whom it did.
const writeProgram = "write"

func write(path string) int {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("user %d wrote %s\n", os.Getuid(), path)
	return 0
}
