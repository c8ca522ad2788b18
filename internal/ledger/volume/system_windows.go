package volume

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// The operator does not run on Windows. The plugin, which reads ledgers and keeps
// copies of them, does: it needs the lock, and no more.

func fileSystemOf(dir string) (fileSystem, error) {
	return fileSystem{}, fmt.Errorf("ask for the size of the volume of %s: %w", dir, errors.ErrUnsupported)
}

func sizeOnDisk(path string) (uint64, error) {
	return 0, fmt.Errorf("ask for the size of %s on its volume: %w", path, errors.ErrUnsupported)
}

// lock takes the lock of a file, or returns ErrInUse.
func lock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrInUse
	}
	return err
}

// SyncData makes the content of a file durable.
func SyncData(f *os.File) error { return f.Sync() }

// SyncDir does nothing: Windows has no way to ask for it.
func SyncDir(string) error { return nil }
