package controllers

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// unanswered is a change that was sent, and that no answer came for: it may have
// taken effect, or may still.
type unanswered struct {
	change enforce.Change
	before *enforce.Existing
	// units are those that were judged before it was sent.
	units []unit
}

// answered drafts the repairs of which a later snapshot shows that they took
// effect. They are Holdfast's own work, and nobody else's correction.
func (r *ScopeReconciler) answered(p *pass) []ledger.Draft {
	var drafts []ledger.Draft
	for _, lost := range p.memo.lostInOrder() {
		now := enforce.Find(p.snapshot, lost.change.Change)
		switch outcome := lost.outcome(p.units); {
		case outcome == control.Deviating || outcome == control.NotEvaluated:
			// It is tried again, or is still to be seen.
		case outcome == control.Conforming && lost.tookEffect(now):
			p.memo.repaired(lost.change, lost.units)
			r.Contention.Repaired(enforce.ObjectOf(lost.change.Change), p.now)
			r.Metrics.repaired(lost.change.WantedBy)
			drafts = append(drafts, r.repairs(p, lost, now)...)
		default:
			delete(p.memo.unanswered, enforce.ObjectOf(lost.change.Change))
		}
	}
	return drafts
}

// repairs draft the repair for each of the controls that wanted it and are still
// stated.
func (r *ScopeReconciler) repairs(p *pass, lost unanswered, after *enforce.Existing) []ledger.Draft {
	var drafts []ledger.Draft
	for _, want := range lost.change.WantedBy {
		if draft := r.act(p, ledger.KindRepaired, lost.change, want, lost.before, &after.Identity); draft.Policy != nil {
			drafts = append(drafts, draft)
		}
	}
	return drafts
}

// outcome is what is judged now of the controls that wanted the change: Conforming
// if they all conform, and empty where none of them is stated any more.
func (u *unanswered) outcome(units []unit) control.Outcome {
	var outcome control.Outcome
	for i := range units {
		now := &units[i]
		if !slices.Contains(u.change.WantedBy, enforce.Source{Policy: now.def.Name, Control: now.Control.Spec.ID}) {
			continue
		}
		if outcome = now.State.Outcome; outcome != control.Conforming {
			break
		}
	}
	return outcome
}

// tookEffect reports whether an object is one that Holdfast changed last, as a change
// wants it, since it was sent.
func (u *unanswered) tookEffect(now *enforce.Existing) bool {
	if now == nil || now.Manager != enforce.ManagerOf(u.change.Change) {
		return false
	}
	if u.before == nil || now.UID != u.before.UID || now.Generation > u.before.Generation {
		return true
	}
	// What has no spec has no generation that tells.
	return u.change.Spec == nil && now.ResourceVersion != u.before.ResourceVersion
}
