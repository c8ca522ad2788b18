package synthetic

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// prunedLasts is until after a first segment was removed.
const prunedLasts = 400 * day

func prunedOptions() Options {
	return Options{Seed: 3, Start: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Duration: 2 * day, Namespaces: 12, Entries: 120,
		Heartbeat: 6 * time.Hour, Collections: 12 * time.Hour, Calm: true, SegmentSize: 80}
}

// writePruned writes a past, and has the product's own recorder erase who acted, and
// remove what retention allows.
func writePruned(t *testing.T) (string, kept) {
	t.Helper()
	opts := prunedOptions()
	dir, history := write(t, opts)
	known, acted := keptOf(history), whoActed(t, dir)
	open := history.Reopen(dir)
	open.SegmentSize = opts.SegmentSize
	args, err := ledger.NewObject(arguments{[]string{"--ledger-dir=/var/lib/holdfast"}})
	if err != nil {
		t.Fatal(err)
	}
	now := opts.Start.Add(prunedLasts - day)
	r := ledger.NewRecorder(ledger.RecorderOptions{
		Open:            func(ctx context.Context) (*ledger.Log, *ledger.Opened, error) { return ledger.Open(ctx, open) },
		Cluster:         open.Cluster,
		Operator:        ledger.OperatorBody{Process: newDice(3, "process").hex(16), Version: "v0.7.0", Arguments: args.Digest, StartedAt: ledger.At(now)},
		OperatorObjects: []ledger.Object{args},
		Now:             func() time.Time { return now }, Retry: time.Second, Log: logr.Discard()})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	<-r.Opened()
	if err := r.Erase(ctx, acted, "Requested", "DPO-17"); err != nil {
		t.Fatal(err)
	}
	pruning, err := r.Prune(ctx)
	if err != nil || len(pruning.Segments) == 0 {
		t.Fatalf("nothing was pruned: %+v (%v)", pruning, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return dir, known
}

// whoActed is an object of the newest ledger that says who acted.
func whoActed(t *testing.T, dir string) string {
	t.Helper()
	for _, data := range slices.Backward(entries(t, open(t, dir))) {
		e, err := ledger.Decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if e.ActorRef != "" {
			return e.ActorRef
		}
	}
	t.Fatal("no entry names who acted")
	return ""
}
