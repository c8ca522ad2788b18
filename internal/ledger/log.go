package ledger

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Errors of Open, and of a log that failed. Test for them with errors.Is.
var (
	// ErrInUse: another process, or another handle, holds the ledger.
	ErrInUse = volume.ErrInUse
	// ErrReadOnly: the volume cannot be written.
	ErrReadOnly = volume.ErrReadOnly
	// ErrFull: the volume has no room left.
	ErrFull = volume.ErrFull
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("the ledger is closed")
)

// Options are what a Log needs. Zero values stand for the defaults.
type Options struct {
	// Dir is the ledger's volume.
	Dir string
	// Key signs the checkpoints.
	Key ed25519.PrivateKey
	// Head keeps the head mark, outside the volume.
	Head HeadStore
	// Record returns what the newest EvidenceRecord keeps of the ledger: as the
	// head mark does, it shows a volume that was lost or set back. It returns nil
	// where there is none. May be nil.
	Record func(context.Context) (*Head, error)
	// Holder is stated in the head mark: the pod's UID.
	Holder string
	// Cluster is the cluster that the ledger belongs to.
	Cluster ClusterBody
	// SegmentSize is the number of entries of a segment of a new ledger
	// (default 2,000,000). An existing ledger keeps its own.
	SegmentSize uint64
	// SnapshotEvery is the number of entries between two state snapshots
	// (default 10,000).
	SnapshotEvery uint64
	// CheckpointInterval is the time between two checkpoints while the ledger
	// grows (default 1 s, at least 100 ms).
	CheckpointInterval time.Duration
	// BatchAge is how long durable entries wait to be added to the log together
	// (default 25 ms): an episode and its repair are then one batch, and a batch
	// is what costs.
	BatchAge time.Duration
	// MinFree is the free space below which the volume counts as full, in
	// bytes (default 16 MiB).
	MinFree uint64
	// Check says why the volume cannot be written; default volume.Check.
	Check func(dir string, minFree uint64) error
	// OnIntegrated is told, by the committer, how long it took from Append
	// until a batch was in the log. May be nil.
	OnIntegrated func(time.Duration)
	// NewID makes the id of a ledger that is begun (default: a random one). Ids
	// must never come twice.
	NewID func() (string, error)
	// Now is the clock (default time.Now).
	Now func() time.Time
	Log logr.Logger
}

func (o *Options) complete() error {
	if o.Dir == "" || o.Key == nil || o.Head == nil {
		return errors.New("the ledger needs a directory, a key and a head mark")
	}
	setDefault(&o.SegmentSize, 2_000_000)
	setDefault(&o.SnapshotEvery, 10_000)
	setDefault(&o.CheckpointInterval, time.Second)
	setDefault(&o.BatchAge, 25*time.Millisecond)
	setDefault(&o.MinFree, 16<<20)
	if o.Check == nil {
		o.Check = volume.Check
	}
	if o.NewID == nil {
		o.NewID = newLedgerID
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Log is an open ledger: a journal that makes entries durable, and a committer
// that carries them into the Merkle log behind it.
type Log struct {
	opts      Options
	place     place
	lock      *os.File
	journal   *journal.Writer
	committer *committer

	mu     sync.Mutex
	next   uint64         // the Seq that the next entry must have
	front  *compact.Range // all entries of the newest segment, integrated or not
	sent   []sent
	err    error
	failed chan error
	closed bool

	snapshotAt uint64 // the entry at which the next snapshot is due
	encoding   bool   // whether a snapshot is being encoded

	objects keptObjects
}

// sent is when an entry was handed over; for OnIntegrated.
type sent struct {
	seq uint64
	at  time.Time
}

const maxSent = 4096

// Status says how the log is doing.
type Status struct {
	LedgerID string
	// Next is the Seq of the next entry; Integrated the number of entries in
	// the Merkle log; Published that of entries covered by a checkpoint.
	Next, Integrated, Published uint64
	// Checkpoint is the newest checkpoint, of the newest segment.
	Checkpoint *tlog.Checkpoint
	// Segment is the number of the newest segment.
	Segment uint64
	// Volume is the size of the file system that the ledger is on.
	Volume volume.Space
	// Err says why the log failed.
	Err error
}

// Append queues entries, in order, and returns at once. done is called, in the
// order of the calls and by another goroutine, once the entries and the objects
// they name are durable, or with an error.
func (l *Log) Append(batch []Sealed, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	records, err := l.admit(batch)
	if err != nil {
		l.failLocked(err)
		go done(err)
		return
	}
	if len(l.sent) < maxSent && l.opts.OnIntegrated != nil {
		l.sent = append(l.sent, sent{l.next, l.opts.Now()})
	}
	l.journal.Append(records, func(err error) {
		if err = volume.Explain(l.opts.Dir, err); err != nil {
			l.fail(err)
		}
		done(err)
	})
}

// admit checks that the entries follow, and makes them records.
func (l *Log) admit(batch []Sealed) ([]journal.Record, error) {
	if l.err != nil {
		return nil, l.err
	}
	if l.closed {
		return nil, ErrClosed
	}
	records := make([]journal.Record, 0, len(batch))
	for i := range batch {
		e := &batch[i]
		if e.Seq != l.next {
			return nil, fmt.Errorf("append: entry %d, want %d", e.Seq, l.next)
		}
		if len(e.Data) == 0 || len(e.Data) > MaxEntrySize {
			return nil, fmt.Errorf("append: entry %d has %d bytes", e.Seq, len(e.Data))
		}
		for _, o := range e.Objects {
			r, err := objectRecord(o)
			if err != nil {
				return nil, fmt.Errorf("append: entry %d: %w", e.Seq, err)
			}
			records = append(records, r)
		}
		if l.place.boundary(e.Seq) {
			l.front = emptyRange()
		}
		if err := l.front.Append(rfc6962.DefaultHasher.HashLeaf(e.Data), nil); err != nil {
			return nil, err
		}
		l.next++
		records = append(records, journal.Record{
			Type: journal.TypeEntry, Seq: e.Seq, ObservedAt: e.ObservedAt.UnixMicro(), Data: e.Data,
		})
	}
	return records, nil
}

func emptyRange() *compact.Range {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	return f.NewEmptyRange(0)
}

func objectRecord(o Object) (journal.Record, error) {
	r := journal.Record{Type: journal.TypeObject, Data: o.Data}
	if o.Erasable {
		r.Type = journal.TypeActor
	}
	if n, err := hex.Decode(r.Digest[:], []byte(o.Digest)); err != nil || n != len(r.Digest) {
		return r, fmt.Errorf("object digest %q is not a SHA-256 in hex", o.Digest)
	}
	return r, nil
}

// RollDue reports whether entry next must be a LedgerOpened entry with the
// reason Rolled, because it begins a segment. It returns what that entry has
// to name as its predecessor, and the new segment's number. All entries before
// next were handed to Append.
func (l *Log) RollDue(next uint64) (pred *PredecessorBody, segment uint64, due bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.place.boundary(next) {
		return nil, 0, false, nil
	}
	if next != l.next {
		return nil, 0, true, fmt.Errorf("entry %d begins a segment, and entry %d was not appended yet", next, l.next)
	}
	segment, _ = l.place.of(next)
	root, err := tlog.Root(l.front)
	if err != nil {
		return nil, 0, true, err
	}
	// Nobody has to wait for the log: what it will sign is known already.
	cp, err := tlog.Sign(tlog.Origin(l.place.id, segment-1), l.opts.Key, l.front.End(), root)
	if err != nil {
		return nil, 0, true, err
	}
	return &PredecessorBody{LedgerID: l.place.id, Checkpoint: string(cp.Note)}, segment, true, nil
}

// SnapshotDue reports whether a state snapshot is due at entry next. It says so
// once: whoever asks then calls WriteSnapshot. While one is encoded, or waits for
// the log, none is due: they would pile up where entries come faster than the log
// takes them.
func (l *Log) SnapshotDue(next uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next < l.snapshotAt || l.encoding || l.committer.snapshotWaits() {
		return false
	}
	l.snapshotAt = next + l.opts.SnapshotEvery
	l.encoding = true
	return true
}

// Failed receives one error when the log cannot go on. It is then to be closed
// and opened again.
func (l *Log) Failed() <-chan error { return l.failed }

// Status says how the log is doing.
func (l *Log) Status() Status {
	s := l.committer.status()
	s.LedgerID = l.place.id
	l.mu.Lock()
	s.Next, s.Err = l.next, l.err
	l.mu.Unlock()
	if space, err := volume.SpaceOf(l.opts.Dir); err == nil {
		s.Volume = space
	}
	return s
}

func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *Log) failLocked(err error) {
	if l.err != nil || l.closed {
		return
	}
	l.err = err
	l.failed <- err
}

// integrated is called by the committer when the log has grown.
func (l *Log) integrated(size uint64) {
	if l.opts.OnIntegrated == nil {
		return
	}
	l.mu.Lock()
	var done []sent
	for len(l.sent) > 0 && l.sent[0].seq <= size {
		done = append(done, l.sent[0])
		l.sent = l.sent[1:]
	}
	l.mu.Unlock()
	for _, s := range done {
		l.opts.OnIntegrated(l.opts.Now().Sub(s.at))
	}
}

// SaveHead writes the newest checkpoint to the head mark, and that observation
// goes on until now.
func (l *Log) SaveHead(ctx context.Context) error { return l.saveHead(ctx, l.opts.Now()) }

func (l *Log) saveHead(ctx context.Context, proof time.Time) error {
	cp := l.committer.status().Checkpoint
	public, _ := l.opts.Key.Public().(ed25519.PublicKey)
	vkey, err := tlog.VerifierKey(tlog.Origin(l.place.id, 0), public)
	if err != nil {
		return err
	}
	err = l.opts.Head.Save(ctx, Head{
		LedgerID: l.place.id, Checkpoint: string(cp.Note), VerifierKey: vkey,
		Holder: l.opts.Holder, Time: At(proof),
	})
	if err != nil {
		return fmt.Errorf("save the head mark: %w", err)
	}
	return nil
}

// Close makes what was appended durable, waits until it is in the log and
// covered by a checkpoint, writes the head mark and releases the volume. If ctx
// ends before, or the log failed, the journal keeps what is not in the log yet.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	healthy := l.err == nil
	l.mu.Unlock()

	err := l.journal.Close()
	done := make(chan error, 1)
	go func() { done <- errors.Join(l.committer.close(ctx, healthy && err == nil), l.lock.Close()) }()
	select {
	case commitErr := <-done:
		err = errors.Join(err, commitErr)
	case <-ctx.Done():
		// The volume does not answer. It stays locked until it does.
		return errors.Join(err, fmt.Errorf("close the ledger: %w", ctx.Err()))
	}
	killpoint.Hit(killpoint.StopReleased)
	if healthy && err == nil {
		return l.SaveHead(ctx)
	}
	return err
}
