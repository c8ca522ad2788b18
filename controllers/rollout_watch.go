package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
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
func (r *ScopeReconciler) beginWatch(p *pass, first map[string][]enforce.Source, changes []enforce.Change) {
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
		_, ok := first[c.Name]
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
		return false, nil
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
	return true, r.carryOut(ctx, p, p.takenBack(w), found)
}

// sources are those who wanted what was applied, by the name of the object.
func (w *firstWatch) sources() map[string][]enforce.Source {
	sources := map[string][]enforce.Source{}
	for _, c := range w.applied {
		sources[c.Name] = c.WantedBy
	}
	return sources
}

// takenBack are the changes that remove what was applied in a namespace, as far
// as it is still ours: the last comes first, so that nothing is denied without
// what goes with it. It is no longer what the namespace conformed by.
func (p *pass) takenBack(w *firstWatch) []enforce.Change {
	message := fmt.Sprintf("%s of namespace %s were ready before it was applied, and none is since", p.broken, p.name)
	var changes []enforce.Change
	var before []enforce.Object
	for _, c := range slices.Backward(w.applied) {
		for _, source := range c.WantedBy {
			p.memo.dropped(source)
		}
		if np := existing(p.snapshot, c.Name); np == nil || !np.Ours {
			continue
		}
		back := enforce.Change{Change: c.Change, WantedBy: c.WantedBy}
		back.Spec, back.Remove, back.Rollback = nil, true, message
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
	for i := range p.units {
		u := &p.units[i]
		source := enforce.Source{Policy: u.def.Name, Control: u.Control.Spec.ID}
		switch u.State.Outcome {
		case control.Conforming:
			p.memo.held(source, u.Control.Digest)
		case control.NotApplicable:
			p.memo.dropped(source)
		case control.Deviating, control.NotEvaluated:
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
