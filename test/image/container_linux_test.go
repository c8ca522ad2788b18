package image

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/test/harness"
)

// enterVariable holds, in the environment of a process of this test's program, the
// enclosure that it enters instead of testing.
const enterVariable = "HOLDFAST_TEST_ENCLOSURE"

// enclosure is what a container sees.
type enclosure struct {
	// Root becomes its root.
	Root string
	// ReadOnlyRoot keeps it from writing there.
	ReadOnlyRoot bool
	Mounts       []harness.Mount
	UID, GID     int
	// Program is run within it, with Args after its name.
	Program   string
	Args, Env []string
}

// containers run the program of an unpacked image on the image's own files.
type containers struct {
	// root is where the image is unpacked.
	root string
}

// Command implements harness.Launcher. The process is this test's program, which
// turns itself into the container's: mounts have to be made in a namespace of its
// own, before the container's program begins.
func (l containers) Command(c harness.Container) (*exec.Cmd, error) {
	for _, m := range c.Mounts {
		// A container runtime makes what an image has not.
		if err := os.MkdirAll(filepath.Join(l.root, m.Path), 0o755); err != nil {
			return nil, err
		}
	}
	program, args := "/holdfast", c.Args
	if len(c.Command) > 0 {
		program, args = c.Command[0], append(c.Command[1:], c.Args...)
	}
	inside, err := json.Marshal(enclosure{
		Root: l.root, ReadOnlyRoot: c.ReadOnlyRoot, Mounts: c.Mounts, UID: int(c.UID), GID: int(c.GID),
		Program: program, Args: args, Env: c.Env,
	})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{enterVariable + "=" + string(inside)}
	cmd.SysProcAttr = namespaces(int(c.UID), int(c.GID))
	return cmd, nil
}

// namespaces has a process start in a mount namespace of its own. Whoever is not
// root may make one only within a user namespace, where the process is the
// container's user from the beginning, with the rights to mount and to change its
// root.
func namespaces(uid, gid int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
	return attr
}
