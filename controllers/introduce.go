package controllers

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// introductions wait for the first complete evaluation of each generation.
type introductions struct {
	mu sync.Mutex
	by map[string]*introduction
}

// introduction is a generation some of whose scopes are not evaluated yet.
type introduction struct {
	def     *definition
	waiting map[string]struct{}
	// namespaces is how many namespaces are in its scope.
	namespaces int
}

// await begins to wait for the scopes that a generation reaches.
func (i *introductions) await(def *definition, namespaces []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(namespaces) == 0 {
		delete(i.by, def.Name)
		return
	}
	waiting := make(map[string]struct{}, len(namespaces))
	for _, name := range namespaces {
		waiting[name] = struct{}{}
	}
	i.by[def.Name] = &introduction{def: def, waiting: waiting, namespaces: namespacesAmong(namespaces)}
}

// namespacesAmong is how many of the scopes are namespaces.
func namespacesAmong(scopes []string) int {
	if slices.Contains(scopes, control.Cluster) {
		return len(scopes) - 1
	}
	return len(scopes)
}

// evaluated takes note that a scope was held against the definitions in force,
// completely but for those that it was not, and returns the generations that are
// evaluated completely by that.
func (i *introductions) evaluated(namespace string, by *definitions, but map[*definition]bool) []*introduction {
	i.mu.Lock()
	defer i.mu.Unlock()
	var complete []*introduction
	for name, intro := range i.by {
		if _, waits := intro.waiting[namespace]; !waits || by.byName[name] != intro.def || but[intro.def] {
			continue
		}
		delete(intro.waiting, namespace)
		if len(intro.waiting) == 0 {
			delete(i.by, name)
			complete = append(complete, intro)
		}
	}
	return complete
}

// waits reports whether a generation waits for the evaluation of a namespace.
func (i *introductions) waits(def *definition, namespace string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	intro := i.by[def.Name]
	if intro == nil || intro.def != def {
		return false
	}
	_, waits := intro.waiting[namespace]
	return waits
}

// pending reports whether a policy waits for its first complete evaluation.
func (i *introductions) pending(policy string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, waits := i.by[policy]
	return waits
}

func (i *introductions) forget(policy string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.by, policy)
}

// introduce takes note that the pass evaluated its scope by the definitions, but for
// those of which a control needs something that could not be observed.
func (r *ScopeReconciler) introduce(p *pass) {
	var partly map[*definition]bool
	for _, def := range p.pinned {
		if slices.ContainsFunc(def.Controls, func(c assess.Control) bool { return c.Partly(p.snapshot) || p.distrusted[c.Type] }) {
			if partly == nil {
				partly = map[*definition]bool{}
			}
			partly[def] = true
		}
	}
	for _, intro := range r.intros.evaluated(p.name, p.all, partly) {
		r.introduced(intro.def, intro.namespaces)
	}
}

// introduced records that a generation was evaluated completely. Only controls
// that are new, or defined anew, make an entry.
func (r *Engine) introduced(def *definition, namespaces int) {
	due := false
	r.registry.during(def, func() {
		r.occurrences.mu.Lock()
		defer r.occurrences.mu.Unlock()
		now := r.Now()
		drafts := make([]ledger.Draft, 0, len(def.Controls))
		for i := range def.Controls {
			c := &def.Controls[i]
			intro := r.introduction(def, c, namespaces, now)
			due = due || intro.Slots != nil
			drafts = append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{
				Kind: ledger.KindControlIntroduced, Policy: def.Ref(c), Control: c.Spec.ID, Intro: intro}})
		}
		r.Recorder.Record(drafts...)
	})
	killpoint.Hit(killpoint.ControlIntroduced)
	r.statusDue.now(def.Name)
	if due {
		r.scopes.now(scopeRequest(control.Cluster))
	}
}

// introduction is what is stated of a control that was evaluated completely.
func (r *Engine) introduction(def *definition, c *assess.Control, namespaces int, now time.Time) *ledger.IntroBody {
	intro := &ledger.IntroBody{OperatingFrom: ledger.At(now), Subjects: namespaces, Slots: r.slotsFrom(def, c, now)}
	if !c.JudgesNamespaces() {
		intro.Subjects = r.judged(def, c)
	}
	if c.Spec.OperatingFrom != nil {
		intro.OperatingFrom, intro.Declared = ledger.At(c.Spec.OperatingFrom.Time), true
	}
	return intro
}

// judged is how many subjects a control has a state of.
func (r *Engine) judged(def *definition, c *assess.Control) int {
	n := 0
	r.Recorder.View(func(k *ledger.Known) {
		if t := k.Tally(def.Name, c.Spec.ID); t != nil {
			n = t.Conforming + t.NotApplicable + len(t.NotEvaluated) + len(t.Open)
		}
	})
	return n
}
