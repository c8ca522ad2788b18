package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// warmUp is how long an API server may take from its start until it knows who may do
// what.
const warmUp = 3 * time.Second

// jitter is the share of an interval by which it may be longer or shorter.
const jitter = 0.1

// job is a target that a run probes.
type job struct {
	key    string
	wanted Wanted
	askers []ledger.ProbedFor
	change int
	due    time.Time
	// last is what was seen before, and seen is what is seen now.
	last, seen *control.Observation
}

// run probes targets of a batch, has what was seen recorded, and the scope judged
// again.
func (r *Runner) run(ctx context.Context, l *lane, b *batch, jobs []job) {
	began := r.options.Now()
	r.probeAll(ctx, l, jobs)
	if ctx.Err() != nil {
		return // what was cut short by our own end is nothing seen
	}
	jobs = r.stillWanted(b, jobs)
	if len(jobs) > 0 {
		run := Run{Scope: b.scope, Of: b.kind, BeganAt: began.UTC(), EndedAt: r.options.Now().UTC(), For: askers(jobs)}
		run.Keys = r.keys.seen(jobs)
		for i := range jobs {
			run.Observations = append(run.Observations, *jobs[i].seen)
		}
		r.options.Record(run)
	}
	r.keep(l, b, jobs)
	if len(jobs) > 0 {
		r.options.OnSeen(b.scope)
	}
}

// probeAll probes targets at once, as far as the lane lets it, and puts them into
// the order of their keys.
func (r *Runner) probeAll(ctx context.Context, l *lane, jobs []job) {
	var group errgroup.Group
	group.SetLimit(cap(l.slots))
	for i := range jobs {
		group.Go(func() error {
			select {
			case l.slots <- struct{}{}:
				defer func() { <-l.slots }()
				jobs[i].seen = r.probeAgain(ctx, l, &jobs[i])
			case <-ctx.Done():
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the observations
	slices.SortFunc(jobs, func(a, b job) int { return cmp.Compare(a.key, b.key) })
}

// probeAgain probes a target, and once more where it is forbidden what was not so
// far: an API server that has just started refuses everything for a moment.
func (r *Runner) probeAgain(ctx context.Context, l *lane, j *job) *control.Observation {
	seen := r.probe(ctx, l, &j.wanted)
	if seen.Reason != control.ReasonForbidden || j.last == nil || j.last.Reason == control.ReasonForbidden {
		return seen
	}
	select {
	case <-time.After(warmUp):
		return r.probe(ctx, l, &j.wanted)
	case <-ctx.Done():
		return seen
	}
}

// probe probes one target within its time limit.
func (r *Runner) probe(ctx context.Context, l *lane, w *Wanted) *control.Observation {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	seen := observation(w)
	if err := r.recovered(ctx, l, w, &seen); err != nil {
		why := unseen.Of(err)
		seen = observation(w)
		seen.Reason, seen.Message = why.Reason, why.Message
		r.logFailure(l, w, err)
	}
	seen.At = r.options.Now().UTC().Truncate(time.Microsecond) // as precise as the ledger is
	seen.ValidUntil = seen.At.Add(2 * w.Every)
	return &seen
}

// logFailure logs a panic, and an error that no probe is to return. The latter's
// text is not quoted: nobody looked at what it holds.
func (r *Runner) logFailure(l *lane, w *Wanted, err error) {
	var why *unseen.Error
	var p *panicked
	switch {
	case errors.As(err, &p):
		r.options.Log.Error(p, "a probe panicked", "kind", l.kind, "policy", w.Policy, "control", w.Control)
	case !errors.As(err, &why) && !errors.Is(err, context.DeadlineExceeded):
		r.options.Log.Info("a probe failed", "kind", l.kind, "policy", w.Policy, "control", w.Control, "error", fmt.Sprintf("%T", err))
	}
}

// panicked is the panic of a probe.
type panicked struct{ what string }

// Error says what a probe panicked with, and where.
func (p *panicked) Error() string { return p.what }

// recovered probes one target, and makes an error of a panic. What a probe panicked
// with may hold what it looked at: only errors of the runtime are quoted.
func (r *Runner) recovered(ctx context.Context, l *lane, w *Wanted, seen *control.Observation) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		var known runtime.Error
		if e, ok := p.(error); ok && errors.As(e, &known) {
			err = &panicked{fmt.Sprintf("%s\n%s", known, debug.Stack())}
			return
		}
		err = &panicked{fmt.Sprintf("a %T\n%s", p, debug.Stack())}
	}()
	return l.probe(ctx, *w, seen)
}

// observation is that of a target, before it says what was seen. What only the
// runner goes by is no part of it.
func observation(w *Wanted) control.Observation {
	o := control.Observation{Target: w.Target}
	o.Every, o.Revision = 0, ""
	return o
}

// stillWanted are the jobs whose targets are.
func (r *Runner) stillWanted(b *batch, jobs []job) []job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(jobs, func(j job) bool { return b.targets[j.key] == nil })
}

// keep has the batch take over what was seen, and puts it back into the queue.
func (r *Runner) keep(l *lane, b *batch, jobs []job) {
	factor := 1 + jitter*(2*rand.Float64()-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range jobs {
		if t := b.targets[j.key]; t != nil {
			t.take(j.seen, j.change, factor)
		}
	}
	b.running = false
	l.schedule(b)
}

// askers are those who asked for a target of the run.
func askers(jobs []job) []ledger.ProbedFor {
	var all []ledger.ProbedFor
	for _, j := range jobs {
		all = append(all, j.askers...)
	}
	slices.SortFunc(all, func(a, b ledger.ProbedFor) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
	})
	return slices.Compact(all)
}
