package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// registry holds the definitions in force, and is the gate between edits of
// policies and what is done in their name: a finding is recorded and a repair
// is sent only inside do, which refuses definitions that are no longer in
// force; a new definition comes into force only inside swap, when nothing done
// in the name of the old one is under way.
type registry struct {
	gate    sync.RWMutex
	current atomic.Pointer[definitions]
	// renewed are the policies that were taken out to be put in force again.
	renewed map[string]struct{}
}

// definitions are the definitions in force at one moment. It is immutable.
type definitions struct {
	byName map[string]*definition
	sorted []*definition

	once        sync.Once
	generations map[string]int64
}

// stated are the generations of the policies, one map for all who ask. It must not
// be changed.
func (d *definitions) stated() map[string]int64 {
	d.once.Do(func() {
		d.generations = make(map[string]int64, len(d.sorted))
		for _, def := range d.sorted {
			d.generations[def.Name] = def.Generation
		}
	})
	return d.generations
}

func newRegistry() *registry {
	r := &registry{renewed: map[string]struct{}{}}
	r.current.Store(&definitions{byName: map[string]*definition{}})
	return r
}

// load returns the definitions in force.
func (r *registry) load() *definitions { return r.current.Load() }

// do calls fn unless one of the definitions is no longer in force for the
// namespace, and reports whether it did.
func (r *registry) do(ns control.Namespace, pinned []*definition, fn func()) bool {
	r.gate.RLock()
	defer r.gate.RUnlock()
	if !slices.Equal(r.load().over(ns), pinned) {
		return false
	}
	fn()
	return true
}

// during calls fn if the definition is in force.
func (r *registry) during(def *definition, fn func()) {
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.load().byName[def.Name] == def {
		fn()
	}
}

// swap puts a definition in force (nil: takes it out), after record was called
// with nothing under way.
func (r *registry) swap(name string, next *definition, record func()) {
	r.gate.Lock()
	defer r.gate.Unlock()
	record()
	delete(r.renewed, name)
	byName := maps.Clone(r.load().byName)
	if next == nil {
		delete(byName, name)
	} else {
		byName[name] = next
	}
	r.current.Store(&definitions{byName: byName, sorted: slices.SortedFunc(maps.Values(byName),
		func(a, b *definition) int { return cmp.Compare(a.Name, b.Name) })})
}

// renew takes every definition out of force, to be put in force again, and
// returns the names of their policies.
func (r *registry) renew() []string {
	r.gate.Lock()
	defer r.gate.Unlock()
	names := sortedKeys(r.load().byName)
	for _, name := range names {
		r.renewed[name] = struct{}{}
	}
	r.current.Store(&definitions{byName: map[string]*definition{}})
	return names
}

// renewing is whether a policy is not in force again that was.
func (r *registry) renewing() bool {
	r.gate.RLock()
	defer r.gate.RUnlock()
	return len(r.renewed) > 0
}

// over are the valid definitions with the namespace in scope, by name.
func (d *definitions) over(ns control.Namespace) []*definition {
	var over []*definition
	for _, def := range d.sorted {
		if def.Invalid == "" && def.Dispose(ns) == assess.InScope {
			over = append(over, def)
		}
	}
	return over
}
