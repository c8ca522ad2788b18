package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/report"
	"github.com/holdfast-dev/holdfast/internal/report/render"
)

// toStdout is the --out that means standard output.
const toStdout = "-"

// writeFile writes a record to where --out says, whole or not at all. It returns
// the file, or nothing where it was printed.
func (o *reportOptions) writeFile(stdout io.Writer, record *report.Record, extension string, write func(io.Writer) error) (string, error) {
	if o.out == toStdout || o.out == "" && printed(o.output) {
		return "", write(stdout)
	}
	path := o.target(render.FileName(record, extension))
	file, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // It is gone once it was renamed.
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(file.Name(), path)
}

// target is where --out says, a name in it where it is a folder.
func (o *reportOptions) target(name string) string {
	if o.out == "" {
		return name
	}
	if info, err := os.Stat(o.out); err == nil && info.IsDir() {
		return filepath.Join(o.out, name)
	}
	return o.out
}

// writeFolder writes the registers into a new folder, all or none.
func (o *reportOptions) writeFolder(record *report.Record, options render.Options) (string, error) {
	path := o.out
	switch path {
	case toStdout:
		return "", errors.New("-o csv writes a file per register: --out has to name a folder")
	case "":
		path = render.FileName(record, "")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s exists: name another folder with --out, or remove it", path)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // It is gone once it was renamed.
	create := func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(folder, name)) }
	if err := render.CSV(create, record, options); err != nil {
		return "", err
	}
	return path, errors.Join(os.Chmod(folder, 0o755), os.Rename(folder, path))
}
