package ledger

import (
	"context"
	"time"
)

// Ticket stands for everything that was recorded up to it.
type Ticket struct {
	durable <-chan struct{}
	failed  <-chan struct{}
}

var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// Wait waits until everything up to the ticket is durable, and reports whether
// it is. It gives up after limit, when ctx ends, and at once while the ledger
// is unavailable.
func (t Ticket) Wait(ctx context.Context, limit time.Duration) bool {
	select {
	case <-t.durable:
		return true
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.durable:
		return true
	case <-t.failed:
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
