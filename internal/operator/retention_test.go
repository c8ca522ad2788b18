package operator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestE42PruningGoesOnAfterAFailure: a day on which the ledger cannot be pruned
// is not the last.
func TestE42PruningGoesOnAfterAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	results := []error{errors.New("the disk does not answer"), ledger.ErrClosed, nil}
	calls := 0
	r := &retention{first: time.Microsecond, every: time.Microsecond, log: testr.New(t), prune: func(context.Context) (*ledger.Pruning, error) {
		err := results[calls]
		if calls++; calls == len(results) {
			cancel()
			return &ledger.Pruning{Segments: []ledger.PrunedBody{{Last: 9}}, Objects: 2, Kept: "segment 1 is the newest"}, err
		}
		return &ledger.Pruning{}, err
	}}
	if err := r.Start(ctx); err != nil || calls != len(results) {
		t.Errorf("%d calls, %v", calls, err)
	}
}
