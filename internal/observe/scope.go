package observe

import (
	"cmp"
	"slices"
	"unique"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// scope is what is kept of one namespace. Labels and specs are never changed in
// place: snapshots share them.
type scope struct {
	// namespace is nil where only objects in it are known: the kinds are watched
	// side by side, and a namespace may be seen after what it holds.
	namespace *control.Namespace
	// policies are ordered by name.
	policies []control.NetworkPolicy
	// running are the names of the pods that are neither Succeeded nor Failed.
	running map[string]struct{}
}

// policy returns where a policy is, or belongs, among the policies.
func (s *scope) policy(name string) (index int, found bool) {
	return slices.BinarySearchFunc(s.policies, name, func(p control.NetworkPolicy, name string) int {
		return cmp.Compare(p.Name, name)
	})
}

// terminating reports whether running pods matter to the verdict.
func (s *scope) terminating() bool {
	return s.namespace != nil && s.namespace.Terminating
}

// scope returns what is kept of a namespace, and makes it where there is
// nothing. The caller holds mu.
func (o *Observer) scope(namespace string) *scope {
	s := o.scopes[namespace]
	if s == nil {
		s = &scope{}
		o.scopes[intern(namespace)] = s
	}
	return s
}

// prune forgets a namespace of which nothing is left. The caller holds mu.
func (o *Observer) prune(namespace string) {
	if s := o.scopes[namespace]; s != nil && s.namespace == nil && len(s.policies) == 0 && len(s.running) == 0 {
		delete(o.scopes, namespace)
	}
}

// holds reports whether a store holds an object. The caller holds mu.
func (o *Observer) holds(key object) bool {
	s := o.scopes[key.namespace]
	if s == nil {
		return false
	}
	switch key.need {
	case control.NeedNetworkPolicies:
		_, found := s.policy(key.name)
		return found
	case control.NeedNamespaces:
		return s.namespace != nil
	case control.NeedPods:
		_, found := s.running[key.name]
		return found
	default:
		return false
	}
}

// intern returns the one copy of a string that occurs in many objects.
func intern(s string) string {
	return unique.Make(s).Value()
}
