package probe

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// minEvery is the shortest interval there is: a target that states none, or a
// shorter one, gets it.
const minEvery = time.Second

// batch is what is wanted of one kind in one scope. It is probed in runs.
type batch struct {
	scope, kind string
	targets     map[string]*target
	// running is true while a run is under way: there is one at a time.
	running bool
	// due and index are the lane's.
	due   time.Time
	index int
}

// target is a target of a batch.
type target struct {
	wanted Wanted
	askers []ledger.ProbedFor
	// due is when it is to be probed next, and change counts what made it due at
	// once: a run that began before has not seen the change.
	due    time.Time
	change int
	// slack is how much earlier it may be probed, together with others.
	slack time.Duration
	// revised is true where it changed since it was probed, and settling how often
	// it was probed again since it was seen to be other than before.
	revised  bool
	settling int
	// seen is the newest observation, nil before the first. It is never changed.
	seen *control.Observation
}

// ask is a target with all who ask for it.
type ask struct {
	wanted Wanted
	askers []ledger.ProbedFor
}

// merge returns what is wanted by kind and key, of the kinds that a Runner probes. Targets that are equal are one, at
// the shortest interval.
func merge(wanted []Wanted) map[string]map[string]*ask {
	byKind := map[string]map[string]*ask{}
	for _, w := range wanted {
		kind := w.Kind()
		if kind == "" || kind == control.ProbeRestore {
			continue
		}
		if byKind[kind] == nil {
			byKind[kind] = map[string]*ask{}
		}
		w.Every = max(w.Every, minEvery)
		key, asker := w.Key(), ledger.ProbedFor{Policy: w.Policy, Control: w.Control}
		if a := byKind[kind][key]; a != nil {
			a.wanted.Every = min(a.wanted.Every, w.Every)
			a.wanted.Revision = max(a.wanted.Revision, w.Revision)
			a.askers = append(a.askers, asker)
			continue
		}
		byKind[kind][key] = &ask{wanted: w, askers: []ledger.ProbedFor{asker}}
	}
	return byKind
}

// want replaces the targets. Those that are new, or changed, are due at once.
func (b *batch) want(asks map[string]*ask, now time.Time) {
	for key := range b.targets {
		if asks[key] == nil {
			delete(b.targets, key)
		}
	}
	for key, a := range asks {
		t := b.targets[key]
		if t != nil {
			t.ask(a, now)
			continue
		}
		b.targets[key] = &target{wanted: a.wanted, askers: a.askers, due: now.Add(coalesce), slack: coalesce}
	}
}

// ask takes over who asks, and at which interval.
func (t *target) ask(a *ask, now time.Time) {
	revised := t.wanted.Revision != a.wanted.Revision
	sooner := a.wanted.Every < t.wanted.Every
	t.wanted, t.askers = a.wanted, a.askers
	switch {
	case revised:
		t.due, t.slack = now.Add(coalesce), coalesce
		t.revised, t.settling = true, 0
		t.change++
	case sooner && t.seen != nil:
		t.due = earlier(t.due, later(t.seen.At.Add(t.wanted.Every), now))
	}
}

// next is when the first of the targets is due.
func (b *batch) next() time.Time {
	var next time.Time
	for _, t := range b.targets {
		if next.IsZero() || t.due.Before(next) {
			next = t.due
		}
	}
	return next
}

// takeDue returns at most maxRun targets that are due, the longest due first. Those
// that are due within a tenth of their interval come along, so that the targets of a
// scope stay together.
func (b *batch) takeDue(now time.Time) []job {
	var due []job
	for key, t := range b.targets {
		if !t.due.After(now.Add(t.slack)) {
			due = append(due, job{key: key, wanted: t.wanted, askers: t.askers, change: t.change, due: t.due, last: t.seen})
		}
	}
	slices.SortFunc(due, func(a, b job) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.key, b.key)) })
	return due[:min(len(due), maxRun)]
}

// settle are the intervals at which a target is probed again once it is new, was
// changed, or shows something else than before: what serves it may take a while.
func settle() []time.Duration { return []time.Duration{30 * time.Second, 5 * time.Minute} }

// take has the target take over what a run saw of it, and says when it is due
// next. The factor is the run's jitter.
func (t *target) take(seen *control.Observation, change int, factor float64) {
	news := t.seen == nil || t.revised || !sameSight(t.seen, seen)
	t.seen = seen
	if t.change != change {
		return // it changed while it was probed, and is due already
	}
	t.revised = false
	every, steps := t.wanted.Every, settle()
	switch {
	case t.settling > 0 && t.settling < len(steps), t.settling == 0 && news:
		every = min(every, steps[t.settling])
		t.settling++
	default:
		t.settling = 0
	}
	t.due, t.slack = seen.At.Add(time.Duration(float64(every)*factor)), every/10
}

// sameSight is whether two observations of a target are equal but for their times.
func sameSight(a, b *control.Observation) bool {
	x, y := *a, *b
	x.At, x.ValidUntil = y.At, y.ValidUntil
	return reflect.DeepEqual(x, y)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
