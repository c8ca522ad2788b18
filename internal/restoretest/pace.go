package restoretest

import (
	"cmp"
	"context"
	"time"
)

// Pace is how patient a Tester is. Where a field is 0, its default counts.
type Pace struct {
	// Poll is the time between two looks at what is awaited: 1 s at first, and up to
	// fifteen times as long.
	Poll time.Duration
	// Settle is how long the namespace of a test may take until nothing gets into it:
	// 1 min.
	Settle time.Duration
	// Gone is how long is waited for a namespace to be gone: 2 min.
	Gone time.Duration
	// Retry is the time until what could not be done is tried again: 1 min at first,
	// and up to ten times as long.
	Retry time.Duration
	// Fill is how long the pod of a sentinel may take to fill its volume: 15 min.
	Fill time.Duration
	// Abandon is the age at which a Restore that does not end is given up: 24 h.
	Abandon time.Duration
}

func (p Pace) orDefaults() Pace {
	return Pace{
		Poll:    cmp.Or(p.Poll, time.Second),
		Settle:  cmp.Or(p.Settle, time.Minute),
		Gone:    cmp.Or(p.Gone, 2*time.Minute),
		Retry:   cmp.Or(p.Retry, time.Minute),
		Fill:    cmp.Or(p.Fill, 15*time.Minute),
		Abandon: cmp.Or(p.Abandon, 24*time.Hour),
	}
}

const (
	// slower is by how much each wait for what is awaited is longer than the one before,
	// and mostPolls how many times the first the longest is.
	slower    = 1.5
	mostPolls = 15
	// mostRetry is how many times the first the longest wait after a failure is.
	mostRetry = 10
	// mostChecks is how often within its interval a sentinel is looked at, at most.
	mostChecks = 24
	// idle is how long a loop sleeps at most.
	idle = time.Hour
)

// retryAfter is the time until what failed so many times in a row is tried again.
func (p Pace) retryAfter(failed int) time.Duration {
	return p.Retry * time.Duration(min(1<<min(failed, mostRetry), mostRetry))
}

// recheck is the time between two looks at a sentinel that is tested at an interval.
func recheck(every time.Duration) time.Duration {
	return max(10*time.Minute, min(every/mostChecks, 6*time.Hour))
}

// retest is the time from a test to the next: what failed is tried again sooner.
func retest(every time.Duration, failed bool) time.Duration {
	if failed {
		return max(5*time.Minute, every/8)
	}
	return every
}

// await asks until the answer is yes or an error, or so long has passed. It reports
// what was answered last.
func (p Pace) await(ctx context.Context, limit time.Duration, ask func(context.Context) (bool, error)) (bool, error) {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	interval, most := p.Poll, p.Poll*mostPolls
	for {
		yes, err := ask(ctx)
		if err != nil && ctx.Err() != nil && whole.Err() == nil {
			return false, nil // it is the limit that cut the question short
		}
		if yes || err != nil {
			return yes, err
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return false, nil
		}
		interval = min(time.Duration(float64(interval)*slower), most)
	}
}
