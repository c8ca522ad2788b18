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
	for u, intervals := range history.Units {
		for _, deviated := range intervals {
			truth.isFound(u, deviated, found[u])
		}
	}
	ofIngresses := 0
	for u, episodes := range found {
		for i := range episodes {
			truth.isReal(u, &episodes[i])
		}
		if u.Subject.Kind == "Ingress" {
			ofIngresses += len(episodes)
		}
	}
	if ofIngresses < 10 {
		t.Errorf("%d episodes are of Ingresses, want more", ofIngresses)
	}
	for _, class := range []string{report.ClassWithinTolerance, report.ClassDeviation, report.ClassBaseline} {
		if classes[class] == 0 {
			t.Errorf("no episode is %s: %v", class, classes)
		}
	}
	if want := history.Entries - 1; record.Entries.Folded != want || record.Status != report.Complete {
		t.Errorf("%d entries were folded (%s), want %d: the last one lies beyond the end", record.Entries.Folded, record.Status, want)
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
func (h *truth) isFound(u ledger.Unit, deviated Interval, found []report.Episode) {
	if h.unseen(deviated) {
		return
	}
	if !slices.ContainsFunc(found, func(e report.Episode) bool { return h.covers(u, &e, deviated) }) {
		h.t.Errorf("%s deviated from %s to %s: no episode says so", u, deviated.From, deviated.To)
	}
}

// covers is whether an interval began when an episode says that it did, or while
// the episode went on: what became of it in between was not observed. What was
// overlooked is found when it lasts.
func (h *truth) covers(u ledger.Unit, e *report.Episode, deviated Interval) bool {
	earliest, latest := deviated.From.Add(-slack), deviated.From.Add(slack)
	switch {
	case slices.Contains(h.Overlooked, u.Subject) && e.Started.NotAfter.After(deviated.From) && e.Started.NotAfter.Before(deviated.To):
		return true
	case e.Started.NotAfter.Before(deviated.From):
		return e.Ended.NotAfter == nil || e.Ended.NotAfter.After(deviated.From)
	default:
		return (e.Started.NotBefore == nil || !e.Started.NotBefore.After(latest)) && !e.Started.NotAfter.Before(earliest)
	}
}

// isReal checks that an episode covers an interval, and is as long.
func (h *truth) isReal(u ledger.Unit, e *report.Episode) {
	if !slices.ContainsFunc(h.Units[u], func(deviated Interval) bool { return h.covers(u, e, deviated) }) {
		h.t.Errorf("%s: episode %s from %v to %v never was: %v", u, e.ID, e.Started, e.Ended, h.Units[u])
		return
	}
	var began Interval // the newest that had begun when the episode was found
	for _, deviated := range h.Units[u] {
		if !deviated.From.After(e.Started.NotAfter.Time) {
			began = deviated
		}
	}
	if began.To.IsZero() || e.Unobserved > 0 || e.Length.Max == nil || slices.Contains(h.Overlooked, u.Subject) {
		return
	}
	length := began.To.Sub(began.From)
	if length < time.Duration(e.Length.Min)-slack || length > time.Duration(*e.Length.Max)+slack {
		h.t.Errorf("%s: episode %s is between %s and %s long, and really was %s", u, e.ID, time.Duration(e.Length.Min), time.Duration(*e.Length.Max), length)
	}
}
