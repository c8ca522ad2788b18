package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

const (
	filePerm = 0o644
	dirPerm  = 0o755

	// TempSuffix ends the name of a file that is not written completely yet.
	TempSuffix = ".tmp"
)

// WriteFile replaces a file with data, durably: a crash leaves the old content
// or the new one, never something in between.
func WriteFile(path string, data []byte) error {
	if err := writeTemp(path, data); err != nil {
		return Classify(err)
	}
	killpoint.Hit(killpoint.FileWriting)
	if err := os.Rename(path+TempSuffix, path); err != nil {
		return Classify(err)
	}
	return SyncDir(filepath.Dir(path))
}

// Replace is WriteFile without the wait for the directory: after a loss of
// power the file has its old content or its new one.
func Replace(path string, data []byte) error {
	if err := writeTemp(path, data); err != nil {
		return Classify(err)
	}
	killpoint.Hit(killpoint.FileReplacing)
	return Classify(os.Rename(path+TempSuffix, path))
}

func writeTemp(path string, data []byte) (err error) {
	f, err := os.OpenFile(path+TempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// MkdirAll makes a directory and its parents, durably.
func MkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s %w", dir, errNotDir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return Classify(err)
	}
	return SyncDir(parent)
}

// Exists reports whether something is at path. An error other than its absence
// counts as presence: nothing is to be created over what cannot be seen.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
