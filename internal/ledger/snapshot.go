package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// A state snapshot is a file of the fold of the first Seq entries: a checked
// header, then the canonical form of Known, packed as objects are.

const (
	snapshotSchema = "holdfast.dev/snapshot/v1"
	snapshotSuffix = ".snapshot"
	keepSnapshots  = 3
)

type snapshotHeader struct {
	Schema   string `json:"schema"`
	LedgerID string `json:"ledgerID"`
	// Seq is the number of entries that were folded.
	Seq uint64 `json:"seq"`
	// Root is the root of the newest of their segments, at that point.
	Root []byte `json:"root"`
	// Digest is the SHA-256 of what follows the header.
	Digest string `json:"digest"`
}

// snapshot is the fold of the first seq entries, packed.
type snapshot struct {
	seq    uint64
	packed []byte
}

func snapshotName(seq uint64) string { return fmt.Sprintf("%016d%s", seq, snapshotSuffix) }

// WriteSnapshot hands over what is known after all entries before k.NextSeq.
// It encodes k at once; the file is written once the log has these entries.
func (l *Log) WriteSnapshot(k *Known) error { return l.writeSnapshot(k.collect()) }

// writeSnapshot is WriteSnapshot for what was collected before.
func (l *Log) writeSnapshot(j *knownJSON) error {
	packed, err := packAll(j.write)
	l.mu.Lock()
	l.encoding = false
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.committer.mu.Lock()
	defer l.committer.mu.Unlock()
	l.committer.snapshots = append(l.committer.snapshots, snapshot{j.NextSeq, packed})
	return nil
}

// snapshotWaits reports whether a snapshot waits for the log to have its entries.
func (c *committer) snapshotWaits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.snapshots) > 0
}

// writeSnapshots writes the newest snapshot that the log has reached.
func (c *committer) writeSnapshots() error {
	c.mu.Lock()
	var due *snapshot
	for len(c.snapshots) > 0 && c.snapshots[0].seq <= c.state.Integrated {
		due = new(c.snapshots[0])
		c.snapshots = slices.Delete(c.snapshots, 0, 1) // and what it held
	}
	c.mu.Unlock()
	if due == nil || due.seq == 0 {
		return nil
	}
	root, err := c.place.rootAt(context.Background(), due.seq, c.next())
	if err != nil {
		return err
	}
	data, err := encodeSnapshot(c.place.id, root, due)
	if err != nil {
		return err
	}
	if err := volume.WriteFile(filepath.Join(c.place.snapshots(), snapshotName(due.seq)), data); err != nil {
		return err
	}
	killpoint.Hit(killpoint.SnapshotWritten)
	return c.place.pruneSnapshots()
}

func encodeSnapshot(id string, root []byte, s *snapshot) ([]byte, error) {
	header, err := volume.EncodeChecked(snapshotHeader{
		Schema: snapshotSchema, LedgerID: id, Seq: s.seq, Root: root, Digest: Digest(s.packed),
	})
	return append(header, s.packed...), err
}

// decodeSnapshot returns a snapshot's header, and its body as it is packed.
func decodeSnapshot(data []byte) (*snapshotHeader, []byte, error) {
	var h snapshotHeader
	packed, err := volume.SplitChecked(data, &h)
	if err != nil {
		return nil, nil, err
	}
	if h.Schema != snapshotSchema {
		return nil, nil, fmt.Errorf("schema %q, want %q", h.Schema, snapshotSchema)
	}
	if Digest(packed) != h.Digest {
		return nil, nil, volume.ErrChecksum
	}
	return &h, packed, nil
}

// isFold reports whether what is packed is the canonical form of a fold.
func isFold(packed []byte, k *Known) bool {
	want, got := sha256.New(), sha256.New()
	err := errors.Join(k.writeCanonical(want), unpackTo(packed, func(r io.Reader) error {
		_, err := io.Copy(got, r)
		return err
	}))
	return err == nil && bytes.Equal(want.Sum(nil), got.Sum(nil))
}

// snapshotSeqs returns what snapshots there are, oldest first.
func (p place) snapshotSeqs() ([]uint64, error) {
	names, err := list(p.snapshots())
	if err != nil {
		return nil, err
	}
	var seqs []uint64
	for _, name := range names {
		digits := strings.TrimSuffix(name, snapshotSuffix)
		if seq, err := strconv.ParseUint(digits, 10, 64); err == nil && snapshotName(seq) == name {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

func (p place) pruneSnapshots() error {
	seqs, err := p.snapshotSeqs()
	if err != nil {
		return err
	}
	for ; len(seqs) > keepSnapshots; seqs = seqs[1:] {
		if err := os.Remove(filepath.Join(p.snapshots(), snapshotName(seqs[0]))); err != nil {
			return volume.Classify(err)
		}
	}
	return nil
}

// rootAt is the root, at size entries, of the segment in which they end. The
// ledger has total entries.
func (p place) rootAt(ctx context.Context, size, total uint64) ([]byte, error) {
	n, leaves := p.treeOf(size)
	return p.view(n, total).RootAt(ctx, leaves)
}

// view reads a segment of a ledger of total entries.
func (p place) view(n, total uint64) tlog.View {
	return tlog.View{Dir: p.log(n), Size: min(p.segmentSize, total-p.base(n))}
}

// newestSnapshot returns what is known by the newest snapshot that agrees with
// the tree of total entries, or before the first entry that was not pruned. One
// that does not agree is reported and passed over.
func (p place) newestSnapshot(ctx context.Context, c *codec, total uint64, report func(name string, err error)) (*Known, error) {
	seqs, err := p.snapshotSeqs()
	if err != nil {
		return nil, err
	}
	for _, seq := range slices.Backward(seqs) {
		if seq > total {
			report(snapshotName(seq), fmt.Errorf("the log has %d entries only", total))
			continue
		}
		k, err := p.readSnapshot(ctx, seq, total)
		if err == nil {
			return k, nil
		}
		report(snapshotName(seq), err)
	}
	return p.origin(c)
}

func (p place) readSnapshot(ctx context.Context, seq, total uint64) (*Known, error) {
	data, err := os.ReadFile(filepath.Join(p.snapshots(), snapshotName(seq)))
	if err != nil {
		return nil, err
	}
	h, packed, err := decodeSnapshot(data)
	if err != nil {
		return nil, err
	}
	root, err := p.rootAt(ctx, seq, total)
	if err != nil {
		return nil, err
	}
	if h.LedgerID != p.id || h.Seq != seq || !bytes.Equal(h.Root, root) {
		return nil, fmt.Errorf("it is of ledger %s with %d entries and root %x, want %s, %d and %x", h.LedgerID, h.Seq, h.Root, p.id, seq, root)
	}
	var k *Known
	if err := unpackTo(packed, func(r io.Reader) error { k, err = readKnown(r); return err }); err != nil {
		return nil, err
	}
	if k.NextSeq != seq || k.LedgerID != p.id {
		return nil, fmt.Errorf("it holds the state after %d entries of ledger %s", k.NextSeq, k.LedgerID)
	}
	return k, nil
}
