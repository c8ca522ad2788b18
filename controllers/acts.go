package controllers

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// made takes note of a change that was read back. Its object is nil where it is gone.
func (r *ScopeReconciler) made(p *pass, change enforce.Change, before *enforce.Existing, done answer) {
	p.now = r.Now()
	p.memo.repaired(change, p.units)
	var id *control.Identity
	if done.object != nil {
		id = &done.object.Identity
	}
	p.lay(change, before, done.object)
	killpoint.Hit(killpoint.RepairNoted)
	kind, reason := ledger.KindRepaired, ""
	if change.Rollback != "" {
		kind, reason = ledger.KindRolledBack, ledger.RolledBackLifeline
	} else {
		r.Metrics.repaired(change.WantedBy)
		r.Metrics.repairTook(change.WantedBy, p.now.Sub(p.began))
	}
	for _, want := range change.WantedBy {
		if p.broken != "" {
			break // It was recorded before it was done.
		}
		draft := r.act(p, kind, change, want, before, id)
		draft.Reason, draft.Message = reason, clip(change.Rollback)
		for _, taken := range done.taken {
			draft.Object.Taken = append(draft.Object.Taken, ledger.TakenField{Field: taken.Field, Was: taken.Was})
		}
		p.acts = append(p.acts, draft)
	}
	p.changed = true
}

// lay has the snapshot show what was made, where the pass can tell what follows from
// it. Of what is not a NetworkPolicy only the observer can.
func (p *pass) lay(change enforce.Change, before, after *enforce.Existing) {
	switch {
	case change.Kind != networkPolicyKind:
		p.unresolved = true
		return
	case after != nil:
		p.snapshot = overlay(p.snapshot, *after.Policy)
		p.memo.saw(change.Name, after.Identity)
		p.unresolved = p.unresolved || resolves(after.Policy)
	default:
		p.snapshot = without(p.snapshot, change.Name)
		p.memo.removed(change.Name)
	}
	p.unresolved = p.unresolved || before != nil && resolves(before.Policy)
}

// recordActs records what was done.
func (r *ScopeReconciler) recordActs(p *pass) {
	r.recordDone(p, p.acts)
}

// recordChanged records what was done, and the state that it made, as one batch.
// A state that only the observer knows is judged as soon as it has seen the change.
func (r *ScopeReconciler) recordChanged(p *pass) {
	p.changed = false
	if p.unresolved {
		p.again(0)
		r.recordActs(p)
	} else {
		p.units = r.judge(p)
		r.recordDone(p, append(p.acts, r.observations(p)...))
	}
	killpoint.Hit(killpoint.RepairRecorded)
}

func (r *ScopeReconciler) recordDone(p *pass, drafts []ledger.Draft) {
	p.acts = nil
	transitions, ticket := r.Recorder.Record(drafts...)
	r.announce(transitions, ticket)
}

// act drafts what was done to an object, in the name of one control.
func (r *ScopeReconciler) act(p *pass, kind ledger.Kind, change enforce.Change, want enforce.Source, before *enforce.Existing, after *control.Identity) ledger.Draft {
	subject := p.snapshot.Namespace.Subject()
	if change.Subject != nil {
		subject = *change.Subject
	}
	body := &ledger.ObjectBody{APIVersion: change.APIVersion, Kind: change.Kind, Namespace: change.Namespace, Name: change.Name}
	if before != nil {
		body.Before, body.Manager = versionOf(before.Identity), before.Manager
	}
	if after != nil {
		body.After = versionOf(*after)
	}
	e := ledger.Entry{Kind: kind, Control: want.Control, Subject: &subject, Object: body}
	for _, def := range p.pinned {
		if def.Name == want.Policy {
			if c, ok := def.Control(want.Control); ok {
				e.Policy = def.Ref(c)
			}
		}
	}
	return ledger.Draft{At: p.now, Entry: e}
}

// failed records, once per failure, a repair that was refused or did not take
// effect, and says when it is tried again.
func (r *ScopeReconciler) failed(ctx context.Context, p *pass, change enforce.Change, before *enforce.Existing, err error, found issueSet) {
	switch failureOf(err) {
	case enforce.FailureNamespaceTerminating, enforce.FailureConflict:
		// The watch will say so too, and the namespace is judged anew then.
		log.FromContext(ctx).V(1).Info("The repair no longer applies", "object", objectText(change), "error", err.Error())
		found.outdated(change)
		p.again(conflictRetry)
		return
	case enforce.FailureUnknown:
		if !change.Remove {
			p.memo.lost(unanswered{change, before, p.units})
		}
	}
	reason, message := describe(err)
	for _, want := range change.WantedBy {
		found.add(want.Policy, v1alpha1.ReasonRepairFailed, fmt.Sprintf("%s: %s", objectText(change), advised(err, message)))
	}
	again, retry := p.memo.failing(enforce.ObjectOf(change.Change), reason)
	p.again(retry)
	if !again {
		log.FromContext(ctx).Info("A repair failed", "object", objectText(change), "reason", reason, "error", err.Error())
		p.now = r.Now()
		var drafts []ledger.Draft
		for _, want := range change.WantedBy {
			d := r.act(p, ledger.KindRepairFailed, change, want, before, nil)
			d.Reason, d.Message = reason, clip(message)
			drafts = append(drafts, d)
		}
		transitions, ticket := r.Recorder.Record(drafts...)
		r.announce(transitions, ticket)
	}
}

// describe returns the reason and the message of a failed repair, as the
// ledger and the status state them.
func describe(err error) (reason, message string) {
	var failure *enforce.Error
	if errors.As(err, &failure) {
		return string(failure.Failure), failure.Message
	}
	if errors.Is(err, errDiffers) {
		return reasonDiffers, err.Error()
	}
	return control.ReasonFailed, err.Error()
}

// advised says what to do about a failed repair, where that is known: a condition
// has no room for more.
func advised(err error, message string) string {
	var failure *enforce.Error
	if errors.As(err, &failure) && failure.Remedy != "" {
		return fmt.Sprintf("%s: %s", failure.Failure, failure.Remedy)
	}
	return message
}

// contested records, once per back-off, that a repair is fought.
func (r *ScopeReconciler) contested(p *pass, change enforce.Change, before *enforce.Existing, standing enforce.Standing, found issueSet) {
	manager := "a deletion, which has no field manager"
	if before != nil && before.Manager != "" {
		manager = fmt.Sprintf("field manager %q", before.Manager)
	}
	p.again(standing.Until.Sub(r.Now()))
	until := ledger.At(standing.Until)
	first := p.memo.backedOff(enforce.ObjectOf(change.Change), standing.Until)
	var drafts []ledger.Draft
	for _, want := range change.WantedBy {
		found.add(want.Policy, v1alpha1.ReasonContested, fmt.Sprintf(
			"%s was repaired over %d times within an hour, and changed again by %s", objectText(change), standing.Repairs-1, manager))
		if first {
			d := r.act(p, ledger.KindContested, change, want, before, nil)
			d.Object.Count, d.Object.Until = standing.Repairs, &until
			drafts = append(drafts, d)
		}
	}
	if len(drafts) > 0 {
		transitions, ticket := r.Recorder.Record(drafts...)
		r.Metrics.contested(enforce.ObjectOf(change.Change), change.WantedBy)
		r.announce(transitions, ticket)
	}
}
