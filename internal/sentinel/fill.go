package sentinel

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// dataSize is how much is written: enough to be no file that a snapshot would
	// hold by chance, and little enough to cost nothing.
	dataSize = 1 << 20
	// dataFile holds the data, and markerFile the name of its generation: it is
	// written last, so that data without it is not complete.
	dataFile   = "holdfast-sentinel.data"
	markerFile = "holdfast-sentinel.generation"
)

// Fill writes random data into a directory, unless it has that of the generation
// already, and returns what there is then.
func Fill(dir, generation string) (Report, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, fmt.Errorf("open the volume: %w", err)
	}
	defer func() { _ = root.Close() }()
	found, err := root.ReadFile(markerFile)
	switch {
	case err == nil && string(found) == generation:
		return read(root)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Report{}, fmt.Errorf("read what is in the volume: %w", err)
	}
	if err := write(root, dir, generation); err != nil {
		return Report{}, err
	}
	return read(root)
}

// write writes random data, and then the name of its generation.
func write(root *os.Root, dir, generation string) error {
	if err := root.Remove(markerFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what is in the volume: %w", err)
	}
	if err := writeFile(root, dataFile, io.LimitReader(rand.Reader, dataSize)); err != nil {
		return err
	}
	part := markerFile + ".part"
	if err := writeFile(root, part, strings.NewReader(generation)); err != nil {
		return err
	}
	if err := root.Rename(part, markerFile); err != nil {
		return fmt.Errorf("name what is in the volume: %w", err)
	}
	return syncDir(dir)
}

// writeFile writes a file, so that it is on the volume when it returns.
func writeFile(root *os.Root, name string, content io.Reader) error {
	file, err := root.Create(name)
	if err != nil {
		return fmt.Errorf("fill the volume: %w", err)
	}
	_, copied := io.Copy(file, content)
	if err := errors.Join(copied, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("fill the volume: %w", err)
	}
	return nil
}

// syncDir has the names in a directory be on the volume.
func syncDir(dir string) error {
	handle, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("open the volume: %w", err)
	}
	if err := errors.Join(handle.Sync(), handle.Close()); err != nil {
		return fmt.Errorf("fill the volume: %w", err)
	}
	return nil
}

// read says what data is in the volume. That there is none is a report too: a marker
// alone may have been restored.
func read(root *os.Root) (Report, error) {
	file, err := root.Open(dataFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ReportOf(""), nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("read what is in the volume: %w", err)
	}
	defer func() { _ = file.Close() }()
	return reportOf(file)
}

// reportOf says what data can be read.
func reportOf(data io.Reader) (Report, error) {
	hash := sha256.New()
	size, err := io.Copy(hash, data)
	if err != nil {
		return Report{}, fmt.Errorf("read what is in the volume: %w", err)
	}
	return Report{SHA256: hex.EncodeToString(hash.Sum(nil)), Bytes: size}, nil
}
