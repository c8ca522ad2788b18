package observe

import (
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// change is what an event did: the object, whether it is there now, and whether
// an input of its own scope's verdict changed. Whatever else is due, the
// store has noted as touched.
type change struct {
	key     object
	present bool
	matters bool
}

// table is what is kept of one kind.
type table interface {
	// put stores an item, and remove drops it.
	put(st *store, item any) change
	remove(st *store, item any) change
	// replace stores exactly the items, and touches the namespaces where an input
	// of a verdict changed.
	replace(st *store, items []any)
}

// touching touches the scope of a change that matters.
func (st *store) touching(c change) {
	if c.matters {
		st.touch(c.key.scope(), false)
	}
}

// namespaceTable keeps namespaceItem items.
type namespaceTable struct{}

func (namespaceTable) put(st *store, item any) change {
	i := item.(*namespaceItem)
	namespace := i.Namespace
	s := st.scope(namespace.Name)
	old := s.namespace
	restated := s.inbound != i.inbound && st.demanded.meets(control.NeedMesh)
	s.inbound = i.inbound
	relabelled := old == nil || !maps.Equal(old.Labels, namespace.Labels)
	s.namespace = namespace
	if identifies(namespace.Name) {
		st.renewCluster(namespace)
	}
	if relabelled {
		st.relabelled(old, namespace)
		s.grouped = false
		st.lifelinesStale = st.lifelinesStale || namespace.Name == st.dns.Namespace
	}
	matters := relabelled || restated || old.UID != namespace.UID || old.Terminating != namespace.Terminating
	return change{key: namespaceKey(namespace), present: true, matters: matters}
}

func (namespaceTable) remove(st *store, item any) change {
	namespace := item.(*namespaceItem).Namespace
	s := st.scopes[namespace.Name]
	if s == nil || s.namespace == nil {
		return change{key: namespaceKey(namespace)}
	}
	old := s.namespace
	s.namespace, s.inbound = nil, ""
	st.marks++
	st.removed = st.marks
	st.relabelled(old, nil)
	if identifies(namespace.Name) {
		st.renewCluster(nil)
	}
	st.prune(namespace.Name)
	return change{key: namespaceKey(namespace), matters: true}
}

func (t namespaceTable) replace(st *store, items []any) {
	kept := make(map[string]struct{}, len(items))
	for _, item := range items {
		kept[item.(*namespaceItem).Name] = struct{}{}
		st.touching(t.put(st, item))
	}
	for name, s := range st.scopes {
		if _, ok := kept[name]; !ok && s.namespace != nil {
			st.touching(t.remove(st, &namespaceItem{Namespace: s.namespace}))
		}
	}
}

func namespaceKey(namespace *control.Namespace) object {
	return object{kind: string(control.NeedNamespaces), namespace: namespace.Name, name: namespace.Name}
}

// policyItem is a network policy on its way into the table.
type policyItem struct {
	namespace string
	policy    control.NetworkPolicy
	// peers are the selectors that reach beyond the namespace.
	peers []peerRef
}

// policyEntry is a network policy in the table.
type policyEntry struct {
	control.NetworkPolicy
	peers []peerRef
	// shared is the spec where it is kept once for all policies that have it.
	shared *sharedSpec
}

// sharedSpec is the spec of policies of ours: they are the same in thousands of
// namespaces.
type sharedSpec struct {
	key   string
	spec  networkingv1.NetworkPolicySpec
	users int
}

// share lets a policy of ours have the one copy of its spec.
func (st *store) share(entry *policyEntry) {
	if !entry.Ours {
		return
	}
	wire, err := entry.Spec.Marshal()
	if err != nil {
		return // it is kept as it is
	}
	shared := st.specs[string(wire)]
	if shared == nil {
		shared = &sharedSpec{key: string(wire), spec: entry.Spec}
		st.specs[shared.key] = shared
	}
	shared.users++
	entry.shared, entry.Spec = shared, shared.spec
}

// unshare ends the use of a spec.
func (st *store) unshare(shared *sharedSpec) {
	if shared == nil {
		return
	}
	if shared.users--; shared.users == 0 {
		delete(st.specs, shared.key)
	}
}

// policyTable keeps policyItem items.
type policyTable struct{}

func (policyTable) put(st *store, item any) change {
	p := item.(*policyItem)
	s := st.scope(p.namespace)
	i, found := s.policy(p.policy.Name)
	if !found {
		s.policies = slices.Insert(s.policies, i, policyEntry{})
	} else if !policyMatters(&s.policies[i].NetworkPolicy, &p.policy) {
		s.policies[i].Identity = p.policy.Identity
		return change{key: policyKey(p), present: true}
	}
	// New uses come before old ones go, so that a selector that stays is not
	// counted anew. The table keeps the keys: the peers hold what was parsed.
	resolves := st.acquire(p.namespace, p.peers)
	st.release(p.namespace, s.policies[i].peers)
	entry := policyEntry{NetworkPolicy: p.policy, peers: slices.Clone(p.peers)}
	for j := range entry.peers {
		entry.peers[j].selector = nil
	}
	st.share(&entry)
	st.unshare(s.policies[i].shared)
	keys := s.keys
	s.policies[i] = entry
	s.grouped = false
	st.group(s)
	if resolves || len(s.pods) > 0 && !slices.Equal(keys, s.keys) {
		// Even where the change itself is our own, what it says of other objects
		// is yet to be judged.
		st.touch(p.namespace, true)
	}
	return change{key: policyKey(p), present: true, matters: true}
}

func (policyTable) remove(st *store, item any) change {
	p := item.(*policyItem)
	s := st.scopes[p.namespace]
	if s == nil {
		return change{key: policyKey(p)}
	}
	i, found := s.policy(p.policy.Name)
	if found {
		st.release(p.namespace, s.policies[i].peers)
		st.unshare(s.policies[i].shared)
		s.policies = slices.Delete(s.policies, i, i+1)
		s.grouped = false
	}
	st.prune(p.namespace)
	return change{key: policyKey(p), matters: found}
}

func (t policyTable) replace(st *store, items []any) {
	type name struct{ namespace, policy string }
	kept := make(map[name]struct{}, len(items))
	for _, item := range items {
		p := item.(*policyItem)
		kept[name{p.namespace, p.policy.Name}] = struct{}{}
		st.touching(t.put(st, item))
	}
	for namespace, s := range st.scopes {
		for i := len(s.policies) - 1; i >= 0; i-- {
			policy := s.policies[i].NetworkPolicy
			if _, ok := kept[name{namespace, policy.Name}]; !ok {
				st.touching(t.remove(st, &policyItem{namespace: namespace, policy: policy}))
			}
		}
	}
}

func policyKey(p *policyItem) object {
	return object{kind: string(control.NeedNetworkPolicies), namespace: p.namespace, name: p.policy.Name}
}

// policyMatters reports whether evaluators could judge two states of a policy
// differently. The generation moves with each change of the spec; a restored
// cluster may go back to a generation seen before, hence the comparison.
func policyMatters(old, updated *control.NetworkPolicy) bool {
	return old.Identity.UID != updated.Identity.UID ||
		old.Identity.Generation != updated.Identity.Generation ||
		old.Ours != updated.Ours ||
		!equality.Semantic.DeepEqual(old.Spec, updated.Spec)
}
