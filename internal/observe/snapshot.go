package observe

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Snapshot returns what is known of a scope now: of a namespace, or of the
// cluster, which there is while the namespace kube-system is known. The error is
// ErrStale or ErrNotFound.
func (o *Observer) Snapshot(scope string) (*control.Snapshot, error) {
	snapshot, err := o.read(scope)
	if err != nil {
		return nil, err
	}
	own(snapshot, o.options.Owned)
	return snapshot, nil
}

// read copies what is kept of a scope under one lock, so that no part of it
// is older than the versions.
func (o *Observer) read(namespace string) (*control.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.store.living(namespace)
	if s == nil {
		o.writes.abandon(namespace)
		return nil, ErrNotFound
	}
	if err := o.fresh(namespace); err != nil {
		return nil, err
	}
	snapshot := o.store.snapshot(s)
	needs := o.store.demanded.needs()
	snapshot.Versions = make(map[control.Need]string, len(needs))
	for _, need := range needs {
		snapshot.Versions[need] = o.version(need)
		if reason := o.reason(need); reason != "" {
			if snapshot.Unavailable == nil {
				snapshot.Unavailable = map[control.Need]string{}
			}
			snapshot.Unavailable[need] = reason
		}
	}
	return snapshot, nil
}

// version returns the resourceVersion that every kind of a need has reached. The
// caller holds mu.
func (o *Observer) version(need control.Need) (version string) {
	first := true
	o.serving(need, func(k *kind) bool {
		if k != nil && (first || !reached(k.version, version)) {
			version, first = k.version, false
		}
		return true
	})
	return version
}

// snapshot returns what is known of a living scope.
func (st *store) snapshot(s *scope) *control.Snapshot {
	if s == &st.cluster {
		return st.clusterSnapshot()
	}
	name := s.namespace.Name
	snapshot := &control.Snapshot{
		Namespace:         s.view(),
		NetworkPolicies:   make([]control.NetworkPolicy, 0, len(s.policies)),
		Pods:              st.readiness(s),
		Services:          st.servicesOf(s),
		Entrances:         st.entrancesOf(name),
		Lifelines:         st.lifelines,
		AdmissionBackends: st.backends(name, s),
	}
	for i := range s.policies {
		snapshot.NetworkPolicies = append(snapshot.NetworkPolicies, s.policies[i].NetworkPolicy)
		st.resolve(&snapshot.Peers, s.policies[i].peers)
	}
	st.overrides(s, snapshot)
	st.namespaceObjects(s, snapshot)
	return snapshot
}

// Namespace returns a namespace, or what stands for the cluster, and whether there
// is one of that name. Its labels must not be changed.
func (o *Observer) Namespace(name string) (control.Namespace, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.store.living(name)
	if s == nil {
		return control.Namespace{}, false
	}
	return s.view(), true
}

// Namespaces calls fn with each namespace, but not with the cluster, in no order, until it returns false.
// The labels must not be changed.
func (o *Observer) Namespaces(fn func(control.Namespace) bool) {
	o.mu.Lock()
	namespaces := o.store.views()
	o.mu.Unlock()
	for _, namespace := range namespaces {
		if !fn(namespace) {
			return
		}
	}
}

// views returns the namespaces as evaluators see them.
func (st *store) views() []control.Namespace {
	namespaces := make([]control.Namespace, 0, len(st.scopes))
	for _, s := range st.scopes {
		if s.namespace != nil {
			namespaces = append(namespaces, s.view())
		}
	}
	return namespaces
}

// Mark returns another number whenever an input of a scope's verdict changed since
// the last time, by whichever hand, or it came or went. Of a scope that is not
// there it may return another number although nothing happened to it.
func (o *Observer) Mark(scope string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.store.living(scope); s != nil {
		return s.mark
	}
	return o.store.removed
}

// Reached reports whether kinds are observed, and up to these resourceVersions at
// least.
func (o *Observer) Reached(versions map[string]string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, version := range versions {
		k := o.kinds[id]
		if k == nil || k.unavailable() != "" || !reached(k.version, version) {
			return false
		}
	}
	return true
}
