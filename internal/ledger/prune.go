package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// Pruning is what a call of Prune did.
type Pruning struct {
	// Segments were removed, oldest first.
	Segments []PrunedBody
	// Objects is the number of objects that were removed: no entry that is kept
	// names them.
	Objects int
	// Kept says in one sentence why the oldest segment that is left was kept.
	Kept string
}

// Prune removes the oldest whole segments, as retention allows: all of a
// segment's entries are older than the retention floor, there is no legal hold,
// and it is not the newest one. Each removal is an entry first, and is finished
// by the next start where this process dies. It takes as long as it takes to
// read what is removed, and where something was removed, the whole ledger;
// nobody who records waits for it. It is called by one goroutine.
func (r *Recorder) Prune(ctx context.Context) (*Pruning, error) {
	p := &Pruning{}
	for {
		log := r.Log()
		if log == nil {
			return p, ErrClosed
		}
		due, err := r.pruneDue(ctx, log)
		if err != nil {
			return p, fmt.Errorf("prune the ledger: %w", err)
		}
		if due.kept != "" {
			p.Kept = due.kept
			break
		}
		if err := r.pruneSegment(ctx, log, due.body); err != nil {
			return p, fmt.Errorf("prune segment %d: %w", due.body.Segment, err)
		}
		p.Segments = append(p.Segments, due.body)
	}
	if len(p.Segments) == 0 {
		return p, nil
	}
	var err error
	if p.Objects, err = r.sweepObjects(ctx); err != nil {
		return p, fmt.Errorf("remove what no entry names any more: %w", err)
	}
	return p, nil
}

// pruneDue is what is to be said of the next segment that may go, or why none may.
type pruneDue struct {
	body PrunedBody
	kept string
}

func (r *Recorder) pruneDue(ctx context.Context, log *Log) (*pruneDue, error) {
	var known *EvidenceState
	r.View(func(k *Known) { known = k.Evidence() })
	n := known.PrunedSegments()
	p := log.place
	body := PrunedBody{Segment: n, First: p.base(n), Last: p.base(n+1) - 1, FloorSeconds: known.RetentionSeconds}
	switch {
	case known.LegalHold():
		return &pruneDue{kept: "a schedule holds everything (legal hold)"}, nil
	case known.RetentionSeconds <= 0:
		return &pruneDue{kept: "no schedule says how long entries are kept"}, nil
	case log.Status().Segment <= n:
		return &pruneDue{kept: fmt.Sprintf("segment %d is the newest", n)}, nil
	}
	last, err := p.appendedAt(ctx, body.Last)
	if err != nil {
		return nil, err
	}
	if until := last.Add(time.Duration(body.FloorSeconds) * time.Second); !until.Before(r.opts.Now()) {
		return &pruneDue{kept: fmt.Sprintf("segment %d is kept until %s", n, until.UTC().Format(time.RFC3339))}, nil
	}
	note, err := os.ReadFile(filepath.Join(p.log(n), tlog.CheckpointFile))
	if err != nil {
		return nil, err
	}
	body.LastAppended, body.Checkpoint = last, string(note)
	return &pruneDue{body: body}, nil
}

// appendedAt is when the last entry of a segment was appended.
func (p place) appendedAt(ctx context.Context, seq uint64) (Time, error) {
	var at Time
	err := p.entries(ctx, seq, seq+1, true, func(_ uint64, data []byte) error {
		e, err := Decode(data)
		if err == nil {
			at = e.AppendedAt
		}
		return err
	})
	return at, err
}

// pruneSegment makes the state after a segment durable, then the entry, and
// then removes the segment.
func (r *Recorder) pruneSegment(ctx context.Context, log *Log, body PrunedBody) error {
	state, err := log.place.stateAfter(ctx, log.committer.codec, body.Segment)
	if err != nil {
		return err
	}
	if err := log.PutObjects([]Object{state}); err != nil {
		return err
	}
	body.State = state.Digest
	if err := r.say(ctx, log, Entry{Kind: KindPruned, Pruned: &body}); err != nil {
		return err
	}
	return log.place.removeSegment(body)
}

// stateAfter folds a segment, and returns what is known when it ends.
func (p place) stateAfter(ctx context.Context, c *codec, n uint64) (Object, error) {
	known, err := p.origin(c)
	if err != nil {
		return Object{}, err
	}
	err = p.entries(ctx, p.base(n), p.base(n+1), true, func(_ uint64, data []byte) error {
		e, err := Decode(data)
		if err != nil {
			return err
		}
		return known.Apply(e)
	})
	if err != nil {
		return Object{}, err
	}
	data, err := known.MarshalCanonical()
	return Object{Digest: Digest(data), Data: data}, err
}

var (
	errSuperseded = errors.New("the ledger was opened again meanwhile")
	errNotKept    = errors.New("the entry could not be kept")
)

// say records an entry, and waits until a checkpoint covers it.
func (r *Recorder) say(ctx context.Context, log *Log, e Entry) error {
	said, ticket := r.Record(Draft{At: r.opts.Now(), Entry: e})
	if !said[0].Changed {
		return errNotKept
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for log.Status().Published <= said[0].Entry.Seq {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticket.failed:
			return errNotKept
		case <-tick.C:
		}
		if r.Log() != log {
			return errSuperseded
		}
	}
	return nil
}

// removeSegment removes what an entry says was pruned. It may be called again.
func (p place) removeSegment(body PrunedBody) error {
	for _, step := range p.removal(body) {
		if err := step(); err != nil {
			return volume.Classify(err)
		}
	}
	return nil
}

// removal are the steps of removing a segment: it is marked, and all but the
// mark and the last checkpoint goes.
func (p place) removal(body PrunedBody) []func() error {
	steps := []func() error{func() error {
		mark, err := volume.EncodeChecked(prunedMark{Schema: prunedSchema, LedgerID: p.id, Pruned: body})
		if err != nil {
			return err
		}
		return volume.WriteFile(p.pruned(body.Segment), mark)
	}}
	for _, path := range p.removable(body.Segment) {
		steps = append(steps, func() error { return os.RemoveAll(path) })
	}
	return append(steps, func() error { return volume.SyncDir(p.log(body.Segment)) })
}

// removable is what a segment that was pruned has no more.
func (p place) removable(n uint64) []string {
	return []string{p.index(n), filepath.Join(p.log(n), tlog.StateDir), filepath.Join(p.log(n), tlog.TileDir)}
}

// finishPruning finishes what an earlier process declared: the removal of a
// segment, the erasing of an object.
func (p place) finishPruning(known *EvidenceState) error {
	if known.Pruned != nil && p.pruningUnfinished(known.Pruned.Segment) {
		if err := p.removeSegment(*known.Pruned); err != nil {
			return fmt.Errorf("finish the pruning of segment %d: %w", known.Pruned.Segment, err)
		}
	}
	if known.Erased != "" && validDigest(known.Erased) {
		if err := os.Remove(p.object(actorsDir, known.Erased)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("finish erasing: %w", volume.Classify(err))
		}
	}
	return nil
}

func (p place) pruningUnfinished(n uint64) bool {
	return !volume.Exists(p.pruned(n)) || slices.ContainsFunc(p.removable(n), volume.Exists)
}
