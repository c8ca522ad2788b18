package ledger

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"runtime"

	"github.com/transparency-dev/merkle/compact"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// checkLeaves streams a segment's entries, and returns the roots at the wanted
// sizes.
func (l *ledgerCheck) checkLeaves(size uint64, newest bool, roots map[uint64][]byte) (map[uint64][]byte, error) {
	dir := l.place.log(l.segment)
	view := tlog.View{Dir: dir, Size: size}
	base := l.place.base(l.segment)
	s := &segmentCheck{
		ledgerCheck: l, view: view, base: base, newest: newest, roots: roots, leaves: emptyRange(),
		tiles: &tileCheck{v: l.verifier, dir: dir, base: base, size: size},
	}
	if err := s.mark(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	for read := range s.bundles(ctx) {
		if err := errors.Join(s.bundle(<-read), ctx.Err()); err != nil {
			return nil, err
		}
	}
	s.accuse()
	for _, r := range l.pending {
		if n, leaf := l.place.of(r.Seq); n == l.segment && leaf == s.tiles.leaves {
			s.tiles.entry(r.Data)
			l.entryNames(r.Data, r.Seq)
		}
	}
	s.tiles.close()
	s.checkIndex()
	return roots, nil
}

// segmentCheck streams the entries of one segment.
type segmentCheck struct {
	*ledgerCheck
	view   tlog.View
	base   uint64
	newest bool
	roots  map[uint64][]byte
	leaves *compact.Range
	tiles  *tileCheck
	index  []byte
	// suspects are the entries that the lowest tiles do not know.
	suspects []Problem
}

// mark keeps the root where it is wanted.
func (s *segmentCheck) mark() error {
	if _, want := s.roots[s.leaves.End()]; !want {
		return nil
	}
	root, err := tlog.Root(s.leaves)
	s.roots[s.leaves.End()] = root
	return err
}

// bundleRead is a bundle, and what can be told of its entries one by one.
type bundleRead struct {
	index   uint64
	file    string
	hashes  [][]byte // as its lowest tile has them
	entries []entryRead
	err     error
	// good is, where err is set, how many entries of its beginning are right.
	good uint64
}

type entryRead struct {
	data, hash []byte
	entry      *Entry
	err        error
	at         int64 // observedAt
	atErr      error
}

// bundles reads the segment's bundles, some of them ahead: most of the time
// goes into decoding their entries.
func (s *segmentCheck) bundles(ctx context.Context) <-chan chan *bundleRead {
	reads := make(chan chan *bundleRead, runtime.GOMAXPROCS(0))
	go func() {
		defer close(reads)
		for index := uint64(0); index*tlog.MaxBatch < s.view.Size; index++ {
			read := make(chan *bundleRead, 1)
			select {
			case reads <- read:
			case <-ctx.Done():
				return
			}
			go func() { read <- s.readBundle(index) }()
		}
	}()
	return reads
}

func (s *segmentCheck) readBundle(index uint64) *bundleRead {
	b := &bundleRead{index: index, file: s.rel(filepath.Join(s.view.Dir, tlog.BundlePath(index, s.view.Size)))}
	b.hashes = tileHashes(s.view, index, int(min(tlog.MaxBatch, s.view.Size-index*tlog.MaxBatch)))
	leaves, err := s.view.Bundle(index)
	if err != nil {
		b.err, b.good = err, goodEntries(s.view.Readable(index), b.hashes)
		return b
	}
	b.entries = make([]entryRead, len(leaves))
	for i, data := range leaves {
		r := &b.entries[i]
		r.data, r.hash = data, leafHash(data)
		if r.entry, r.err = Decode(data); r.err == nil {
			r.at = r.entry.ObservedAt.UnixMicro()
		} else {
			r.at, r.atErr = observedAt(data)
		}
	}
	return b
}

// goodEntries is how many entries, from the first one, have the hashes that the
// lowest tile has.
func goodEntries(entries, hashes [][]byte) uint64 {
	good := 0
	for good < min(len(entries), len(hashes)-1) && bytes.Equal(leafHash(entries[good]), hashes[good]) {
		good++
	}
	return uint64(good)
}

// bundle checks a bundle that was read.
func (s *segmentCheck) bundle(b *bundleRead) error {
	first := s.base + b.index*tlog.MaxBatch
	if b.err != nil {
		s.problemAt(b.file, first+b.good, "%v", b.err)
		s.known = nil
		for _, h := range b.hashes {
			s.tiles.hash(h)
			if err := errors.Join(s.leaves.Append(h, nil), s.mark()); err != nil {
				return err
			}
		}
		return nil
	}
	var times span
	for i := range b.entries {
		r, seq := &b.entries[i], first+uint64(i)
		if !bytes.Equal(r.hash, b.hashes[i]) {
			s.suspects = append(s.suspects, Problem{File: b.file, Entry: &seq, What: "it is not the entry that was written"})
		}
		s.tiles.entry(r.data)
		if err := errors.Join(s.leaves.Append(r.hash, nil), s.mark()); err != nil {
			return err
		}
		if r.atErr != nil {
			s.problemAt(b.file, seq, "%v", r.atErr)
		}
		times.add(r.at, i == 0)
		if err := s.entry(b.file, seq, r); err != nil {
			return err
		}
	}
	if s.progress != nil {
		s.progress(first+uint64(len(b.entries)), s.base+s.view.Size)
	}
	if len(b.entries) == tlog.MaxBatch {
		s.index = times.append(s.index)
	}
	return nil
}

// accuse names the entries that the lowest tiles do not know, unless the
// entries are right and the tiles are wrong: the checkpoint's root tells.
func (s *segmentCheck) accuse() {
	state, err := s.place.state(s.segment)
	if err == nil && bytes.Equal(state.Root, s.roots[state.Size]) {
		return
	}
	for _, p := range s.suspects {
		s.add(p)
	}
}

// checkIndex compares a segment's index with what the entries imply.
func (s *segmentCheck) checkIndex() {
	rel, data, err := s.read(s.place.index(s.segment))
	switch {
	case err != nil:
		s.problem(rel, "cannot be read: %v", err)
	case bytes.Equal(data, s.index):
	case s.newest && bytes.HasPrefix(data, s.index) && s.grownBy(len(data)-len(s.index)):
		s.note("%s grew meanwhile.", rel)
	case s.newest && bytes.HasPrefix(s.index, data):
		s.note("%s lacks the newest bundles; opening the ledger completes it.", rel)
	default:
		at := 0
		for at < len(data) && at < len(s.index) && data[at] == s.index[at] {
			at++
		}
		s.problemAt(rel, s.base+uint64(at/indexRecord)*tlog.MaxBatch, "it is not what the entries imply")
	}
}

// grownBy reports whether the log has grown since, by at least so many bytes of
// its index.
func (s *segmentCheck) grownBy(by int) bool {
	state, err := tlog.ReadState(s.view.Dir)
	return err == nil && (state.Size/tlog.MaxBatch-s.view.Size/tlog.MaxBatch)*indexRecord >= uint64(by)
}
