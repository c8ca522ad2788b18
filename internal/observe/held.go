package observe

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// holder is a table that knows of which objects it holds something.
type holder interface {
	// held reports whether an object is there, and its UID, where that is kept.
	held(st *store, key object) (uid string, found bool)
}

// held implements holder.
func (namespaceTable) held(st *store, key object) (uid string, found bool) {
	s := st.scopes[key.name]
	if s == nil || s.namespace == nil {
		return "", false
	}
	return s.namespace.UID, true
}

// held implements holder.
func (policyTable) held(st *store, key object) (uid string, found bool) {
	s := st.scopes[key.namespace]
	if s == nil {
		return "", false
	}
	i, found := s.policy(key.name)
	if !found {
		return "", false
	}
	return s.policies[i].Identity.UID, true
}

// held implements holder.
func (serviceTable) held(st *store, key object) (uid string, found bool) {
	s := st.scopes[key.namespace]
	if s == nil {
		return "", false
	}
	i, found := s.service(key.name)
	if !found {
		return "", false
	}
	return s.services[i].UID, true
}

// holds reports whether an object of the kind is there. The caller holds mu.
func (k *kind) holds(key object) bool {
	table, ok := k.source.table.(holder)
	if !ok {
		return false
	}
	_, found := table.held(k.observer.store, key)
	return found
}

// Holds reports whether a subject is observed to exist, in whichever scope. It is
// false of a kind that is not observed.
func (o *Observer) Holds(subject control.Subject) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if subject.Kind == control.ClusterKind && subject.Group == "" {
		n := o.store.cluster.namespace
		return n != nil && n.UID == subject.UID
	}
	gk := schema.GroupKind{Group: subject.Group, Kind: subject.Kind}
	k := o.kinds[o.ids[gk]]
	if k == nil {
		return false
	}
	table, ok := k.source.table.(holder)
	if !ok {
		return false
	}
	// Subjects of cluster-scoped kinds bear the namespace that judges them.
	key := object{kind: k.source.id, name: subject.Name}
	if k.source.extent == ofNamespaces {
		key.namespace = subject.Namespace
	}
	uid, found := table.held(o.store, key)
	return found && uid == subject.UID
}

// ids are the ids of the kinds by which objects are observed that somebody may
// write, or that are subjects: the first one of each kind.
func ids() map[schema.GroupKind]string {
	ids := map[schema.GroupKind]string{}
	note := func(group, kind, id string) {
		gk := schema.GroupKind{Group: group, Kind: kind}
		if _, found := ids[gk]; !found {
			ids[gk] = id
		}
	}
	for _, s := range always("", defaultDNS()) {
		note(s.group, s.name, s.id)
	}
	for _, o := range optionals() {
		note(o.group, o.kind, o.id)
	}
	return ids
}
