// Package tree writes archives whose bytes depend on nothing but what is in them:
// sorted, owned by root, and of one time.
package tree

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
)

// Tree is what an archive holds. The zero value is empty.
type Tree struct{ entries map[string]entry }

// entry is a file or a directory.
type entry struct {
	mode    fs.FileMode
	content []byte
}

// File adds a file, and the directories that it is in. The name is relative, with
// slashes.
func (t *Tree) File(name string, mode fs.FileMode, content []byte) {
	t.parents(name)
	t.put(name, entry{mode: mode, content: content})
}

// parents adds the directories that a file is in.
func (t *Tree) parents(name string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		t.put(dir, entry{mode: fs.ModeDir | 0o755})
	}
}

func (t *Tree) put(name string, e entry) {
	if t.entries == nil {
		t.entries = map[string]entry{}
	}
	t.entries[name] = e
}

// Names are the names of the files and directories, sorted.
func (t *Tree) Names() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Tar writes the tree as a tar archive. Every entry has the time.
func (t *Tree) Tar(w io.Writer, at time.Time) error {
	archive := tar.NewWriter(w)
	for _, name := range t.Names() {
		e := t.entries[name]
		header := &tar.Header{Name: name, Mode: int64(e.mode.Perm()), Size: int64(len(e.content)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.mode.IsDir() {
			header.Name, header.Typeflag = name+"/", tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
		if _, err := archive.Write(e.content); err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
	}
	return archive.Close()
}

// TarGzip is Tar, compressed.
func (t *Tree) TarGzip(w io.Writer, at time.Time) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := t.Tar(compressed, at); err != nil {
		return err
	}
	return compressed.Close()
}

// Zip writes the tree as a zip archive. Every entry has the time.
func (t *Tree) Zip(w io.Writer, at time.Time) error {
	archive := zip.NewWriter(w)
	for _, name := range t.Names() {
		e := t.entries[name]
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
		if e.mode.IsDir() {
			header.Name, header.Method = name+"/", zip.Store
		}
		header.SetMode(e.mode)
		file, err := archive.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
		if _, err := file.Write(e.content); err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
	}
	return archive.Close()
}
