package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// staleRetry is when a scope is tried again whose store has not reached one of
// our own writes, and was not triggered by it either.
const staleRetry = 5 * time.Second

// ScopeReconciler judges one namespace under all policies over it, in one
// pass over one snapshot, and repairs what deviates by one merged plan.
type ScopeReconciler struct {
	*Engine
}

// pass is one pass over one scope.
type pass struct {
	name string
	// began is when the pass began, now when the cluster was as it is judged.
	began, now time.Time
	// exists is whether there is such a namespace.
	exists   bool
	snapshot *control.Snapshot
	// pinned are the definitions that the pass judges by.
	pinned []*definition
	all    *definitions
	memo   *memo
	// distrusted are the control types whose evaluators failed their self-test.
	distrusted map[string]bool
	// proof is when an earlier process last observed.
	proof time.Time
	// unchanged is until when the scope was as it was judged last, zero where
	// that is not known.
	unchanged time.Time
	units     []unit
	// parts are those of the snapshot partsOf, as the ledger keeps them.
	parts   []assess.Part
	partsOf *control.Snapshot
	// acts are what was done and is not recorded yet; changed is whether the
	// state that they made is not.
	acts    []ledger.Draft
	changed bool
	// unresolved is whether only the observer knows that state.
	unresolved bool
	// broken are the pods that first enforcement broke.
	broken  string
	ticket  ledger.Ticket
	requeue time.Duration
}

// errSuperseded says that a policy changed during the pass.
var errSuperseded = errors.New("a policy changed during the pass")

// Reconcile makes one pass over one namespace.
func (r *ScopeReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if err := r.awaitObserving(ctx); err != nil {
		return ctrl.Result{}, err
	}
	if req == token {
		r.liveness.arrived(r)
		return ctrl.Result{}, nil
	}
	r.passes.begin(req.Name)
	result, err := r.pass(ctx, req)
	r.passes.end(req.Name, err != nil || (result.RequeueAfter > 0 && result.RequeueAfter <= staleRetry))
	return result, err
}

// pass makes one pass over one namespace.
func (r *ScopeReconciler) pass(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	now := r.Now()
	p := &pass{name: req.Name, began: now, now: now}
	for _, phase := range []func(context.Context, *pass) error{
		r.observe, r.evaluate, r.record, r.repair,
	} {
		if err := phase(ctx, p); err != nil {
			return finish(ctx, err)
		}
	}
	return ctrl.Result{RequeueAfter: p.requeue}, nil
}

// finish says what becomes of a pass that ended early.
func finish(ctx context.Context, err error) (ctrl.Result, error) {
	switch {
	case errors.Is(err, observe.ErrStale):
		return ctrl.Result{RequeueAfter: staleRetry}, nil
	case errors.Is(err, errSuperseded):
		log.FromContext(ctx).V(1).Info("A policy changed during the pass; it starts again")
		return ctrl.Result{RequeueAfter: time.Nanosecond}, nil
	default:
		return ctrl.Result{}, err
	}
}

// observe takes the snapshot and pins the definitions.
func (r *ScopeReconciler) observe(ctx context.Context, p *pass) error {
	p.unchanged = r.proofs.of(p.name)
	// What a definition needs is observed before it is in force.
	all := r.registry.load()
	snapshot, err := r.Observer.Snapshot(p.name)
	var unresolved *observe.UnresolvedWriteError
	switch {
	case errors.As(err, &unresolved):
		return r.resolve(ctx, unresolved)
	case errors.Is(err, observe.ErrNotFound):
		return r.bury(p)
	case err != nil:
		return err
	}
	p.exists, p.snapshot, p.all = true, snapshot, all
	p.pinned = p.all.over(snapshot.Namespace)
	p.distrusted = r.selfTests.distrusted()
	p.memo = r.memos.of(snapshot.Namespace)
	p.memo.meet(p.now)
	r.probed(p)
	return nil
}

// resolve finds out what became of a write without an answer.
func (r *ScopeReconciler) resolve(ctx context.Context, w *observe.UnresolvedWriteError) error {
	object := control.Change{APIVersion: w.APIVersion, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
	live, err := r.Applier.Read(ctx, object, "")
	switch {
	case err != nil:
		return fmt.Errorf("find out what became of a repair: %w", err)
	case live.Object.UID == "":
		r.Observer.NoteGone(w.APIVersion, w.Kind, w.Namespace, w.Name)
	default:
		r.Observer.NoteChange(w.APIVersion, w.Kind, w.Namespace, w.Name, live.Object.ResourceVersion)
	}
	return errSuperseded
}

// evaluate judges every control of every pinned definition.
func (r *ScopeReconciler) evaluate(_ context.Context, p *pass) error {
	if p.exists && len(p.pinned) > 0 {
		p.units = r.judge(p)
		r.Metrics.evaluated(r.Now().Sub(p.now))
	}
	return nil
}

// judge judges every control of every pinned definition over the snapshot.
func (p *pass) judge() []unit {
	var units []unit
	for _, def := range p.pinned {
		// By the very time that entries state: so a verdict can be made again.
		for _, u := range assess.Judge(def.Definition, p.snapshot, ledger.At(p.now).Time) {
			if p.distrusted[u.Control.Type] {
				u.Distrust()
			}
			units = append(units, unit{u, def})
		}
	}
	return units
}

// judge judges the pass's snapshot. Where an evaluator of objects fails, every object
// that is known to be judged by the control is not evaluated.
func (r *ScopeReconciler) judge(p *pass) []unit {
	units := p.judge()
	failed := func(u unit) bool { return u.Failed && !u.Control.JudgesNamespaces() }
	if !slices.ContainsFunc(units, failed) {
		return units
	}
	var all []unit
	r.Recorder.View(func(k *ledger.Known) {
		for _, u := range units {
			known := knownSubjects(k, p.name, &u)
			if !failed(u) || len(known) == 0 {
				all = append(all, u)
				continue
			}
			for _, subject := range known {
				u.Subject = subject
				all = append(all, u)
			}
		}
	})
	return all
}

// wake asks for another pass when the first of the verdicts may become another one
// by the mere passing of time.
func (p *pass) wake() {
	for i := range p.units {
		if until := p.units[i].Until; until.After(p.now) {
			p.again(until.Sub(p.now))
		}
	}
}

// record writes down what changed since the last known state.
func (r *ScopeReconciler) record(ctx context.Context, p *pass) error {
	if !p.exists {
		return nil
	}
	var transitions []ledger.Transition
	killpoint.Hit(killpoint.ScopeJudged)
	if !r.registry.do(p.snapshot.Namespace, p.pinned, func() {
		drafts := append(r.census(p), r.answered(p)...)
		drafts = append(drafts, r.observations(p)...)
		transitions, p.ticket = r.Recorder.Record(append(drafts, r.unobserved(p)...)...)
		r.occurred(p)
	}) {
		return errSuperseded
	}
	killpoint.Hit(killpoint.ScopeRecorded)
	r.settling.begin(p.name, transitions)
	p.memo.judged(p.all, p.began)
	r.proofs.judged(p.name, p.unchanged)
	p.unchanged = time.Time{} // it bounds what was recorded now
	p.remember()
	r.announce(transitions, p.ticket)
	r.introduce(p)
	r.whys.note(p.units)
	p.wake()
	// Nothing is repaired before it is durable, and no pass outruns the journal.
	p.ticket.Wait(ctx, journalWait)
	return nil
}
