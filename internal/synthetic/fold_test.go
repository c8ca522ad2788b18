package synthetic

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// TestFoldAgreesWithTheTruth: the record of the whole time has every episode
// that really was, but for those that nobody saw, and no other; the truth lies
// within its bounds, and no class contradicts it.
func TestFoldAgreesWithTheTruth(t *testing.T) {
	opts := small()
	opts.Broken = false
	dir, history := write(t, opts)
	from, to := ledger.At(history.Start), ledger.At(history.End)
	record, err := report.Fold(context.Background(), open(t, dir), report.Query{From: &from, To: &to})
	if err != nil {
		t.Fatal(err)
	}
	found := map[ledger.Unit][]report.Episode{}
	classes := map[string]int{}
	for _, c := range record.Controls {
		for _, e := range slices.Concat(c.Baseline, c.Episodes) {
			u := ledger.Unit{Policy: c.Policy, Control: c.ID, Subject: e.Subject}
			found[u] = append(found[u], e)
			classes[e.Class]++
		}
	}
	truth := &truth{t, history}
	for u, deviated := range history.Units {
		for _, real := range deviated {
			truth.isFound(u, real, found[u])
		}
	}
	for u, episodes := range found {
		for i := range episodes {
			truth.isReal(u, &episodes[i])
		}
	}
	for _, class := range []string{report.ClassWithinTolerance, report.ClassDeviation, report.ClassBaseline} {
		if classes[class] == 0 {
			t.Errorf("no episode is %s: %v", class, classes)
		}
	}
	if record.Entries.Folded != history.Entries {
		t.Errorf("%d entries were folded, want %d", record.Entries.Folded, history.Entries)
	}
	for _, c := range record.Collections {
		if !c.Agrees {
			t.Errorf("the collection at %s disagrees with the entries: %v", c.Slot, c.Disagreements)
		}
	}
	for state, got := range map[string]int{"Completed": record.Slots[0].Completed, "Late": record.Slots[0].Late,
		"Partial": record.Slots[0].Partial, "Failed": record.Slots[0].Failed, "Missed": record.Slots[0].Missed} {
		if got != history.Slots[state] {
			t.Errorf("%d slots are %s, want %d", got, state, history.Slots[state])
		}
	}
}

// truth holds a record against what really happened.
type truth struct {
	t *testing.T
	*History
}

// slack is how far the operator's processes may be behind what happens.
const slack = time.Second

// unseen is whether nobody observed during all of an interval.
func (h *truth) unseen(i Interval) bool {
	return slices.ContainsFunc(h.Blind, func(b Interval) bool {
		return !i.From.Before(b.From.Add(-slack)) && !i.To.IsZero() && !i.To.After(b.To.Add(slack))
	})
}

// isFound checks that an interval is covered by an episode.
func (h *truth) isFound(u ledger.Unit, real Interval, found []report.Episode) {
	if h.unseen(real) || h.overlooked(real) {
		return
	}
	if !slices.ContainsFunc(found, func(e report.Episode) bool { return covers(&e, real) }) {
		h.t.Errorf("%s deviated from %s to %s: no episode says so", u, real.From, real.To)
	}
}

// overlooked is whether the interval is the one that the operator overlooked
// until a collection found it: its beginning is not what the operator says.
func (h *truth) overlooked(real Interval) bool {
	return false
}

func covers(e *report.Episode, real Interval) bool {
	began := e.Started.NotBefore == nil || !real.From.Before(e.Started.NotBefore.Add(-slack))
	return began && !real.From.After(e.Started.NotAfter.Add(slack)) || (e.Started.NotAfter.Before(real.From) && (e.Ended.NotAfter == nil || !real.From.After(e.Ended.NotAfter.Time)))
}

// isReal checks that an episode covers an interval, and is of no class that
// contradicts it.
func (h *truth) isReal(u ledger.Unit, e *report.Episode) {
	i := slices.IndexFunc(h.Units[u], func(real Interval) bool { return covers(e, real) })
	if i < 0 {
		h.t.Errorf("%s: episode %s from %v to %v is not real: %v", u, e.ID, e.Started, e.Ended, h.Units[u])
		return
	}
	real := h.Units[u][i]
	if real.To.IsZero() || real.To.Before(e.Started.NotAfter.Time) {
		return
	}
	length := real.To.Sub(real.From)
	if e.Length.Max != nil && e.Unobserved == 0 && (length < time.Duration(e.Length.Min)-slack || length > time.Duration(*e.Length.Max)+slack) {
		h.t.Errorf("%s: episode %s is between %s and %s, and really was %s long", u, e.ID, time.Duration(e.Length.Min), time.Duration(*e.Length.Max), length)
	}
}
