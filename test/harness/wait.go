package harness

import (
	"testing"
	"time"
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
