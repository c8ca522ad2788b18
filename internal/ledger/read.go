package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// ReadOptions say what to read.
type ReadOptions struct {
	// LedgerID is the ledger; empty means the current one.
	LedgerID string
	// From is the sequence number to begin with.
	From uint64
	// Since and Until, where they are set, leave out bundles of 256 entries of
	// which none was observed in [Since, Until). The index says so; verify
	// checks the index. Entries outside the interval may still come.
	Since, Until time.Time
}

// Read calls fn for the entries of a ledger, in order, from the first one that
// was not pruned up to those that are in the log when it begins. It writes nothing: the ledger may be in use, or a
// copy. fn must not keep data.
func Read(ctx context.Context, dir string, opts ReadOptions, fn func(seq uint64, data []byte) error) error {
	p, err := placeToRead(dir, opts.LedgerID)
	if err != nil {
		return err
	}
	total, err := p.total()
	if err != nil {
		return err
	}
	first, _, err := p.first()
	if err != nil {
		return err
	}
	opts.From = max(opts.From, p.base(first))
	if opts.Since.IsZero() && opts.Until.IsZero() {
		return p.entries(ctx, opts.From, total, false, fn)
	}
	return p.within(ctx, opts, total, fn)
}

func placeToRead(dir, id string) (place, error) {
	if id == "" {
		info, err := current(dir)
		if err != nil {
			return place{}, err
		}
		return placeOf(dir, info.LedgerID, info.id.SegmentSize), nil
	}
	if !validID(id) {
		return place{}, fmt.Errorf("%q is no ledger id", id)
	}
	info := readIdentity(dir, id)
	if info.Err != nil {
		return place{}, fmt.Errorf("ledger %s: %w", id, info.Err)
	}
	return placeOf(dir, id, info.id.SegmentSize), nil
}

// total is the number of entries in the log, by its unsigned state.
func (p place) total() (uint64, error) {
	segments, err := p.segmentCount()
	if err != nil {
		return 0, err
	}
	state, err := p.state(segments - 1)
	if err != nil {
		return 0, err
	}
	return p.base(segments-1) + min(state.Size, p.segmentSize), nil
}

// entries calls fn for the entries [from, total) of the log, that has total. With check it
// compares them with the hashes in the tree.
func (p place) entries(ctx context.Context, from, total uint64, check bool, fn func(seq uint64, data []byte) error) error {
	for seq := from; seq < total; {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, entries, err := p.bundle(seq, total, check)
		if err != nil {
			return err
		}
		for i := seq - first; i < uint64(len(entries)) && seq < total; i++ {
			if err := fn(seq, entries[i]); err != nil {
				return err
			}
			seq++
		}
	}
	return nil
}

// bundle reads the bundle that holds an entry of a log of total entries, and
// returns the sequence number of its first entry.
func (p place) bundle(seq, total uint64, check bool) (uint64, [][]byte, error) {
	n, leaf := p.of(seq)
	view, index := p.view(n, total), leaf/tlog.MaxBatch
	entries, err := view.Bundle(index)
	if err == nil && check {
		err = view.CheckLeaves(index, entries)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("entry %d: %w", seq, err)
	}
	return p.base(n) + index*tlog.MaxBatch, entries, nil
}

// within reads the bundles of which an entry was observed in the interval.
func (p place) within(ctx context.Context, opts ReadOptions, total uint64, fn func(uint64, []byte) error) error {
	since, until := opts.Since.UnixMicro(), opts.Until.UnixMicro()
	first, _ := p.of(opts.From)
	for n := first; p.base(n) < total; n++ {
		spans, err := readIndex(p.index(n))
		if err != nil {
			return err
		}
		end := min(total, p.base(n+1))
		for seq := p.base(n); seq < end; seq += tlog.MaxBatch {
			b := (seq - p.base(n)) / tlog.MaxBatch
			next := min(seq+tlog.MaxBatch, end)
			if next <= opts.From {
				continue
			}
			if b < uint64(len(spans)) && (spans[b].max < since || (!opts.Until.IsZero() && spans[b].min >= until)) {
				continue
			}
			if err := p.entriesOfTree(ctx, max(seq, opts.From), next, total, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p place) entriesOfTree(ctx context.Context, from, to, total uint64, fn func(uint64, []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	first, entries, err := p.bundle(from, total, false)
	if err != nil {
		return err
	}
	for seq := from; seq < to; seq++ {
		if err := fn(seq, entries[seq-first]); err != nil {
			return err
		}
	}
	return nil
}

// leafReader reads single entries, and keeps the bundle it read last.
type leafReader struct {
	place   place
	total   uint64
	first   uint64
	entries [][]byte
}

func (r *leafReader) leaf(seq uint64) ([]byte, error) {
	if seq < r.first || seq >= r.first+uint64(len(r.entries)) {
		first, entries, err := r.place.bundle(seq, r.total, true)
		if err != nil {
			return nil, err
		}
		r.first, r.entries = first, entries
	}
	return r.entries[seq-r.first], nil
}
