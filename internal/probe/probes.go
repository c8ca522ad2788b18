package probe

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// kindOfProbe is how targets of one kind are probed.
type kindOfProbe struct {
	probe Func
	// prepare is done once, before the first probe, where it is set.
	prepare func(context.Context)
	// concurrency is how many at once it bears; 0 means as many as the others.
	concurrency int
}

// realProbes returns how each kind is probed.
func realProbes(_ *Options) (map[string]kindOfProbe, error) {
	later := func(context.Context, Wanted, *control.Observation) error { return errors.New("not there yet") }
	return map[string]kindOfProbe{
		control.ProbeCanary:      {probe: later, concurrency: 4},
		control.ProbeHandshake:   {probe: later},
		control.ProbeCertificate: {probe: later},
		control.ProbeGuard:       {probe: later},
	}, nil
}
