package restoretest

import (
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// good reports whether a test found what was written.
func good(o *control.Observation) bool {
	r := o.Restored
	if r == nil || r.Phase != phaseCompleted || r.Failure != "" || r.Errors > 0 || r.VolumeShared || len(r.Items) == 0 {
		return false
	}
	for _, item := range r.Items {
		if item.Missing || item.Differs {
			return false
		}
	}
	return true
}

// observation is that of a target at a time, before it says what was seen.
func (o *order) observation(at time.Time) control.Observation {
	target := o.target
	at = at.UTC().Truncate(time.Microsecond) // as precise as the ledger is
	return control.Observation{Target: control.Target{Restore: &target}, At: at, ValidUntil: at.Add(2 * o.every)}
}

// nothingSeen takes note that a test could not be made. What an earlier one found stands
// for as long as it counts, and the same reason is recorded and told once; what may be
// over in a moment is not recorded at all.
func (t *Tester) nothingSeen(o *order, began time.Time, err error) {
	var why *unseen.Error
	if !errors.As(err, &why) {
		t.options.Log.Error(err, "A restore test is tried again", "namespace", o.scope)
		return
	}
	seen := o.observation(t.options.Now())
	seen.Reason, seen.Message = why.Reason, why.Message
	t.mu.Lock()
	w := t.wishes[o.scope][o.key]
	known := w == nil || w.seen != nil && stands(w.seen, &seen)
	told := w == nil || w.hindrance == *why
	if w != nil {
		w.hindrance = *why
	}
	t.mu.Unlock()
	if !told { // it is the only place that says so while an earlier result stands
		t.options.Log.Info("Restores of a namespace cannot be tested", "namespace", o.scope, "reason", why.Reason, "message", why.Message)
	}
	if !known {
		t.keep(o, began, &seen)
	}
}

// stands reports whether an observation says more than that nothing could be seen, or
// says the same, and counts.
func stands(old, unseen *control.Observation) bool {
	same := old.Reason == unseen.Reason && old.Message == unseen.Message
	return old.Restored != nil || same && unseen.At.Before(old.ValidUntil)
}

// keep has an observation recorded, and the namespace judged by it.
func (t *Tester) keep(o *order, began time.Time, seen *control.Observation) {
	run := probe.Run{Scope: o.scope, Of: control.ProbeRestore, BeganAt: began.UTC(), EndedAt: seen.At,
		Observations: []control.Observation{*seen}, For: o.askers}
	t.mu.Lock()
	wanted := t.wishes[o.scope][o.key] != nil
	t.mu.Unlock()
	if !wanted {
		return
	}
	t.options.Record(run)
	t.mu.Lock()
	if w := t.wishes[o.scope][o.key]; w != nil {
		w.see(seen)
	}
	t.mu.Unlock()
	t.options.OnSeen(o.scope)
}
