package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// PolicyReconciler puts policies in force, and publishes their status.
type PolicyReconciler struct {
	*Engine
}

// Reconcile puts the newest generation of a policy in force, and publishes the
// policy's status if it is due.
func (r *PolicyReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if err := r.awaitObserving(ctx); err != nil {
		return ctrl.Result{}, err
	}
	policy := &v1alpha1.ControlPolicy{}
	err := r.Client.Get(ctx, req.NamespacedName, policy)
	switch {
	case apierrors.IsNotFound(err):
		r.withdraw(req.Name)
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read ControlPolicy %s: %w", req.Name, err)
	}
	if err := r.adopt(policy); err != nil {
		return ctrl.Result{}, err
	}
	r.confirm(policy)
	return r.publish(ctx, policy)
}

// adopt puts a policy's generation in force, if it is not already.
func (r *PolicyReconciler) adopt(policy *v1alpha1.ControlPolicy) error {
	last := r.registry.load().byName[policy.Name]
	if last != nil && last.UID == string(policy.UID) && last.Generation == policy.Generation {
		return nil
	}
	next, err := define(policy)
	if err != nil {
		return err
	}
	r.checkOperatingFrom(next)
	if last != nil {
		next.epoch = last.epoch
		if last.Invalid != "" && next.Invalid == "" {
			next.epoch++
		}
	}
	// A pass may still judge by the definition before.
	r.demands.of(next.Name, last, next)
	reached := r.reach(next)
	next.added = r.added(next, reached, confirms(policy))
	r.intros.await(next, reached)
	r.registry.swap(policy.Name, next, func() {
		transitions, ticket := r.Recorder.Record(r.changed(next, policy)...)
		next.fresh = transitions[0].Changed
		killpoint.Hit(killpoint.PolicyRecorded)
		r.announce(transitions, ticket)
	})
	r.demands.of(next.Name, next)
	killpoint.Hit(killpoint.PolicySwapped)
	if next.Invalid == "" && len(reached) == 0 {
		r.introduced(next, 0)
	}
	r.statusDue.now(next.Name)
	// What came meanwhile was judged without the definition.
	r.reconsider(next.Name, r.reach(last), reached, r.reach(next))
	return nil
}

// withdraw takes a policy that is gone out of force.
func (r *PolicyReconciler) withdraw(name string) {
	last := r.registry.load().byName[name]
	now := r.Now()
	r.registry.swap(name, nil, func() {
		var drafts []ledger.Draft
		r.Recorder.View(func(k *ledger.Known) {
			known, ok := k.Policy(name)
			if !ok {
				return
			}
			ref := r.refIn(k, name)
			drafts = withdrawals(k, known, &definition{Definition: &assess.Definition{}}, ref, now)
			drafts = append(drafts, validity(k, &definition{Definition: &assess.Definition{Name: name}}, ref, now)...)
			drafts = append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: ref,
				Change: &ledger.ChangeBody{Type: ledger.ChangeDeleted, From: known.Spec}}})
		})
		transitions, ticket := r.Recorder.Record(drafts...)
		killpoint.Hit(killpoint.PolicyWithdrawn)
		r.announce(transitions, ticket)
	})
	r.demands.of(name)
	r.intros.forget(name)
	r.issues.forgetPolicy(name)
	r.whys.forget(name)
	r.settling.forgetPolicy(name)
	r.rollouts.forget(name)
	r.pace.Forget(name)
	r.statusDue.forget(name)
	r.Metrics.forget(name)
	r.reconsider(name, r.reach(last))
}

// changed drafts a new generation: the edit, and the controls it withdraws.
func (r *PolicyReconciler) changed(next *definition, policy *v1alpha1.ControlPolicy) []ledger.Draft {
	now := r.Now()
	var drafts []ledger.Draft
	r.Recorder.View(func(k *ledger.Known) {
		change := &ledger.ChangeBody{Type: ledger.ChangeCreated, To: next.SpecObject.Digest, Invalid: clip(next.Invalid),
			Enforces: next.Enforces(), Held: next.added, Confirmed: confirms(policy),
			Manager: specManager(policy), ChangeRef: clip(policy.Annotations[v1alpha1.AnnotationChangeRef])}
		objects := []ledger.Object{next.SpecObject}
		if known, ok := k.Policy(next.Name); ok && !known.Deleted {
			change.Type, change.From = ledger.ChangeUpdated, known.Spec
			if next.Invalid == "" {
				drafts = withdrawals(k, known, next, next.Ref(nil), now)
			}
		}
		if last := r.registry.load().byName[next.Name]; last != nil {
			paths := changedPaths(&last.Spec, &next.Spec)
			change.Paths, change.MorePaths = paths[:min(len(paths), maxPaths)], max(0, len(paths)-maxPaths)
		}
		edit := ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindPolicyChanged, Policy: next.Ref(nil), Change: change},
			Payload: func() ([]ledger.Input, []ledger.Object, error) { return nil, objects, nil }}
		drafts = append([]ledger.Draft{edit}, drafts...)
		drafts = append(drafts, validity(k, next, next.Ref(nil), now)...)
	})
	return drafts
}

// withdrawals draft that controls which are known are stated no more.
func withdrawals(k *ledger.Known, known *ledger.PolicyRecord, next *definition, ref *ledger.PolicyRef, now time.Time) []ledger.Draft {
	ids := append(sortedKeys(known.Controls), k.Controls(known.Name)...)
	slices.Sort(ids)
	var drafts []ledger.Draft
	for _, id := range slices.Compact(ids) {
		if _, stated := next.Control(id); !stated {
			drafts = append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{Kind: ledger.KindControlWithdrawn, Policy: ref, Control: id}})
		}
	}
	return drafts
}

// validity drafts that a policy can no longer be evaluated, or can again, or is
// gone: one gap for all its subjects.
func validity(k *ledger.Known, next *definition, ref *ledger.PolicyRef, now time.Time) []ledger.Draft {
	open, at := "", ledger.At(now)
	gap := ledger.GapBody{Cause: ledger.CauseInvalidPolicy, Policy: next.Name, From: at}
	for id, g := range k.OpenGaps() {
		if g.Policy == next.Name {
			open, gap = id, g
		}
	}
	switch {
	case next.Invalid != "" && open == "":
	case next.Invalid == "" && open != "":
		gap.To, gap.Ends = &at, open
	default:
		return nil
	}
	return []ledger.Draft{{At: now, Entry: ledger.Entry{Kind: ledger.KindGap, Policy: ref,
		Reason: ledger.CauseInvalidPolicy, Message: clip(next.Invalid), Gap: &gap}}}
}

// maxPaths is the number of changed fields that an entry names.
const maxPaths = 16

// checkOperatingFrom finds controls whose operatingFrom lies before their
// introduction, or was changed after it had passed. Admission cannot: it has
// neither clock nor memory.
func (r *PolicyReconciler) checkOperatingFrom(next *definition) {
	now := r.Now()
	r.Recorder.View(func(k *ledger.Known) {
		known, ok := k.Policy(next.Name)
		for i := range next.Controls {
			c := &next.Controls[i]
			if c.Spec.OperatingFrom == nil {
				continue
			}
			declared, introduced := c.Spec.OperatingFrom.Time, now
			if ok && known.Controls[c.Spec.ID] != nil {
				last := known.Controls[c.Spec.ID]
				introduced = last.IntroducedAt.Time
				if last.OperatingFrom.Before(now) {
					if !sameSecond(last.OperatingFrom.Time, declared) {
						next.Invalid = fmt.Sprintf("spec.controls[%s].operatingFrom: is fixed at %s, which has passed", c.Spec.ID, last.OperatingFrom.UTC().Format(time.RFC3339))
					}
					continue
				}
			}
			if declared.Before(introduced.Truncate(time.Second)) {
				next.Invalid = fmt.Sprintf("spec.controls[%s].operatingFrom: %s lies before the control's introduction at %s",
					c.Spec.ID, declared.UTC().Format(time.RFC3339), introduced.UTC().Format(time.RFC3339))
			}
		}
	})
	if next.Invalid != "" && next.Stalled == "" {
		next.Stalled = v1alpha1.ReasonOperatingFromInvalid
	}
}

func sameSecond(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }

// reach are the scopes that a generation has in scope: namespaces, and the cluster.
func (r *Engine) reach(def *definition) []string {
	var names []string
	if def != nil && def.Invalid == "" {
		if cluster, known := r.Observer.Namespace(control.Cluster); known && def.Dispose(cluster) == assess.InScope {
			names = append(names, control.Cluster)
		}
		r.Observer.Namespaces(func(ns control.Namespace) bool {
			if def.Dispose(ns) == assess.InScope {
				names = append(names, ns.Name)
			}
			return true
		})
	}
	return names
}

// reconsider asks for a pass over each namespace that is, or was, in scope.
func (r *PolicyReconciler) reconsider(policy string, reached ...[]string) {
	names := slices.Concat(reached...)
	r.Recorder.View(func(k *ledger.Known) {
		for _, m := range k.Members(policy) {
			names = append(names, ledger.ScopeOf(m.Subject))
		}
	})
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		r.scopes.now(scopeRequest(name))
	}
}
