package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// Consistency proves that the first to entries of a segment continue its first
// from entries. The segment is named by the origin of its checkpoints.
func (l *Log) Consistency(ctx context.Context, origin string, from, to uint64) ([][]byte, error) {
	return l.place.consistency(ctx, origin, from, to)
}

// Consistency proves that the first to entries of a segment continue its first
// from entries. The segment is named by the origin of its checkpoints.
func (r *Reader) Consistency(ctx context.Context, origin string, from, to uint64) ([][]byte, error) {
	id, _, err := tlog.ParseOrigin(origin)
	if err != nil {
		return nil, err
	}
	p, err := placeToRead(r.dir, id)
	if err != nil {
		return nil, err
	}
	return p.consistency(ctx, origin, from, to)
}

func (p place) consistency(ctx context.Context, origin string, from, to uint64) ([][]byte, error) {
	id, segment, err := tlog.ParseOrigin(origin)
	if err != nil {
		return nil, err
	}
	if id != p.id {
		return nil, fmt.Errorf("%s is not of the ledger %s", origin, p.id)
	}
	view, err := p.grown(segment)
	if err != nil {
		return nil, err
	}
	return view.Consistency(ctx, from, to)
}

// grown is a segment's tree as large as it is now.
func (p place) grown(segment uint64) (tlog.View, error) {
	state, err := p.state(segment)
	if err != nil {
		return tlog.View{}, err
	}
	return tlog.View{Dir: p.log(segment), Size: state.Size}, nil
}

// Inclusion is the proof that an entry is in a segment of a ledger: a C2SP tlog
// inclusion proof (RFC 6962, section 2.1.1).
type Inclusion struct {
	// Origin and Size are those of the checkpoint that the proof leads to.
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	// Index is the leaf's, which is the entry's number within the segment.
	Index uint64 `json:"index"`
	// Hashes lead from the leaf to the root.
	Hashes [][]byte `json:"hashes"`
}

// Segment returns the segment that holds an entry: the origin of its
// checkpoints, and the entry's index in it.
func (r *Reader) Segment(ledgerID string, seq uint64) (origin string, index uint64, err error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return "", 0, err
	}
	n, leaf := p.of(seq)
	return tlog.Origin(p.id, n), leaf, nil
}

// SegmentCheckpoint returns the newest checkpoint of the segment that holds an
// entry, a signed note. Its signature is not verified.
func (r *Reader) SegmentCheckpoint(ledgerID string, seq uint64) ([]byte, error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return nil, err
	}
	n, _ := p.of(seq)
	note, err := os.ReadFile(filepath.Join(p.log(n), tlog.CheckpointFile))
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of segment %d: %w", n, err)
	}
	return note, nil
}

// Inclusion proves an entry to be among the first size entries of its segment.
func (r *Reader) Inclusion(ctx context.Context, ledgerID string, seq, size uint64) (*Inclusion, error) {
	p, err := placeToRead(r.dir, ledgerID)
	if err != nil {
		return nil, err
	}
	n, leaf := p.of(seq)
	view, err := p.grown(n)
	if err != nil {
		return nil, err
	}
	hashes, err := view.Inclusion(ctx, leaf, size)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", seq, err)
	}
	return &Inclusion{Origin: tlog.Origin(p.id, n), Size: size, Index: leaf, Hashes: hashes}, nil
}
