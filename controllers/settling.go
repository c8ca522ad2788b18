package controllers

import (
	"sync"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// settling are, by policy, the namespaces that were found to deviate and whose
// pass is not over: nobody knows yet what of that is repaired.
type settling struct {
	mu sync.Mutex
	by map[string]map[string]struct{}
}

// begin takes note of what a pass found and recorded.
func (s *settling) begin(namespace string, transitions []ledger.Transition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range transitions {
		e := &transitions[i].Entry
		if !transitions[i].Changed || e.Kind != ledger.KindOutcomeChanged || e.To.Outcome != control.Deviating {
			continue
		}
		if s.by[e.Policy.Name] == nil {
			s.by[e.Policy.Name] = map[string]struct{}{}
		}
		s.by[e.Policy.Name][namespace] = struct{}{}
	}
}

// end takes note that a pass is over. It returns the policies that it concerns.
func (s *settling) end(namespace string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var settled []string
	for policy, namespaces := range s.by {
		if _, settles := namespaces[namespace]; !settles {
			continue
		}
		settled = append(settled, policy)
		if delete(namespaces, namespace); len(namespaces) == 0 {
			delete(s.by, policy)
		}
	}
	return settled
}

// of reports whether a namespace of the policy settles.
func (s *settling) of(policy string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by[policy]) > 0
}

func (s *settling) forgetPolicy(policy string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, policy)
}

// passed takes note that the pass is over, unless what it did is yet to be judged.
func (r *ScopeReconciler) passed(p *pass) {
	if p.unresolved {
		return
	}
	for _, policy := range r.settling.end(p.name) {
		r.statusDue.soon(policy)
	}
}
