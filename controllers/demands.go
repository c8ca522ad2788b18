package controllers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// demands are what the controls of each policy need to be observed. A policy that is
// put in force again needs what it needed all the while.
type demands struct {
	mu       sync.Mutex
	by       map[string]demanded
	observer demandable
}

// demanded is what a policy needs to be observed.
type demanded struct {
	needs []control.Need
	plans []types.NamespacedName
}

// demandable observes what it is told to.
type demandable interface {
	Demand(needs ...control.Need)
	DemandPlans(plans ...types.NamespacedName)
}

// of takes note of the definitions that a policy may be judged by, none where it is
// gone and nil standing for none, and has observed what all policies need.
func (d *demands) of(policy string, defs ...*definition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.by, policy)
	for _, def := range defs {
		if def != nil {
			d.by[policy] = d.by[policy].with(def)
		}
	}
	var all demanded
	for _, by := range d.by {
		all.needs, all.plans = append(all.needs, by.needs...), append(all.plans, by.plans...)
	}
	slices.Sort(all.needs)
	d.observer.Demand(slices.Compact(all.needs)...)
	d.observer.DemandPlans(all.plans...)
}

// with adds what a definition needs.
func (d demanded) with(def *definition) demanded {
	for i := range def.Controls {
		c := &def.Controls[i]
		d.needs = append(d.needs, c.Needs...)
		if spec := c.Spec.Backup; spec != nil {
			d.plans = append(d.plans, types.NamespacedName{Namespace: control.VeleroNamespace(spec), Name: control.PlanName(def.Name, c.Spec.ID, spec)})
		}
	}
	return d
}
