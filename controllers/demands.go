package controllers

import (
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// demands are what the controls of each policy need to be observed. A policy that is
// put in force again needs what it needed all the while.
type demands struct {
	mu sync.Mutex
	by map[string][]control.Need
}

// of takes note of what a policy's definition needs, nil where it is gone, and has all
// policies' needs observed.
func (d *demands) of(policy string, def *definition, observe func(...control.Need)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.by, policy)
	if def != nil {
		for i := range def.Controls {
			d.by[policy] = append(d.by[policy], def.Controls[i].Needs...)
		}
	}
	var all []control.Need
	for _, needs := range d.by {
		all = append(all, needs...)
	}
	slices.Sort(all)
	observe(slices.Compact(all)...)
}
