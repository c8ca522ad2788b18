package main

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// scrapeEvery is how often a start is asked how far it is. Each answer costs
	// the operator a little.
	scrapeEvery = 250 * time.Millisecond
	// settledAfter is how long nothing must be evaluated for all to count as done.
	settledAfter = 3 * time.Second
	// startTimeout is when a start counts as not to end.
	startTimeout = 5 * time.Minute
)

// coldStart is a start of the operator, timed from the start of the process.
type coldStart struct {
	// first and last are of the repairs of what drifted while it was down.
	first, last time.Duration
	// evaluated is the last evaluation, evaluations how many there were.
	evaluated   time.Duration
	evaluations uint64
	memory      memory
}

// progress is how far a start is.
type progress struct {
	evaluations uint64
	// judged and unjudged are subjects with and without an outcome, of all controls.
	judged, unjudged int
}

// progress reads how far the operator is; a floor does not say.
func (i *instance) progress(ctx context.Context) (progress, error) {
	found, err := i.metrics(ctx)
	if err != nil || found == nil {
		return progress{}, err
	}
	evaluations, err := found.histogram(evaluationMetric)
	p := progress{evaluations: evaluations.count()}
	for _, outcome := range []control.Outcome{control.Conforming, control.Deviating, control.NotApplicable} {
		p.judged += found.sum(subjectsMetric, "outcome", string(outcome))
	}
	p.unjudged = found.sum(subjectsMetric, "outcome", string(control.NotEvaluated))
	return p, err
}

// startWatch tells from what is read when all has been evaluated.
type startWatch struct {
	// scopes are the namespaces to be evaluated, subjects those of all controls.
	scopes   uint64
	subjects int
	last     progress
	grew     time.Time
}

// saw takes note of a reading, and reports whether all has been evaluated, and
// nothing more since a while.
func (w *startWatch) saw(p progress, now time.Time) bool {
	if p != w.last {
		w.last, w.grew = p, now
	}
	return p.evaluations >= w.scopes && p.judged >= w.subjects && p.unjudged == 0 && now.Sub(w.grew) >= settledAfter
}

// awaitEvaluated waits until an operator that was just started has evaluated all
// namespaces, and still has nothing more to evaluate when it is quiet: it may
// have judged all without pods while it reads these.
func (i *instance) awaitEvaluated(ctx context.Context, namespaces, controls int) (coldStart, error) {
	w := &startWatch{scopes: uint64(namespaces), subjects: namespaces * controls}
	for {
		if err := i.awaitSettled(ctx, w); err != nil {
			return coldStart{}, err
		}
		if err := i.quiet(ctx); err != nil {
			return coldStart{}, err
		}
		p, err := i.progress(ctx)
		if err != nil {
			return coldStart{}, err
		}
		if w.saw(p, time.Now()) {
			return coldStart{evaluated: w.grew.Sub(i.started), evaluations: w.last.evaluations}, nil
		}
	}
}

// awaitSettled waits until all has been evaluated, and nothing more for a while.
func (i *instance) awaitSettled(ctx context.Context, w *startWatch) error {
	err := poll(ctx, scrapeEvery, startTimeout, func() (bool, error) {
		p, err := i.progress(ctx)
		if err != nil {
			return false, i.gone() // it does not serve all its metrics yet
		}
		return w.saw(p, time.Now()), nil
	})
	if err != nil {
		return fmt.Errorf("%s evaluates %d namespaces, and is at %+v: %w; its log ends:\n%s", i.name, w.scopes, w.last, err, i.tail())
	}
	return nil
}
