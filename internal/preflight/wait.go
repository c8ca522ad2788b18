package preflight

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
)

const (
	// every is the time between two looks.
	every = 2 * time.Second
	// remind is the time after which a problem that lasts is logged again.
	remind = time.Minute
)

// Waiter repeats what does not succeed.
type Waiter struct {
	// Waiting is told what is waited for, each time.
	Waiting func(sentence string)
	// Log is told of a problem at once, and once a minute while it lasts.
	Log logr.Logger
}

// Until calls attempt until it succeeds. An error that is no Problem, and the end
// of ctx, end it too.
func (w *Waiter) Until(ctx context.Context, attempt func(context.Context) error) error {
	var said string
	var saidAt time.Time
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		err := attempt(ctx)
		var problem *Problem
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || !errors.As(err, &problem):
			return err
		}
		w.Waiting(err.Error())
		if problem.What != said || time.Since(saidAt) >= remind {
			said, saidAt = problem.What, time.Now()
			w.Log.Error(err, "Holdfast cannot start yet, and tries again")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
