package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"strconv"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// tileCheck builds the tiles and bundles of a tree from its leaves, and
// compares every file of them, partial ones included.
type tileCheck struct {
	v    *verifier
	dir  string // the tree's directory
	base uint64 // sequence number of the first leaf
	size uint64 // leaves that are integrated; more may come from the journal

	leaves  uint64
	bundle  []byte // the bundle that is being filled
	ends    []int  // where each of its entries ends
	skipped bool   // whether an entry of it is not known
	levels  []level
}

// level is the tile of one level that is being filled.
type level struct {
	index uint64
	nodes []byte
}

// entry takes in the next leaf by its content.
func (t *tileCheck) entry(data []byte) {
	t.bundle = binary.BigEndian.AppendUint16(t.bundle, uint16(len(data)))
	t.bundle = append(t.bundle, data...)
	t.leaf(rfc6962.DefaultHasher.HashLeaf(data))
}

// hash takes in a leaf of which only the hash is known.
func (t *tileCheck) hash(h []byte) {
	t.skipped = true
	t.leaf(h)
}

func (t *tileCheck) leaf(h []byte) {
	t.ends = append(t.ends, len(t.bundle))
	t.leaves++
	full := len(t.ends) == layout.EntryBundleWidth
	if full {
		t.closeBundle()
	}
	t.node(0, h)
}

// node adds a node to the tile of its level, and a full tile's root to the
// level above.
func (t *tileCheck) node(n int, h []byte) {
	if n == len(t.levels) {
		t.levels = append(t.levels, level{})
	}
	l := &t.levels[n]
	l.nodes = append(l.nodes, h...)
	if len(l.nodes) < layout.TileWidth*sha256.Size {
		return
	}
	t.closeTile(n)
	root := tileRoot(l.nodes)
	t.levels[n] = level{index: l.index + 1}
	t.node(n+1, root)
}

// tileRoot is the root of the perfect tree over a tile's nodes.
func tileRoot(nodes []byte) []byte {
	row := make([][]byte, 0, layout.TileWidth)
	for ; len(nodes) > 0; nodes = nodes[sha256.Size:] {
		row = append(row, nodes[:sha256.Size])
	}
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = rfc6962.DefaultHasher.HashChildren(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

// close compares what is not full.
func (t *tileCheck) close() {
	if len(t.ends) > 0 {
		t.closeBundle()
	}
	for n := range t.levels {
		if len(t.levels[n].nodes) > 0 {
			t.closeTile(n)
		}
	}
}

func (t *tileCheck) closeBundle() {
	index := (t.leaves - 1) / layout.EntryBundleWidth
	ends, bundle := t.ends, t.bundle
	if t.skipped {
		// The file was named already: it could not be split into entries.
		t.claim(layout.EntriesPath(index, 0))
	} else {
		t.compare(resourceFiles{
			path: func(p uint8) string { return layout.EntriesPath(index, p) },
			need: t.needed(0, index), count: len(ends),
			prefix: func(n int) []byte { return bundle[:ends[n-1]] },
			entry:  func(n int) uint64 { return t.base + index*layout.EntryBundleWidth + uint64(n) },
		})
	}
	t.bundle, t.ends, t.skipped = t.bundle[:0], t.ends[:0], false
}

func (t *tileCheck) closeTile(n int) {
	l := t.levels[n]
	width := uint64(1) << (layout.TileHeight * n)
	t.compare(resourceFiles{
		path: func(p uint8) string { return layout.TilePath(uint64(n), l.index, p) },
		need: t.needed(uint64(n), l.index), count: len(l.nodes) / sha256.Size,
		prefix: func(n int) []byte { return l.nodes[:n*sha256.Size] },
		entry:  func(n int) uint64 { return t.base + (l.index*layout.TileWidth+uint64(n))*width },
	})
}

// needed is how many nodes of a tile are integrated: its file must be there.
func (t *tileCheck) needed(n, index uint64) int {
	have := t.size >> (layout.TileHeight * n)
	if have <= index*layout.TileWidth {
		return 0
	}
	return int(min(layout.TileWidth, have-index*layout.TileWidth))
}

// resourceFiles are the files of one tile or bundle: the full one and partial ones.
type resourceFiles struct {
	path   func(p uint8) string
	need   int // nodes that must be there
	count  int // nodes that are known
	prefix func(n int) []byte
	entry  func(n int) uint64 // the first entry that node n concerns
}

func (t *tileCheck) compare(r resourceFiles) {
	dir := t.v.rel(t.dir)
	full := r.path(0)
	found := false
	if _, there := t.v.files[dir+"/"+full]; there {
		found = true
		t.compareFile(r, full, layout.TileWidth)
	}
	for _, name := range t.v.partials[dir+"/"+full+".p"] {
		n, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(n) != name || n < 1 || n >= layout.TileWidth {
			continue // nothing accounts for it
		}
		found = found || n == r.need
		t.compareFile(r, full+".p/"+name, n)
	}
	if r.need == 0 || found {
		return
	}
	// The file is missing, unless it was written since the directory was listed.
	for _, p := range []uint8{uint8(r.need % layout.TileWidth), 0} {
		if volume.Exists(filepath.Join(t.dir, r.path(p))) {
			n := layout.TileWidth
			if p > 0 {
				n = int(p)
			}
			t.compareFile(r, r.path(p), n)
			return
		}
	}
	t.v.problemAt(dir+"/"+r.path(uint8(r.need%layout.TileWidth)), r.entry(0), "the file is missing")
}

func (t *tileCheck) compareFile(r resourceFiles, file string, n int) {
	if n > r.count {
		return // beyond all entries: nothing accounts for it
	}
	rel, data, err := t.v.read(filepath.Join(t.dir, file))
	if err != nil {
		return // replaced by a larger one meanwhile
	}
	want := r.prefix(n)
	if bytes.Equal(data, want) {
		return
	}
	first := 0
	for first < n-1 && len(data) >= len(r.prefix(first+1)) && bytes.Equal(data[:len(r.prefix(first+1))], r.prefix(first+1)) {
		first++
	}
	t.v.problemAt(rel, r.entry(first), "the file does not have what the entries imply")
}

// claim takes note of the files of a bundle that was named already.
func (t *tileCheck) claim(full string) {
	rel := t.v.rel(t.dir) + "/" + full
	t.v.claim(rel)
	for _, name := range t.v.partials[rel+".p"] {
		t.v.claim(rel + ".p/" + name)
	}
}

// tileHashes are the hashes in a lowest tile, where its bundle cannot be read.
func tileHashes(view tlog.View, index uint64, n int) [][]byte {
	tile, err := view.Tile(0, index)
	if err != nil {
		tile = nil
	}
	hashes := make([][]byte, n)
	for i := range hashes {
		hashes[i] = make([]byte, sha256.Size)
		if at := i * sha256.Size; len(tile) >= at+sha256.Size {
			copy(hashes[i], tile[at:])
		}
	}
	return hashes
}
