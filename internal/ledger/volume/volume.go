// Package volume is what the ledger needs of the file system that it lives on:
// checks before it writes, a lock, and files that are written whole or not at all.
package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var (
	// ErrInUse is returned where another process, or another handle, holds the volume.
	ErrInUse = errors.New("the ledger is in use by another process")
	// ErrReadOnly is returned where the volume cannot be written.
	ErrReadOnly = errors.New("the ledger's volume is read-only")
	// ErrFull is returned where the volume has no room, or no inodes, left.
	ErrFull = errors.New("the ledger's volume is full")
)

// Space is the size of the file system that holds a directory, in bytes.
type Space struct {
	Total, Free uint64
}

// SpaceOf returns the size of the file system that holds dir. Free is what an
// unprivileged process may still use.
func SpaceOf(dir string) (Space, error) {
	st, err := statfs(dir)
	if err != nil {
		return Space{}, err
	}
	return Space{Total: st.Blocks * uint64(st.Bsize), Free: st.Bavail * uint64(st.Bsize)}, nil
}

// blockSize is the unit in which a file system counts the blocks of a file.
const blockSize = 512

// Used returns the space that the files below dir take, in bytes. What goes away
// meanwhile is passed over.
func Used(dir string) (uint64, error) {
	var used uint64
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if errors.Is(err, os.ErrNotExist) && path != dir {
			return nil
		}
		used += uint64(st.Blocks) * blockSize
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	return used, nil
}

func statfs(dir string) (*unix.Statfs_t, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		switch {
		case err == nil:
			return &st, nil
		case !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("statfs %s: %w", dir, err)
		}
	}
}

// Check reports why dir cannot be written: ErrReadOnly, or ErrFull where less
// than minFree bytes are left, or another error. What it says of a full volume does
// not change with each byte.
func Check(dir string, minFree uint64) error {
	st, err := statfs(dir)
	if err != nil {
		return err
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return ErrReadOnly
	}
	if st.Bavail*uint64(st.Bsize) < minFree {
		return fmt.Errorf("%w: less than %d MiB are free", ErrFull, minFree>>20)
	}
	if st.Files > 0 && st.Ffree < minInodes {
		return fmt.Errorf("%w: less than %d inodes are free", ErrFull, minInodes)
	}
	return nil
}

// minInodes are enough for the files of one batch.
const minInodes = 64

// Writable reports why an existing file cannot be opened for writing.
func Writable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Classify(err)
	}
	return f.Close()
}

// Classify gives an error of the file system the meaning it has here:
// ErrReadOnly, ErrFull, or what it was.
func Classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrReadOnly), errors.Is(err, ErrFull):
		return err
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	default:
		return err
	}
}

// Lock takes the lock of a volume, for the life of the returned file. It does
// not wait: where the lock is held it returns ErrInUse.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, Classify(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// Freeze takes away the right to write from everything below dir. A privileged
// process is not bound by that: it is a sign for people and programs alike.
func Freeze(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, path)
			return nil
		default:
			return os.Chmod(path, 0o444)
		}
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		err = errors.Join(err, os.Chmod(dirs[i], 0o555))
	}
	return err
}
