package operator

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// How often the ledger is looked through for what retention no longer asks for,
// and how long after a start for the first time: a start has better to do.
const (
	pruneEvery = 24 * time.Hour
	pruneFirst = time.Hour
)

// retention removes what is older than the retention floor, once a day.
type retention struct {
	prune func(context.Context) (*ledger.Pruning, error)
	first time.Duration
	every time.Duration
	log   logr.Logger
}

// Start prunes until ctx ends. What cannot be done is tried again the next day:
// the ledger is longer than it need be until then, and no less right.
func (r *retention) Start(ctx context.Context) error {
	timer := time.NewTimer(r.first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		r.once(ctx)
		timer.Reset(r.every)
	}
}

func (r *retention) once(ctx context.Context) {
	done, err := r.prune(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.Is(err, ledger.ErrClosed):
		return
	default:
		r.log.Error(err, "The ledger could not be pruned")
	}
	if done == nil {
		return
	}
	for i := range done.Segments {
		s := &done.Segments[i]
		r.log.Info("Old entries were pruned, as retention allows", "first", s.First, "last", s.Last, "lastAppended", s.LastAppended.Time)
	}
	if done.Objects > 0 {
		r.log.Info("Objects that no entry names any more were removed", "objects", done.Objects)
	}
	if done.Kept != "" {
		r.log.V(1).Info("The rest of the ledger is kept", "because", done.Kept)
	}
}
