package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Of a segment that was pruned two files are left: its last checkpoint, and a
// checked file that says what was removed, and where to begin instead.

const (
	prunedSchema = "holdfast.dev/pruned/v1"
	prunedName   = "pruned"
)

// prunedMark is the content of that file.
type prunedMark struct {
	Schema   string `json:"schema"`
	LedgerID string `json:"ledgerID"`
	// Pruned is what the entry states that announced it.
	Pruned PrunedBody `json:"pruned"`
}

func (p place) pruned(n uint64) string { return filepath.Join(p.segment(n), prunedName) }

// readMark reads the file that says what was removed of a segment. It does not
// exist where nothing was.
func (p place) readMark(n uint64) (*PrunedBody, error) {
	data, err := os.ReadFile(p.pruned(n))
	if err != nil {
		return nil, err
	}
	var m prunedMark
	if err := volume.DecodeChecked(data, &m); err != nil {
		return nil, fmt.Errorf("segment %d: %w", n, err)
	}
	if m.Schema != prunedSchema || m.LedgerID != p.id || m.Pruned.Segment != n {
		return nil, fmt.Errorf("segment %d: it says that segment %d of ledger %q was pruned (schema %q)", n, m.Pruned.Segment, m.LedgerID, m.Schema)
	}
	return &m.Pruned, nil
}

// first is the oldest segment that was not pruned, and what was said of the one
// before it, if there is one.
func (p place) first() (n uint64, last *PrunedBody, err error) {
	for ; ; n++ {
		mark, err := p.readMark(n)
		if errors.Is(err, fs.ErrNotExist) {
			return n, last, nil
		}
		if err != nil {
			return n, last, err
		}
		last = mark
	}
}

// origin is what is known before the first entry that was not pruned.
func (p place) origin(c *codec) (*Known, error) {
	_, last, err := p.first()
	if err != nil || last == nil {
		return NewKnown(), err
	}
	return p.knownAt(c, last)
}

// knownAt is what was known when a segment that was pruned ended.
func (p place) knownAt(c *codec, of *PrunedBody) (*Known, error) {
	if !validDigest(of.State) {
		return nil, fmt.Errorf("segment %d names the state %q, which is no digest", of.Segment, of.State)
	}
	o, err := readObject(c, p.object(objectsDir, of.State), of.State)
	if err != nil {
		return nil, fmt.Errorf("the state after segment %d: %w", of.Segment, err)
	}
	k, err := UnmarshalKnown(o.Data)
	if err != nil {
		return nil, fmt.Errorf("the state after segment %d: %w", of.Segment, err)
	}
	if k.LedgerID != p.id || k.NextSeq != p.base(of.Segment+1) {
		return nil, fmt.Errorf("the state after segment %d is that after %d entries of ledger %q", of.Segment, k.NextSeq, k.LedgerID)
	}
	return k, nil
}

// state is a segment's size and root: by its state file, or in a copy that has
// none, by its checkpoint.
func (p place) state(n uint64) (tlog.State, error) {
	state, err := tlog.ReadState(p.log(n))
	if !errors.Is(err, fs.ErrNotExist) {
		return state, err
	}
	note, noteErr := os.ReadFile(filepath.Join(p.log(n), tlog.CheckpointFile))
	if noteErr != nil {
		return tlog.State{}, err
	}
	size, root, err := tlog.Unverified(note)
	return tlog.State{Size: size, Root: root}, err
}
