package synthetic

import (
	"errors"
	"fmt"
	"time"
)

// Options say what past to generate. Zero values stand for the defaults.
type Options struct {
	// Seed decides everything that chance decides, ids and keys included.
	Seed uint64
	// Start is the first moment (default 2026-01-01T00:00:00Z), Duration how long
	// it lasts (default 181 days; at least two days).
	Start    time.Time
	Duration time.Duration
	// Namespaces is the number of namespaces at the start (default 40, at least 12).
	// About two thirds of them are in scope.
	Namespaces int
	// Ingresses is the number of Ingresses that each namespace has at the start, and
	// after that they come, drift and go: a policy of its own judges those of
	// production. By default there are none, and no such policy.
	Ingresses int
	// Entries is about how many entries there are to be. By default
	// something drifts about as often as a namespace in twelve days.
	Entries int
	// Heartbeat is the time between two heartbeats (default five minutes, which
	// is the operator's).
	Heartbeat time.Duration
	// Collections is the time between two collections: 1h, 2h, 3h, 4h, 6h, 8h,
	// 12h or 24h (default one hour).
	Collections time.Duration
	// Calm leaves out everything that happens once: outages, restarts, edits of
	// policies. Namespaces go on drifting.
	Calm bool
	// Anchored has a witness outside the cluster cosign a checkpoint every day.
	Anchored bool
	// Broken loses the signing key at three quarters of the time: a second ledger
	// continues the first.
	Broken bool
	// SegmentSize is the number of entries of a segment (default 2,000,000, which
	// is the operator's).
	SegmentSize uint64
}

const day = 24 * time.Hour

func (o *Options) complete() error {
	setDefault(&o.Start, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	setDefault(&o.Duration, 181*day)
	setDefault(&o.Namespaces, 40)
	setDefault(&o.Heartbeat, 5*time.Minute)
	setDefault(&o.Collections, time.Hour)
	o.Start = o.Start.UTC().Truncate(time.Second)
	switch {
	case o.Duration < 2*day:
		return fmt.Errorf("a past of %s: at least two days are needed", o.Duration)
	case o.Namespaces < 12:
		return fmt.Errorf("%d namespaces: at least 12 are needed", o.Namespaces)
	case o.Heartbeat < time.Second:
		return fmt.Errorf("a heartbeat every %s: at least a second is needed", o.Heartbeat)
	case o.Collections < time.Hour || day%o.Collections != 0:
		return errors.New("the time between two collections must be whole hours that divide a day")
	}
	return nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
