package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// tailIDs is how many of the newest entries are remembered by id at least.
const tailIDs = 1024

// contents are what a ledger on the volume holds. Nothing was written to learn it.
type contents struct {
	place      place
	segments   uint64
	checkpoint *tlog.Checkpoint // the newest, of the newest segment
	integrated uint64           // entries in the log
	begin      uint64           // the first of them that was not pruned
	root       []byte           // of the newest segment

	known    *Known // after the log and the journal
	snapshot uint64 // the entries of the snapshot that it began with
	ids      map[string]struct{}
	// firstFrame and nextFrame bound the frames in the journal.
	firstFrame, nextFrame uint64
}

// breach is why a ledger cannot be continued. It leads to a successor.
type breach struct {
	reason OpenReason
	cause  error
}

func (b *breach) Error() string { return fmt.Sprintf("%s: %v", b.reason, b.cause) }
func (b *breach) Unwrap() error { return b.cause }

// breached makes err a breach, unless it says nothing about the ledger but that
// it could not be read just now: then no successor may be opened by guess.
func breached(err error) error {
	var errno syscall.Errno
	var known *breach
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
	case errors.As(err, &errno), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, ErrUnknownCritical):
		return fmt.Errorf("a newer version of Holdfast wrote this ledger: %w", err)
	}
	return &breach{OpenVolumeInconsistent, err}
}

// inspection reads a ledger and proves what it can.
type inspection struct {
	contents
	ctx   context.Context //nolint:containedctx // lives as long as one call
	key   ed25519.PublicKey
	codec *codec
	log   logr.Logger
}

// inspect proves that a ledger is what its own checkpoint says, and reads it.
func inspect(ctx context.Context, p place, key ed25519.PublicKey, log logr.Logger) (*contents, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	i := &inspection{contents: contents{place: p, ids: map[string]struct{}{}}, ctx: ctx, key: key, codec: c, log: log}
	for _, step := range []func() error{i.tree, i.state, i.older, i.journaled} {
		if err := step(); err != nil {
			return nil, breached(err)
		}
	}
	return &i.contents, nil
}

// tree proves the newest segment's tree a consistent extension of its signed
// checkpoint.
func (i *inspection) tree() (err error) {
	if i.segments, err = i.place.segmentCount(); err != nil {
		return err
	}
	newest := i.segments - 1
	if i.checkpoint, err = i.place.readCheckpoint(newest, i.key); err != nil {
		return err
	}
	state, err := tlog.ReadState(i.place.log(newest))
	if err != nil {
		return err
	}
	if state.Size > i.place.segmentSize {
		return fmt.Errorf("segment %d has %d entries, at most %d are allowed", newest, state.Size, i.place.segmentSize)
	}
	i.integrated, i.root = i.place.base(newest)+state.Size, state.Root
	view := i.place.view(newest, i.integrated)
	root, err := view.RootAt(i.ctx, state.Size)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, state.Root) {
		return fmt.Errorf("segment %d: the tree's state names root %x, its tiles give %x", newest, state.Root, root)
	}
	return view.ProveExtends(i.ctx, state.Root, i.checkpoint)
}

func (p place) readCheckpoint(segment uint64, key ed25519.PublicKey) (*tlog.Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(p.log(segment), tlog.CheckpointFile))
	if err != nil {
		return nil, err
	}
	cp, err := tlog.OpenCheckpoint(raw, tlog.Origin(p.id, segment), key)
	if err != nil {
		return nil, fmt.Errorf("segment %d: %w", segment, err)
	}
	return cp, nil
}

// older checks that each earlier segment was closed with a checkpoint of all
// its entries, and that its tiles still give that root, unless the entries say
// that it was pruned.
func (i *inspection) older() error {
	pruned := i.known.Evidence().PrunedSegments()
	for n := range i.segments - 1 {
		cp, err := i.place.readCheckpoint(n, i.key)
		if err != nil {
			return err
		}
		if cp.Size != i.place.segmentSize {
			return fmt.Errorf("segment %d was closed with %d entries, want %d", n, cp.Size, i.place.segmentSize)
		}
		if n < pruned {
			continue
		}
		root, err := i.place.view(n, i.integrated).RootAt(i.ctx, cp.Size)
		if err != nil {
			return err
		}
		if !bytes.Equal(root, cp.Root) {
			return fmt.Errorf("segment %d: its checkpoint names root %x, its tiles give %x", n, cp.Root, root)
		}
	}
	return nil
}

// state folds the log: the newest good snapshot, and the entries after it.
func (i *inspection) state() (err error) {
	i.known, err = i.place.newestSnapshot(i.ctx, i.codec, i.integrated, func(name string, err error) {
		i.log.Info("A state snapshot was passed over", "snapshot", name, "reason", err.Error())
	})
	if err != nil {
		return err
	}
	i.snapshot = i.known.NextSeq
	from := i.snapshot
	if i.integrated-from < tailIDs {
		from = i.integrated - min(i.integrated, tailIDs)
	}
	first, _, err := i.place.first()
	if err != nil {
		return err
	}
	i.begin = i.place.base(first)
	from = max(from, i.begin)
	return i.place.entries(i.ctx, from, i.integrated, true, i.fold)
}

// fold takes in an entry of the log or the journal.
func (i *inspection) fold(seq uint64, data []byte) error {
	e, err := Decode(data)
	if err != nil {
		return fmt.Errorf("entry %d: %w", seq, err)
	}
	if e.Seq != seq {
		return fmt.Errorf("entry %d has sequence number %d", seq, e.Seq)
	}
	if i.integrated-min(i.integrated, seq) <= tailIDs {
		i.ids[e.ID] = struct{}{}
	}
	if seq < i.known.NextSeq {
		return nil
	}
	return i.known.Apply(e)
}

// journaled reads what the journal holds: it agrees with the log as far as that
// goes, and continues it without a hole.
func (i *inspection) journaled() error {
	leaves := leafReader{place: i.place, total: i.integrated}
	result, err := journal.Scan(i.place.journal(), i.place.id, func(_ string, f *journal.Frame) error {
		if i.firstFrame == 0 {
			i.firstFrame = f.Number
		}
		for _, r := range f.Records {
			if err := i.record(&leaves, r); err != nil {
				return err
			}
		}
		return nil
	})
	i.nextFrame = max(1, result.Next)
	if i.firstFrame == 0 {
		i.firstFrame = i.nextFrame
	}
	if t := result.Torn; t != nil {
		i.log.Info("The end of the journal was passed over: an interrupted write", "file", t.File, "bytes", t.Bytes, "reason", t.Err.Error())
	}
	return err
}

func (i *inspection) record(leaves *leafReader, r journal.Record) error {
	switch {
	case r.IsObject():
		return nil // checked when it is put in its place
	case r.Seq == i.known.NextSeq && r.Seq >= i.integrated:
		return i.fold(r.Seq, r.Data)
	case r.Seq >= i.known.NextSeq:
		return fmt.Errorf("%w: it has entry %d where %d must be", journal.ErrDamaged, r.Seq, i.known.NextSeq)
	case r.Seq >= i.integrated:
		return fmt.Errorf("%w: it has entry %d twice", journal.ErrDamaged, r.Seq)
	case r.Seq < i.begin:
		return nil // its segment was pruned
	}
	leaf, err := leaves.leaf(r.Seq)
	if err != nil {
		return err
	}
	if !bytes.Equal(leaf, r.Data) {
		return fmt.Errorf("%w: its entry %d is not the log's", journal.ErrDamaged, r.Seq)
	}
	return nil
}

// extends proves the ledger an extension of the head mark's checkpoint.
func (c *contents) extends(ctx context.Context, head *Head, key ed25519.PublicKey) error {
	origin, err := tlog.ParseOriginOf([]byte(head.Checkpoint))
	if err != nil {
		return &breach{OpenVolumeInconsistent, fmt.Errorf("head mark: %w", err)}
	}
	id, segment, err := tlog.ParseOrigin(origin)
	if err != nil || id != c.place.id {
		return &breach{OpenVolumeInconsistent, fmt.Errorf("head mark: its checkpoint is of %q", origin)}
	}
	cp, err := tlog.OpenCheckpoint([]byte(head.Checkpoint), origin, key)
	if err != nil {
		return &breach{OpenVolumeInconsistent, fmt.Errorf("head mark: %w", err)}
	}
	if segment >= c.segments {
		return &breach{OpenVolumeRegressed, fmt.Errorf("the head mark is of segment %d, the newest is %d", segment, c.segments-1)}
	}
	view, root := c.place.view(segment, c.integrated), c.root
	if segment < c.segments-1 {
		if root, err = view.RootAt(ctx, view.Size); err != nil {
			return breached(err)
		}
	}
	err = view.ProveExtends(ctx, root, cp)
	if errors.Is(err, tlog.ErrSmaller) {
		return &breach{OpenVolumeRegressed, err}
	}
	return breached(err)
}

// proof is the newest of the times that prove observation: of the alive file,
// of the entries, and, where there is neither, of the head mark.
func lastProof(dir string, k *Known, head *Head) time.Time {
	var proof time.Time
	if k != nil {
		proof = k.LastObserved.Time
	}
	if a, err := ReadAlive(dir); err == nil && a.Time.After(proof) {
		proof = a.Time.Time
	}
	if proof.IsZero() && head != nil {
		proof = head.Time.Time
	}
	return proof
}
