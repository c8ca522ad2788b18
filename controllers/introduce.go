package controllers

import (
	"sync"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// introductions wait for the first complete evaluation of each generation.
type introductions struct {
	mu sync.Mutex
	by map[string]*introduction
}

// introduction is a generation some of whose namespaces are not evaluated yet.
type introduction struct {
	def      *definition
	waiting  map[string]struct{}
	subjects int
}

// await begins to wait for the namespaces in a generation's scope.
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
	i.by[def.Name] = &introduction{def: def, waiting: waiting, subjects: len(namespaces)}
}

// evaluated takes note that a namespace was held against the definitions in
// force, and returns the generations that are evaluated completely by that.
func (i *introductions) evaluated(namespace string, by *definitions) []*introduction {
	i.mu.Lock()
	defer i.mu.Unlock()
	var complete []*introduction
	for name, intro := range i.by {
		if _, waits := intro.waiting[namespace]; !waits || by.byName[name] != intro.def {
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

// introduce takes note that the pass evaluated its namespace, unless something
// that a control needs could not be observed.
func (r *ScopeReconciler) introduce(p *pass) {
	for i := range p.units {
		if p.units[i].Partly(p.snapshot) || p.units[i].Distrusted {
			return
		}
	}
	for _, intro := range r.intros.evaluated(p.name, p.all) {
		r.introduced(intro.def, intro.subjects)
	}
}

// introduced records that a generation was evaluated completely. Only controls
// that are new, or defined anew, make an entry.
func (r *Engine) introduced(def *definition, subjects int) {
	now := r.Now()
	drafts := make([]ledger.Draft, 0, len(def.Controls))
	for i := range def.Controls {
		c := &def.Controls[i]
		intro := &ledger.IntroBody{OperatingFrom: ledger.At(now), Subjects: subjects}
		if c.Spec.OperatingFrom != nil {
			intro.OperatingFrom, intro.Declared = ledger.At(c.Spec.OperatingFrom.Time), true
		}
		drafts = append(drafts, ledger.Draft{At: now, Entry: ledger.Entry{
			Kind: ledger.KindControlIntroduced, Policy: def.Ref(c), Control: c.Spec.ID, Intro: intro}})
	}
	r.registry.during(def, func() { r.Recorder.Record(drafts...) })
	killpoint.Hit(killpoint.ControlIntroduced)
	r.statusDue.now(def.Name)
}
