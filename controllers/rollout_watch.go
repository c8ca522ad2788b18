package controllers

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// watchEvery is how often the pods of a namespace are looked at that began to be
// enforced: their readiness is no input of a verdict, and triggers no pass.
const watchEvery = 2 * time.Second

// firstWatch is the time after first enforcement in which a namespace's pods are
// watched: what breaks in it is rolled back.
type firstWatch struct {
	until time.Time
	// ready are the workloads of which a pod was ready before, by their labels.
	ready map[string]bool
	// applied are the changes that were made, in their order.
	applied []enforce.Change
}

// beginWatch begins to watch the pods of the pass's namespace, if any is ready.
func (r *ScopeReconciler) beginWatch(p *pass, first map[enforce.Object][]enforce.Source, changes []enforce.Change) {
	ready := map[string]bool{}
	for _, w := range r.workloads(p.name) {
		if w.Ready > 0 {
			ready[w.Labels] = true
		}
	}
	if len(ready) == 0 {
		return
	}
	window := time.Duration(0)
	for _, def := range p.wanting(first) {
		_, interval := def.Rollout()
		window = max(window, interval)
	}
	applied := slices.DeleteFunc(slices.Clone(changes), func(c enforce.Change) bool {
		_, ok := first[enforce.ObjectOf(c.Change)]
		return !ok
	})
	p.memo.watch = &firstWatch{until: p.now.Add(window), ready: ready, applied: applied}
	p.again(watchEvery)
}

// broken names a workload of which a pod was ready before, and that has pods
// still, but no ready one.
func (w *firstWatch) broken(workloads []observe.Workload) string {
	for _, now := range workloads {
		switch {
		case !w.ready[now.Labels] || now.Ready > 0:
		case now.Labels == "":
			return "pods without labels"
		default:
			return "pods " + now.Labels
		}
	}
	return ""
}

// watchFirst looks at a namespace that began to be enforced a short while ago,
// and takes back what was applied if it broke pods. It reports whether it did:
// then the pass is over.
func (r *ScopeReconciler) watchFirst(ctx context.Context, p *pass, found issueSet) (rolledBack bool, err error) {
	w := p.memo.watch
	if w == nil {
		return r.finishRollback(ctx, p, found)
	}
	if !p.now.Before(w.until) {
		p.memo.watch = nil
		return false, nil
	}
	if _, unknown := p.snapshot.Unavailable[control.NeedPods]; unknown {
		p.again(watchEvery)
		return false, nil
	}
	broken := w.broken(r.workloads(p.name))
	if broken == "" {
		p.again(min(watchEvery, w.until.Sub(p.now)))
		return false, nil
	}
	p.memo.watch, p.broken = nil, broken
	for _, def := range p.wanting(w.sources()) {
		r.rollouts.stop(def)
	}
	message := fmt.Sprintf("%s of namespace %s were ready before it was applied, and none is since", broken, p.name)
	changes := p.takenBack(w.applied, message)
	r.recordRollback(ctx, p, changes)
	return true, r.carryOut(ctx, p, changes, found)
}

// recordRollback records what is about to be taken back, before it is: a process
// that dies amid it leaves behind what the next one has to finish.
func (r *ScopeReconciler) recordRollback(ctx context.Context, p *pass, changes []enforce.Change) {
	var drafts []ledger.Draft
	for _, change := range changes {
		for _, want := range change.WantedBy {
			draft := r.act(p, ledger.KindRolledBack, change, want, enforce.Find(p.snapshot, change.Change), nil)
			draft.Reason, draft.Message = ledger.RolledBackPodsNotReady, clip(change.Rollback)
			drafts = append(drafts, draft)
		}
	}
	transitions, ticket := r.Recorder.Record(drafts...)
	r.announce(transitions, ticket)
	ticket.Wait(ctx, journalWait)
	killpoint.Hit(killpoint.RollbackRecorded)
}

// finishRollback removes what an earlier process recorded as taken back in the
// namespace, and did not live to remove: objects that are ours, and that the
// ledger does not know any more.
func (r *ScopeReconciler) finishRollback(ctx context.Context, p *pass, found issueSet) (finished bool, err error) {
	var left []enforce.Change
	for _, def := range p.pinned {
		confirmed, _ := r.rollouts.of(def)
		if brake, _ := r.brakeOf(def); !confirmed && brake != nil && brake.Namespace == p.name {
			left = append(left, r.unknownOf(p, def)...)
		}
	}
	if len(left) == 0 {
		return false, nil
	}
	slices.SortStableFunc(left, func(a, b enforce.Change) int { return cmp.Compare(a.Effect, b.Effect) })
	p.broken = "pods"
	return true, r.carryOut(ctx, p, p.takenBack(left, "the process that took it back did not live to remove it"), found)
}

// unknownOf are the objects of ours that a policy wants and that are there,
// though the ledger knows nothing of them.
func (r *ScopeReconciler) unknownOf(p *pass, def *definition) []enforce.Change {
	created := r.created(p.name)
	var unknown []enforce.Change
	for _, wish := range r.wishes(p, issueSet{}) {
		for _, c := range wish.Changes {
			seen := enforce.Find(p.snapshot, c)
			if wish.Policy == def.Name && !c.Remove && seen != nil && seen.Ours && !created[kindAndName{c.Kind, c.Name}] {
				unknown = append(unknown, enforce.Change{Change: c, WantedBy: []enforce.Source{wish.Source}})
			}
		}
	}
	return unknown
}

// sources are those who wanted what was applied, by object.
func (w *firstWatch) sources() map[enforce.Object][]enforce.Source {
	sources := map[enforce.Object][]enforce.Source{}
	for _, c := range w.applied {
		sources[enforce.ObjectOf(c.Change)] = c.WantedBy
	}
	return sources
}

// takenBack are the changes that remove what was applied in a namespace, as far
// as it is still ours: the last comes first, so that nothing is denied without
// what goes with it. It is no longer what the namespace conformed by.
func (p *pass) takenBack(applied []enforce.Change, message string) []enforce.Change {
	var changes []enforce.Change
	var before []enforce.Object
	for _, c := range slices.Backward(applied) {
		for _, source := range c.WantedBy {
			p.memo.dropped(source)
		}
		if seen := enforce.Find(p.snapshot, c.Change); seen == nil || !seen.Ours {
			continue
		}
		back := enforce.Change{Change: c.Change, WantedBy: c.WantedBy}
		back.Spec, back.Fields, back.Annotations = nil, nil, nil
		back.Remove, back.Rollback = true, message
		if c.Effect == control.Restricts {
			before = append(before, enforce.ObjectOf(c.Change))
		} else {
			back.After = before
		}
		changes = append(changes, back)
	}
	return changes
}

// remember takes note of the controls under which the namespace conforms: what
// they repair from now on is restored, and not enforced for the first time.
func (p *pass) remember() {
	for units := range p.byControl() {
		source := enforce.Source{Policy: units[0].def.Name, Control: units[0].Control.Spec.ID}
		switch together(units) {
		case control.Conforming:
			p.memo.held(source, units[0].Control.Digest)
		case control.NotApplicable:
			p.memo.dropped(source)
		case control.Deviating, control.NotEvaluated:
		}
	}
}

// together is the outcome of a control in a scope: Conforming where each subject
// conforms that it applies to.
func together(units []unit) control.Outcome {
	outcome := control.NotApplicable
	for i := range units {
		switch next := units[i].State.Outcome; next {
		case control.Deviating, control.NotEvaluated:
			return next
		case control.Conforming:
			outcome = next
		case control.NotApplicable:
		}
	}
	return outcome
}

// byControl gives the units of each control, which follow each other.
func (p *pass) byControl() iter.Seq[[]unit] {
	return func(yield func([]unit) bool) {
		for rest := p.units; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Control == rest[0].Control && rest[n].def == rest[0].def {
				n++
			}
			if !yield(rest[:n:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// held remembers that the namespace conforms under a control as it is defined now.
func (m *memo) held(s enforce.Source, definition string) {
	at := slices.IndexFunc(m.conformed, func(c conformed) bool { return c.source == s })
	if at < 0 {
		m.conformed = append(m.conformed, conformed{s, definition})
		return
	}
	m.conformed[at].definition = definition
}

// dropped forgets that the namespace conformed under a control.
func (m *memo) dropped(s enforce.Source) {
	m.conformed = slices.DeleteFunc(m.conformed, func(c conformed) bool { return c.source == s })
}

// restores reports whether a change brings back what conformed before, under a
// control that wants it and is defined as it was.
func (m *memo) restores(c enforce.Change, definitions map[enforce.Source]string) bool {
	return slices.ContainsFunc(m.conformed, func(was conformed) bool {
		return slices.Contains(c.WantedBy, was.source) && definitions[was.source] == was.definition
	})
}

// conformed is a control under which a namespace conformed, and its definition then.
type conformed struct {
	source     enforce.Source
	definition string
}
