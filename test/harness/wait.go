package harness

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// Patience is how long Eventually waits: far longer than anything takes on a
	// busy machine.
	Patience = time.Minute
	// poll is the time between two looks.
	poll = 20 * time.Millisecond
)

// Eventually waits until condition returns nil, and fails the test with what is
// waited for and the last error otherwise. Nothing is said about how fast.
func Eventually(tb testing.TB, what string, condition func() error) {
	tb.Helper()
	EventuallyWithin(tb, Patience, what, condition)
}

// EventuallyWithin is Eventually with a patience of the caller's.
func EventuallyWithin(tb testing.TB, patience time.Duration, what string, condition func() error) {
	tb.Helper()
	if err := await(patience, condition); err != nil {
		tb.Fatalf("not within %s: %s: %v", patience, what, err)
	}
}

// await returns nil as soon as condition does, or its last error.
func await(patience time.Duration, condition func() error) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return err
		case <-ticker.C:
		}
	}
}

// During checks, until d has passed, that condition goes on returning nil.
func During(tb testing.TB, d time.Duration, what string, condition func() error) {
	tb.Helper()
	end := time.NewTimer(d)
	defer end.Stop()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		if err := condition(); err != nil {
			tb.Fatalf("not all the time: %s: %v", what, err)
		}
		select {
		case <-end.C:
			return
		case <-ticker.C:
		}
	}
}

// atOnce is how many calls of Each are under way at once.
const atOnce = 16

// Each calls do for all items, many at once, and fails the test with the first
// error. do must not fail the test itself.
func Each[T any](tb testing.TB, items []T, do func(T) error) {
	tb.Helper()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, item := range items {
		group.Go(func() error { return do(item) })
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
}
