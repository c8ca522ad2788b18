//go:build linux || darwin

package volume

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// blockSize is the unit in which a file system counts the blocks of a file.
const blockSize = 512

// fileSystemOf tells of the file system that holds dir.
func fileSystemOf(dir string) (fileSystem, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	for errors.Is(err, unix.EINTR) {
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		return fileSystem{}, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return fileSystem{
		Space:    Space{Total: st.Blocks * uint64(st.Bsize), Free: st.Bavail * uint64(st.Bsize)},
		readOnly: st.Flags&readOnlyFlag != 0,
		inodes:   st.Files, freeInodes: st.Ffree,
	}, nil
}

// sizeOnDisk is the space that a file takes, in bytes.
func sizeOnDisk(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, err
	}
	return uint64(st.Blocks) * blockSize, nil
}

// lock takes the lock of a file, or returns ErrInUse.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync %s: %w", dir, Classify(err)), f.Close())
	}
	return f.Close()
}
