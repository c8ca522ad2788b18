package observe

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Snapshot returns what is known of a namespace now. The error is ErrStale or
// ErrNotFound.
func (o *Observer) Snapshot(namespace string) (*control.Snapshot, error) {
	snapshot, err := o.read(namespace)
	if err != nil {
		return nil, err
	}
	if o.options.Owned != nil {
		for i := range snapshot.NetworkPolicies {
			p := &snapshot.NetworkPolicies[i]
			p.Ours = p.Ours || o.options.Owned("NetworkPolicy", namespace, p.Name, p.Identity.UID)
		}
	}
	return snapshot, nil
}

// read copies what is kept of a namespace under one lock, so that no part of it
// is older than the versions.
func (o *Observer) read(namespace string) (*control.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.scopes[namespace]
	if s == nil || s.namespace == nil {
		o.writes.abandon(namespace)
		return nil, ErrNotFound
	}
	if err := o.fresh(namespace); err != nil {
		return nil, err
	}
	snapshot := &control.Snapshot{
		Namespace:       s.view(),
		NetworkPolicies: slices.Clone(s.policies),
		Versions:        make(map[control.Need]string, len(o.kinds)),
	}
	for need, k := range o.kinds {
		snapshot.Versions[need] = k.version
		if need == control.NeedPods && !s.namespace.Terminating {
			continue
		}
		if reason := k.unavailable(); reason != "" {
			if snapshot.Unavailable == nil {
				snapshot.Unavailable = map[control.Need]string{}
			}
			snapshot.Unavailable[need] = reason
		}
	}
	return snapshot, nil
}

// Namespace returns a namespace, and whether there is one of that name. Its
// labels must not be changed.
func (o *Observer) Namespace(name string) (control.Namespace, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.scopes[name]
	if s == nil || s.namespace == nil {
		return control.Namespace{}, false
	}
	return s.view(), true
}

// Namespaces calls fn with each namespace, in no order, until it returns false.
// The labels must not be changed.
func (o *Observer) Namespaces(fn func(control.Namespace) bool) {
	o.mu.Lock()
	namespaces := make([]control.Namespace, 0, len(o.scopes))
	for _, s := range o.scopes {
		if s.namespace != nil {
			namespaces = append(namespaces, s.view())
		}
	}
	o.mu.Unlock()
	for _, namespace := range namespaces {
		if !fn(namespace) {
			return
		}
	}
}

// view returns the namespace as evaluators see it.
func (s *scope) view() control.Namespace {
	namespace := *s.namespace
	namespace.HasRunningPods = namespace.Terminating && len(s.running) > 0
	return namespace
}
