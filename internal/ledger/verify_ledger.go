package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// ledgerCheck verifies one ledger.
type ledgerCheck struct {
	*verifier
	ctx   context.Context //nolint:containedctx // lives as long as one call
	place place
	info  LedgerInfo
	key   ed25519.PublicKey
	sum   *VerifiedLedger

	pending   []journal.Record          // the journal's entries; then those that are not in the log
	journaled map[uint64]journaledEntry // the same, by sequence number
	objects   map[objectRef]bool        // in the journal
	snapshots map[uint64]*snapshotCheck

	first          uint64                      // the first segment that was not pruned
	begin          uint64                      // its first entry
	size           uint64                      // entries in the log
	prunedSegments map[uint64]*tlog.Checkpoint // the last checkpoints of those that were
	declaredPruned uint64                      // how many segments entries declare as pruned
	inherited      map[objectRef]struct{}      // objects that only entries which were pruned may name

	trails     map[string]*trail // by schedule
	missed     []*Entry
	gaps       [][2]Time
	erased     map[objectRef]uint64 // by which entry
	distrusted map[string]distrusted
	unnamed    int    // objects that no entry names
	leftActors uint64 // objects that say who acted and are left out of an export

	known   *Known // nil once an entry could not be folded
	named   map[objectRef]*naming
	ids     map[[16]byte]struct{}
	segment uint64
	last    *tlog.Checkpoint // of the segment before
}

type journaledEntry struct {
	file string
	data []byte
}

// ledger verifies one ledger of the chain.
func (v *verifier) ledger(ctx context.Context, info LedgerInfo) error {
	v.declared = v.endedAsInconsistent(info.LedgerID)
	v.report.Ledgers = append(v.report.Ledgers, VerifiedLedger{LedgerInfo: info, UnknownKinds: map[Kind]int{}})
	file := path.Join(ledgersDir, info.LedgerID, ledgerFile)
	v.claim(file)
	if info.Err != nil {
		v.problem(file, "%v; nothing else of this ledger was verified", info.Err)
		for rel := range v.files {
			if strings.HasPrefix(rel, path.Join(ledgersDir, info.LedgerID)+"/") {
				v.claim(rel)
			}
		}
		return nil
	}
	l := &ledgerCheck{
		verifier: v, ctx: ctx, place: placeOf(v.dir, info.LedgerID, info.id.SegmentSize), info: info,
		sum:       &v.report.Ledgers[len(v.report.Ledgers)-1],
		journaled: map[uint64]journaledEntry{}, objects: map[objectRef]bool{}, snapshots: map[uint64]*snapshotCheck{},
		known: NewKnown(), named: map[objectRef]*naming{}, ids: map[[16]byte]struct{}{},
		prunedSegments: map[uint64]*tlog.Checkpoint{}, trails: map[string]*trail{}, erased: map[objectRef]uint64{},
	}
	l.checkKey()
	for _, step := range []func() error{
		l.readJournal, l.readSnapshots, l.readPruned, l.checkSegments, l.checkPruned, l.checkJournal, l.checkSlots, l.checkObjects,
	} {
		if err := errors.Join(step(), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// endedAsInconsistent reports whether another ledger declares that this one
// could not go on because of what is on the volume.
func (v *verifier) endedAsInconsistent(id string) bool {
	for _, info := range v.ledgers {
		if info.id == nil || info.Reason != OpenVolumeInconsistent {
			continue
		}
		if (info.Predecessor != nil && info.Predecessor.LedgerID == id) || slices.Contains(info.id.Supersedes, id) {
			return true
		}
	}
	return false
}

// checkKey decides which key the ledger's checkpoints are verified with.
func (l *ledgerCheck) checkKey() {
	file := l.rel(l.place.file())
	named, err := tlog.PublicKey(l.info.VerifierKey)
	if err != nil {
		l.problem(file, "%v", err)
		return
	}
	l.key = named
	given := slices.ContainsFunc(l.keys, func(k ed25519.PublicKey) bool { return k.Equal(named) })
	switch {
	case len(l.keys) == 0 || given:
	case l.info.Current:
		l.problem(file, "the ledger is signed with a key that was not given")
	default:
		l.missing(fmt.Sprintf("The verifier key of ledger %s was not given.", l.info.LedgerID))
	}
}

// readJournal reads the journal before the log: what it holds beyond the log
// explains files that an interrupted write left.
func (l *ledgerCheck) readJournal() error {
	dir := l.place.journal()
	names, err := journal.Files(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		l.claim(l.rel(filepath.Join(dir, name)))
	}
	result, err := journal.Scan(dir, l.place.id, func(file string, f *journal.Frame) error {
		for _, r := range f.Records {
			l.journalRecord(l.rel(filepath.Join(dir, file)), r)
		}
		return nil
	})
	switch {
	case errors.Is(err, journal.ErrDamaged):
		l.problem(l.rel(dir)+"/"+journalFileOf(err, names), "%v", err)
	case errors.Is(err, os.ErrNotExist):
		l.note("The journal of ledger %s changed meanwhile.", l.place.id)
	case err != nil:
		return err
	}
	if t := result.Torn; t != nil {
		file := l.rel(filepath.Join(dir, t.File))
		if t.Whole {
			l.problem(file, "the last frame is not what was written: %v", t.Err)
		} else {
			l.note("%s ends with %d bytes that are no whole frame: an interrupted write, or damage.", file, t.Bytes)
		}
	}
	return nil
}

// journalFileOf is the journal file that an error names.
func journalFileOf(err error, names []string) string {
	for _, name := range names {
		if strings.Contains(err.Error(), name) {
			return name
		}
	}
	return names[0]
}

func (l *ledgerCheck) journalRecord(file string, r journal.Record) {
	if r.IsObject() {
		if sha256.Sum256(r.Data) != r.Digest {
			l.problem(file, "object %x is not what its digest says", r.Digest)
		}
		l.objects[refOf(&r)] = true
		return
	}
	l.pending = append(l.pending, r)
	l.journaled[r.Seq] = journaledEntry{file, r.Data}
}

func (l *ledgerCheck) checkSegments() error {
	count, err := l.place.segmentCount()
	if err != nil {
		l.problem(l.rel(filepath.Join(l.place.dir, segmentsDir)), "%v", err)
		return nil
	}
	l.sum.Segments = count
	for n := l.first; n < count; n++ {
		l.segment = n
		if err := l.checkSegment(n == count-1); err != nil {
			return err
		}
	}
	l.pending = slices.DeleteFunc(l.pending, func(r journal.Record) bool { return r.Seq < l.sum.Entries })
	l.sum.Pending = uint64(len(l.pending))
	return nil
}

// checkSegment verifies the log of one segment.
func (l *ledgerCheck) checkSegment(newest bool) error {
	dir := l.place.log(l.segment)
	l.checkStateFiles(dir)
	rel, raw, err := l.read(filepath.Join(dir, tlog.CheckpointFile))
	var cp *tlog.Checkpoint
	if err == nil && l.key != nil {
		cp, err = tlog.OpenCheckpoint(raw, tlog.Origin(l.place.id, l.segment), l.key)
	}
	if err != nil {
		l.problem(rel, "%v", err)
	}
	stateRel := l.rel(filepath.Join(dir, tlog.StateFile))
	l.claim(stateRel)
	state, err := tlog.ReadState(dir)
	if l.copied && cp != nil && errors.Is(err, fs.ErrNotExist) {
		state, err = tlog.State{Size: cp.Size, Root: cp.Root}, nil
	}
	if err != nil {
		l.problem(stateRel, "%v", err)
		if cp == nil {
			return nil // there is no size to go by
		}
		state = tlog.State{Size: cp.Size, Root: cp.Root}
	}
	if state.Size > l.place.segmentSize || (!newest && state.Size != l.place.segmentSize) {
		l.problem(stateRel, "the segment has %d entries, segments have %d", state.Size, l.place.segmentSize)
		state.Size = min(state.Size, l.place.segmentSize)
	}
	l.size = l.place.base(l.segment) + state.Size
	roots, err := l.checkLeaves(state.Size, newest, l.sizes(cp, state.Size))
	if err != nil {
		return err
	}
	l.compareRoots(rel, stateRel, cp, state, roots)
	return nil
}

// checkStateFiles checks Tessera's own files that have one content only.
func (l *ledgerCheck) checkStateFiles(dir string) {
	if version := filepath.Join(dir, tlog.VersionFile); !l.copied || volume.Exists(version) {
		l.same(version, []byte("1"))
	}
	for _, name := range tlog.LockFiles() {
		if full := filepath.Join(dir, name); volume.Exists(full) {
			l.same(full, nil)
		}
	}
}

// sizes are the sizes at which the root is needed.
func (l *ledgerCheck) sizes(cp *tlog.Checkpoint, size uint64) map[uint64][]byte {
	want := map[uint64][]byte{size: nil}
	if cp != nil {
		want[cp.Size] = nil
	}
	for _, h := range l.held {
		if h.ledgerID == l.place.id && h.segment == l.segment {
			want[h.Size] = nil
		}
	}
	for seq := range l.snapshots {
		if n, leaves := l.place.treeOf(seq); n == l.segment {
			want[leaves] = nil
		}
	}
	return want
}

func (l *ledgerCheck) compareRoots(rel, stateRel string, cp *tlog.Checkpoint, state tlog.State, roots map[uint64][]byte) {
	base := l.place.base(l.segment)
	if !bytes.Equal(roots[state.Size], state.Root) {
		l.problem(stateRel, "it names root %x, the entries give %x", state.Root, roots[state.Size])
	}
	l.sum.Entries = base + state.Size
	switch {
	case cp == nil:
	case cp.Size > state.Size:
		l.problemAt(rel, base+state.Size, "the checkpoint covers %d entries of the segment, the log has %d", cp.Size, state.Size)
	case !bytes.Equal(roots[cp.Size], cp.Root):
		l.problem(rel, "the checkpoint of %d entries names root %x, the entries give %x", cp.Size, cp.Root, roots[cp.Size])
	default:
		l.sum.Published = base + cp.Size
	}
	l.last = cp
	for _, h := range l.held {
		if h.ledgerID == l.place.id && h.segment == l.segment {
			h.root = roots[h.Size]
			if h.of == "" && bytes.Equal(h.root, h.Root) {
				l.sum.Held = max(l.sum.Held, base+h.Size)
			}
		}
	}
	for seq, s := range l.snapshots {
		if n, leaves := l.place.treeOf(seq); n == l.segment && roots[leaves] != nil && !bytes.Equal(roots[leaves], s.header.Root) {
			l.problem(s.file, "it names root %x, the entries give %x", s.header.Root, roots[leaves])
		}
	}
}

// entry checks one entry of the log, and folds it.
func (l *ledgerCheck) entry(file string, seq uint64, r *entryRead) error {
	if j, ok := l.journaled[seq]; ok && !bytes.Equal(j.data, r.data) {
		l.problemAt(j.file, seq, "the journal's entry is not the log's")
	}
	e, err := r.entry, r.err
	switch {
	case errors.Is(err, ErrUnknownCritical):
		l.missing(fmt.Sprintf("Entry %d: %v: a newer version of Holdfast can verify it.", seq, err))
		l.known = nil
		return nil
	case err != nil:
		l.problemAt(file, seq, "%v", err)
		l.known = nil
		return nil
	case e.Seq != seq:
		l.problemAt(file, seq, "its sequence number is %d", e.Seq)
	}
	if _, known := kinds[e.Kind]; !known {
		l.sum.UnknownKinds[e.Kind]++
	}
	id := shortID(e.ID)
	if _, twice := l.ids[id]; twice {
		l.problemAt(file, seq, "its id %s is that of an earlier entry", e.ID)
	}
	l.ids[id] = struct{}{}
	if seq%l.place.segmentSize == 0 {
		l.checkFirst(file, e)
	}
	l.names(e)
	err = l.evidence(file, e)
	l.foldEntry(file, e)
	return err
}

// shortID is enough of an id to tell it from all others, and small.
func shortID(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func (l *ledgerCheck) foldEntry(file string, e *Entry) {
	if l.known == nil {
		return
	}
	if err := l.known.Apply(e); err != nil {
		l.problemAt(file, e.Seq, "%v", err)
		l.known = nil
		return
	}
	if s, ok := l.snapshots[l.known.NextSeq]; ok {
		s.folded = true
		if !isFold(s.packed, l.known) {
			l.problem(s.file, "its content is not the fold of the first %d entries", l.known.NextSeq)
		}
	}
}

// checkFirst checks the first entry of a segment against the ledger's first
// file, or the segment before.
func (l *ledgerCheck) checkFirst(file string, e *Entry) {
	if e.Kind != KindLedgerOpened || e.Ledger == nil {
		l.problemAt(file, e.Seq, "a segment begins with %s, want LedgerOpened", e.Kind)
		return
	}
	b := e.Ledger
	if l.segment == 0 {
		if b.LedgerID != l.place.id || b.Reason != l.info.Reason || b.VerifierKey != l.info.VerifierKey ||
			b.Cluster.KubeSystemUID != l.info.Cluster.KubeSystemUID || !reflect.DeepEqual(b.Predecessor, l.info.Predecessor) {
			l.problemAt(l.rel(l.place.file()), e.Seq, "the ledger's first file and its first entry differ")
		}
		return
	}
	last := l.last
	if l.segment == l.first {
		last = l.prunedSegments[l.segment-1]
	}
	if b.Reason != OpenRolled || b.Segment != l.segment || b.Predecessor == nil || last == nil ||
		b.Predecessor.Checkpoint != string(last.Note) {
		l.problemAt(file, e.Seq, "it does not name the last checkpoint of segment %d", l.segment-1)
	}
}

// checkJournal checks that the journal continues the log.
func (l *ledgerCheck) checkJournal() error {
	next := l.sum.Entries
	for _, r := range l.pending {
		if r.Seq != next {
			l.problemAt(l.rel(l.place.journal()), next, "the journal goes on with entry %d", r.Seq)
			return nil
		}
		if _, err := Decode(r.Data); err != nil {
			l.problemAt(l.rel(l.place.journal()), r.Seq, "%v", err)
		}
		next++
	}
	return nil
}
