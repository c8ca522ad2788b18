package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// journalWait is how long a repair waits for its episode to be durable.
const journalWait = 250 * time.Millisecond

// conflictRetry is when a scope is looked at again whose repair was refused
// because the cluster had moved on, and that no event came for.
const conflictRetry = time.Second

// repair sends what the merged plan wants.
func (r *ScopeReconciler) repair(ctx context.Context, p *pass) error {
	if !p.exists {
		return nil
	}
	found := issueSet{}
	plan := enforce.Merge(r.wishes(p, found))
	for _, c := range plan.Conflicts {
		for _, source := range c.Between {
			found.add(source.Policy, c.Reason, fmt.Sprintf("namespace %s: %s", p.name, c.Message))
		}
	}
	if len(plan.Changes) > 0 {
		killpoint.Hit(killpoint.RepairDue)
	}
	for _, change := range plan.Changes {
		if err := r.apply(ctx, p, change, found); err != nil {
			return err
		}
	}
	r.settleIssues(p, found)
	return nil
}

// wishes are what the enforcing controls want.
func (r *ScopeReconciler) wishes(p *pass, found issueSet) []enforce.Wish {
	var wishes []enforce.Wish
	for i := range p.units {
		u := &p.units[i]
		wish, enforces, err := u.Wish(p.snapshot, p.now)
		if !enforces {
			continue
		}
		if until := u.def.PausedUntil(p.now); !until.IsZero() {
			p.again(until.Sub(p.now))
		}
		found.refused(u, p.name, err)
		wishes = append(wishes, wish)
	}
	return wishes
}

// apply sends one change, unless it is fought, and records what came of it.
func (r *ScopeReconciler) apply(ctx context.Context, p *pass, change enforce.Change, found issueSet) error {
	object := enforce.ObjectOf(change.Change)
	before := existing(p.snapshot, change.Name)
	if standing := r.Contention.Standing(object, r.Now()); !standing.Until.IsZero() {
		r.contested(p, change, before, standing, found)
		return nil
	}
	var err error
	sent := r.registry.do(p.snapshot.Namespace, p.pinned, func() { err = r.send(ctx, p, change, before) })
	switch {
	case !sent:
		return errSuperseded
	case err == nil:
		r.Contention.Repaired(object, r.Now())
	default:
		r.failed(ctx, p, change, before, err, found)
	}
	return nil
}

// errDiffers says that an object is not as it was applied.
var errDiffers = errors.New("the object is not as applied")

// send sends one change, and records what was read back.
func (r *ScopeReconciler) send(ctx context.Context, p *pass, change enforce.Change, before *control.NetworkPolicy) error {
	uid := ""
	if before != nil {
		uid = before.Identity.UID
	}
	write := r.Observer.BeginWrite(control.NeedNetworkPolicies, p.name, change.Name)
	result, err := r.Applier.Apply(ctx, change.Change, uid)
	killpoint.Hit(killpoint.RepairAnswered)
	if err != nil {
		if failureOf(err) == enforce.FailureUnknown {
			write.Done("")
		} else {
			write.Failed()
		}
		return err
	}
	write.Done(result.Object.ResourceVersion)
	if result.Differs != "" {
		return fmt.Errorf("%w: %s", errDiffers, result.Differs)
	}
	after, err := readBack(change.Change, result.Object, r.Now())
	if err != nil {
		return err
	}
	killpoint.Hit(killpoint.RepairNoted)
	r.repaired(p, change, before, after)
	return nil
}

// readBack is the NetworkPolicy that an apply was answered with: what it wants,
// for the answer was compared with that.
func readBack(change control.Change, id control.Identity, now time.Time) (control.NetworkPolicy, error) {
	np := control.NetworkPolicy{Name: change.Name, Ours: true, Identity: id}
	np.Identity.Manager, np.Identity.Applied, np.Identity.ManagedAt = enforce.FieldManager, now, now
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(change.Spec, &np.Spec); err != nil {
		return np, fmt.Errorf("read NetworkPolicy %s/%s back: %w", change.Namespace, change.Name, err)
	}
	return np, nil
}

func failureOf(err error) enforce.Failure {
	var failure *enforce.Error
	if errors.As(err, &failure) {
		return failure.Failure
	}
	return ""
}

// repaired records a repair that was read back, and the state that it made.
func (r *ScopeReconciler) repaired(p *pass, change enforce.Change, before *control.NetworkPolicy, after control.NetworkPolicy) {
	p.now = r.Now()
	p.snapshot = overlay(p.snapshot, after)
	p.memo.saw(change.Name, after.Identity)
	p.memo.repaired(change.Name)
	var drafts []ledger.Draft
	for _, want := range change.WantedBy {
		drafts = append(drafts, r.act(p, ledger.KindRepaired, change, want, before, &after.Identity))
	}
	p.units = p.judge()
	transitions, ticket := r.Recorder.Record(append(drafts, r.observations(p, p.units, true)...)...)
	killpoint.Hit(killpoint.RepairRecorded)
	p.ticket = ticket
	r.Metrics.repaired(change.WantedBy)
	r.announce(transitions, ticket)
}

// act drafts what was done to an object, in the name of one control.
func (r *ScopeReconciler) act(p *pass, kind ledger.Kind, change enforce.Change, want enforce.Source, before *control.NetworkPolicy, after *control.Identity) ledger.Draft {
	subject := p.snapshot.Namespace.Subject()
	body := &ledger.ObjectBody{APIVersion: change.APIVersion, Kind: change.Kind, Namespace: change.Namespace, Name: change.Name}
	if before != nil {
		body.Before, body.Manager = versionOf(before.Identity), before.Identity.Manager
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
func (r *ScopeReconciler) failed(ctx context.Context, p *pass, change enforce.Change, before *control.NetworkPolicy, err error, found issueSet) {
	switch failureOf(err) {
	case enforce.FailureNamespaceTerminating, enforce.FailureConflict:
		// The watch will say so too, and the namespace is judged anew then.
		log.FromContext(ctx).V(1).Info("The repair no longer applies", "namespace", p.name, "object", change.Name, "error", err.Error())
		p.again(conflictRetry)
		return
	}
	reason, message := describe(err)
	for _, want := range change.WantedBy {
		found.add(want.Policy, v1alpha1.ReasonRepairFailed, fmt.Sprintf("NetworkPolicy %s/%s: %s", p.name, change.Name, message))
	}
	again, retry := p.memo.failing(change.Name, reason)
	p.again(retry)
	if !again {
		log.FromContext(ctx).Info("A repair failed", "object", p.name+"/"+change.Name, "reason", reason, "error", err.Error())
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
		return "ReadBackDiffers", err.Error()
	}
	return control.ReasonFailed, err.Error()
}

// contested records, once per back-off, that a repair is fought.
func (r *ScopeReconciler) contested(p *pass, change enforce.Change, before *control.NetworkPolicy, standing enforce.Standing, found issueSet) {
	manager := "a deletion, which has no field manager"
	if before != nil && before.Identity.Manager != "" {
		manager = fmt.Sprintf("field manager %q", before.Identity.Manager)
	}
	p.again(standing.Until.Sub(r.Now()))
	until := ledger.At(standing.Until)
	first := p.memo.backedOff(change.Name, standing.Until)
	var drafts []ledger.Draft
	for _, want := range change.WantedBy {
		found.add(want.Policy, v1alpha1.ReasonContested, fmt.Sprintf(
			"NetworkPolicy %s/%s was repaired over %d times within an hour, and changed again by %s", p.name, change.Name, standing.Repairs-1, manager))
		if first {
			d := r.act(p, ledger.KindContested, change, want, before, nil)
			d.Object.Count, d.Object.Until = standing.Repairs, &until
			drafts = append(drafts, d)
		}
	}
	if len(drafts) > 0 {
		transitions, ticket := r.Recorder.Record(drafts...)
		r.Metrics.contested(change.WantedBy)
		r.announce(transitions, ticket)
	}
}

// again asks for another pass after d at the latest.
func (p *pass) again(d time.Duration) {
	d = max(d, time.Millisecond)
	if p.requeue == 0 || d < p.requeue {
		p.requeue = d
	}
}

// existing is the NetworkPolicy of that name in the snapshot, or nil.
func existing(snapshot *control.Snapshot, name string) *control.NetworkPolicy {
	for i := range snapshot.NetworkPolicies {
		if snapshot.NetworkPolicies[i].Name == name {
			return &snapshot.NetworkPolicies[i]
		}
	}
	return nil
}
