package ledger

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// readPruned finds the segments that were pruned, and what was known when the
// last of them ended: the fold goes on from there.
func (l *ledgerCheck) readPruned() error {
	var last *PrunedBody
	for ; ; l.first++ {
		mark, err := l.place.readMark(l.first)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		rel := l.rel(l.place.pruned(l.first))
		l.claim(rel)
		if err != nil {
			l.problem(rel, "%v", err)
			break
		}
		last = mark
		l.prunedSegment(l.first)
	}
	l.begin = l.place.base(l.first)
	l.sum.First = l.begin
	if last == nil {
		return nil
	}
	var err error
	if l.known, err = l.place.knownAt(l.codec, last); err != nil {
		l.problemAt(l.rel(l.place.pruned(last.Segment)), l.begin, "the entries from here on cannot be folded: %v", err)
		return nil
	}
	m := &marker{place: l.place, codec: l.codec, keep: map[objectRef]struct{}{}}
	l.known.eachObject(func(digest string) { m.add(objectsDir, digest) })
	l.inherited = m.keep
	return nil
}

// prunedSegment checks the checkpoint that is left of a segment.
func (l *ledgerCheck) prunedSegment(n uint64) {
	rel, raw, err := l.read(filepath.Join(l.place.log(n), tlog.CheckpointFile))
	var cp *tlog.Checkpoint
	if err == nil && l.key != nil {
		cp, err = tlog.OpenCheckpoint(raw, tlog.Origin(l.place.id, n), l.key)
	}
	switch {
	case err != nil:
		l.problem(rel, "%v", err)
		return
	case cp == nil:
		return
	case cp.Size != l.place.segmentSize:
		l.problem(rel, "the segment was closed with %d entries, segments have %d", cp.Size, l.place.segmentSize)
	}
	l.prunedSegments[n] = cp
	for _, h := range l.held {
		if h.ledgerID != l.place.id || h.segment != n {
			continue
		}
		h.pruned = h.Size != cp.Size
		if !h.pruned {
			h.root = cp.Root
			l.sum.Held = max(l.sum.Held, l.place.base(n)+h.Size)
		}
	}
}

// checkPruned tells segments that entries say were removed from those that are
// just gone.
func (l *ledgerCheck) checkPruned() error {
	if l.first > l.declaredPruned {
		l.problemAt(l.rel(l.place.pruned(l.first-1)), l.place.base(l.declaredPruned),
			"the entries up to %d are gone, and no entry says that they were pruned", l.begin-1)
	}
	for n := range max(l.first, l.declaredPruned) {
		prefix := l.rel(l.place.segment(n)) + "/"
		rest := 0
		for rel, compared := range l.files {
			if strings.HasPrefix(rel, prefix) && !compared {
				l.claim(rel)
				rest++
			}
		}
		if rest > 0 {
			l.note("%d files of segment %d are left of an interrupted pruning.", rest, n)
		}
	}
	return nil
}
