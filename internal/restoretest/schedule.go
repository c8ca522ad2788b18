package restoretest

import (
	"context"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// tendNext sees to the sentinel of one namespace, and returns how long there is
// nothing to do.
func (t *Tester) tendNext(ctx context.Context) time.Duration {
	if scope := t.takeUnwanted(); scope != "" {
		t.dismiss(ctx, scope)
		return 0
	}
	o, wait := t.takeTended()
	if o == nil {
		return wait
	}
	if !o.recalled {
		t.recallLate(o)
		return 0
	}
	found, err := t.ensure(ctx, o)
	if ctx.Err() == nil {
		t.tended(o, found, err)
	}
	return 0
}

// recallLate goes by what was found before, where that could not be known so far: the
// namespace was not there yet, or the ledger cannot be read.
func (t *Tester) recallLate(o *order) {
	if t.recall(o.scope) {
		t.options.OnSeen(o.scope)
	} else {
		t.tendLater(o)
	}
	t.release(o.scope)
}

// tendLater has the sentinel looked at a little later.
func (t *Tester) tendLater(o *order) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.wishes[o.scope][o.key]; w != nil {
		w.tendAt = t.options.Now().Add(t.pace.Retry)
	}
}

// dismiss removes the sentinel of a namespace in which none is wanted any more.
func (t *Tester) dismiss(ctx context.Context, scope string) {
	defer t.release(scope)
	if err := t.withdraw(ctx, scope); err != nil && ctx.Err() == nil {
		t.options.Log.Error(err, "The sentinel of restore tests could not be removed: delete its objects by the label "+control.SentinelLabel, "namespace", scope)
	}
}

// takeUnwanted takes a namespace whose sentinel is to be removed; empty is none.
func (t *Tester) takeUnwanted() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for scope := range t.unwanted {
		if t.busy[scope] {
			continue
		}
		delete(t.unwanted, scope)
		t.busy[scope] = true
		for _, w := range t.wishes[scope] {
			w.sentinel = nil
		}
		return scope
	}
	return ""
}

// takeTended takes a wish whose sentinel is to be looked at, or returns how long to
// wait for it.
func (t *Tester) takeTended() (*order, time.Duration) {
	now := t.options.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := idle
	for scope, wishes := range t.wishes {
		for _, w := range wishes {
			switch {
			case t.busy[scope] || t.unwanted[scope]:
			case w.tendAt.After(now):
				wait = min(wait, w.tendAt.Sub(now))
			default:
				t.busy[scope] = true
				o := w.order
				return &o, 0
			}
		}
	}
	return nil, wait
}

// tended takes over what was made of a sentinel.
func (t *Tester) tended(o *order, found *sentinel, err error) {
	now := t.options.Now()
	t.mu.Lock()
	w := t.wishes[o.scope][o.key]
	delete(t.busy, o.scope)
	if w == nil {
		t.mu.Unlock()
		return
	}
	w.sentinel = found
	mended := false
	switch {
	case err != nil:
		w.tendAt, w.unfit = now.Add(t.pace.retryAfter(w.failed)), true
		w.failed++
	case found == nil: // its pod is at work
		w.tendAt = now.Add(mostPolls * t.pace.Poll)
	default:
		mended = w.mend()
		w.tendAt, w.failed = now.Add(recheck(w.every)), 0
	}
	t.mu.Unlock()
	switch {
	case err != nil:
		t.nothingSeen(o, now, err)
	case mended:
		t.options.OnSeen(o.scope)
	}
	t.stir()
}

// mend forgets why no sentinel could be written, now that there is one. It reports
// whether that was what was seen last.
func (w *wish) mend() bool {
	mended := w.unfit && w.seen != nil && w.seen.Restored == nil
	if mended {
		w.seen = nil
	}
	if w.unfit {
		w.hindrance = unseen.Error{}
	}
	w.unfit = false
	return mended
}

// testNext removes what tests left, or tests one namespace, and returns how long
// there is nothing to do.
func (t *Tester) testNext(ctx context.Context) time.Duration {
	now := t.options.Now()
	if !t.leftovers.due.After(now) {
		t.clear(ctx)
		return 0
	}
	wait := t.leftovers.due.Sub(now)
	if t.leftovers.underWay {
		return wait
	}
	j, next := t.takeTest(now)
	if j == nil {
		return min(wait, next)
	}
	defer t.release(j.scope)
	t.test(ctx, j)
	return 0
}

// job is a test that is due.
type job struct {
	order
	candidate control.RestoreCandidate
	sentinel  sentinel
}

// takeTest takes the test that is due longest, or returns how long to wait for one.
func (t *Tester) takeTest(now time.Time) (*job, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var first *wish
	wait := idle
	for scope, wishes := range t.wishes {
		for _, w := range wishes {
			switch {
			case t.busy[scope] || t.leftovers.held[scope] || !w.recalled || !w.testable():
			case w.testAt.After(now):
				wait = min(wait, w.testAt.Sub(now))
			case first == nil || w.testAt.Before(first.testAt):
				first = w
			}
		}
	}
	if first == nil {
		return nil, wait
	}
	t.busy[first.scope] = true
	return &job{order: first.order, candidate: *first.candidate, sentinel: *first.sentinel}, 0
}

// testable reports whether there is a backup that was begun when the sentinel was in
// the namespace, by Velero's clock and by that of the API server.
func (w *wish) testable() bool {
	return w.sentinel != nil && w.candidate != nil &&
		w.candidate.StartedAt.After(w.sentinel.writtenAt) && w.candidate.CreatedAt.After(w.sentinel.writtenAt)
}

// release lets others work in a namespace.
func (t *Tester) release(scope string) {
	t.mu.Lock()
	delete(t.busy, scope)
	t.mu.Unlock()
	t.stir()
}
