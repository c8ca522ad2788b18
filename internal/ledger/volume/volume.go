// Package volume is what the ledger needs of the file system that it lives on:
// checks before it writes, a lock, and files that are written whole or not at all.
package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	fs, err := fileSystemOf(dir)
	return fs.Space, err
}

// fileSystem is what a system tells of a file system.
type fileSystem struct {
	Space
	readOnly bool
	// inodes is 0 where there is no bound to their number.
	inodes, freeInodes uint64
}

// Used returns the space that the files below dir take, in bytes. What goes away
// meanwhile is passed over.
func Used(dir string) (uint64, error) {
	var used uint64
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		var size uint64
		if err == nil {
			size, err = sizeOnDisk(path)
		}
		if errors.Is(err, os.ErrNotExist) && path != dir {
			return nil
		}
		used += size
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	return used, nil
}

// Check reports why dir cannot be written: ErrReadOnly, or ErrFull where less
// than minFree bytes are left, or another error. What it says of a full volume does
// not change with each byte.
func Check(dir string, minFree uint64) error {
	fs, err := fileSystemOf(dir)
	if err != nil {
		return err
	}
	if fs.readOnly {
		return ErrReadOnly
	}
	if fs.Free < minFree {
		return fmt.Errorf("%w: less than %d MiB are free", ErrFull, minFree>>20)
	}
	if fs.inodes > 0 && fs.freeInodes < minInodes {
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
	case says(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case says(err, syscall.ENOSPC), says(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	default:
		return err
	}
}

// says reports whether an error is the system's, or quotes it: Tessera passes on
// the text alone where it cannot write a file.
func says(err error, errno syscall.Errno) bool {
	return errors.Is(err, errno) || strings.Contains(err.Error(), errno.Error())
}

// Lock takes the lock of a volume, for the life of the returned file. It does
// not wait: where the lock is held it returns ErrInUse.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, Classify(err)
	}
	switch err := lock(f); {
	case errors.Is(err, ErrInUse):
		_ = f.Close()
		return nil, ErrInUse
	case err != nil:
		_ = f.Close()
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
