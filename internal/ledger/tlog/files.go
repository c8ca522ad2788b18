package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/transparency-dev/tessera/api/layout"
)

// File is one file of a tree of a certain size, as C2SP tlog-tiles has it.
type File struct {
	// Path is relative to the tree's directory, with slashes.
	Path string
	// Level and Index name a tile; a bundle of entries has the level Entries.
	Level, Index uint64
	// Width is how many hashes or entries it has.
	Width int
}

// Entries is the level of a File that is a bundle of entries.
const Entries = ^uint64(0)

// Files are the files of a tree of a size: bundles and tiles, the last one of
// each level partial.
func Files(size uint64) func(yield func(File) bool) {
	return func(yield func(File) bool) {
		bundle := func(index uint64, p uint8) File { return File{layout.EntriesPath(index, p), Entries, index, width(p)} }
		if !row(size, bundle, yield) {
			return
		}
		for level := uint64(0); size > 0; level, size = level+1, size>>layout.TileHeight {
			tile := func(index uint64, p uint8) File {
				return File{layout.TilePath(level, index, p), level, index, width(p)}
			}
			if !row(size, tile, yield) {
				return
			}
		}
	}
}

// row yields the files of one level that has so many nodes.
func row(nodes uint64, file func(index uint64, p uint8) File, yield func(File) bool) bool {
	for index := range nodes / layout.TileWidth {
		if !yield(file(index, 0)) {
			return false
		}
	}
	rest := uint8(nodes % layout.TileWidth)
	return rest == 0 || yield(file(nodes/layout.TileWidth, rest))
}

func width(p uint8) int {
	if p == 0 {
		return layout.TileWidth
	}
	return int(p)
}

// File returns the content of a file of the tree, exactly, though the tree in
// the directory may be a larger one.
func (v View) File(f File) ([]byte, error) {
	read := func() ([]byte, error) { return v.Tile(f.Level, f.Index) }
	if f.Level == Entries {
		read = func() ([]byte, error) { return v.rawBundle(f.Index) }
	}
	data, err := read()
	if err != nil {
		return nil, err
	}
	return f.Cut(data)
}

// Readable returns the entries of a bundle as far as its file can be split into
// entries, for one that Bundle refuses.
func (v View) Readable(index uint64) [][]byte {
	raw, err := v.rawBundle(index)
	if err != nil {
		return nil
	}
	var entries [][]byte
	for len(raw) >= 2 {
		size := int(binary.BigEndian.Uint16(raw))
		if raw = raw[2:]; size > len(raw) {
			break
		}
		entries, raw = append(entries, raw[:size]), raw[size:]
	}
	return entries
}

// JoinBundle is the inverse of SplitBundle.
func JoinBundle(entries [][]byte) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(e))))
		b.Write(e)
	}
	return b.Bytes()
}

// Cut returns the part of a file of a larger tree that this file is.
func (f File) Cut(data []byte) ([]byte, error) {
	if f.Level != Entries {
		if len(data) < f.Width*sha256.Size {
			return nil, fmt.Errorf("%s: %d bytes, want %d", f.Path, len(data), f.Width*sha256.Size)
		}
		return data[:f.Width*sha256.Size], nil
	}
	entries, err := SplitBundle(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if len(entries) < f.Width {
		return nil, fmt.Errorf("%s: %d entries, want %d", f.Path, len(entries), f.Width)
	}
	return JoinBundle(entries[:f.Width]), nil
}
