package report

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// notCorrecting are the intervals in which the corrective part of an enforcing
// control did not operate: nobody was there, repairs were paused, held back, or
// backed off from, or what was to be repaired could not be recorded.
func (f *fold) notCorrecting(c *statedControl) []Because {
	var enforcing []span
	for _, d := range c.definitions {
		if d.mode == v1alpha1.ModeEnforce {
			enforcing = append(enforcing, d.span.clip(f.period()))
		}
	}
	within := union(enforcing).and(c.operation(f.period()))
	of := []Because{}
	add := func(all ...Because) {
		for _, b := range all {
			for _, in := range within.clip(span{micros(b.From.Time), micros(b.To.Time)}) {
				b.Interval = in.interval()
				of = append(of, b)
			}
		}
	}
	add(f.pausesOf(c.policy)...)
	add(c.policy.heldSpans...)
	add(c.acts.backOffs...)
	for i := range f.gaps {
		switch g := &f.gaps[i]; g.cause {
		case ledger.CauseNotRunning, causeEvidenceLost, causeLedgerBreak:
			add(Because{Interval: g.clip(f.period()).interval(), Reason: g.cause, Message: g.message})
		}
	}
	slices.SortFunc(of, compareBecause)
	return of
}

// pausesOf are the pauses that the policy's specs stated.
func (f *fold) pausesOf(p *policy) []Because {
	var of []Because
	for _, s := range p.specs {
		e := s.spec.Enforcement
		if e == nil || e.Pause == nil {
			continue
		}
		in := s.span.clip(f.period())
		in.to = min(in.to, micros(e.Pause.Until.Time))
		if !in.empty() {
			of = append(of, Because{Interval: in.interval(), Reason: "Paused", Message: e.Pause.Reason})
		}
	}
	return of
}
