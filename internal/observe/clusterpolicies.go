package observe

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// clusterPolicyItem is a cluster-scoped object that overrides NetworkPolicies.
type clusterPolicyItem struct {
	key     object
	ref     control.ObjectRef
	subject subject
	// policy is nil where no evaluator models what the object says.
	policy *control.ClusterPolicy
	peers  []peerRef
	// text is the whole of it, by which changes are told.
	text string
}

// subject is whom an object is about.
type subject struct {
	namespaces labels.Selector
	// pods is nil for every pod.
	pods labels.Selector
}

// touches reports whether a namespace is among the subjects.
func (s subject) touches(in *scope) bool {
	return in.namespace != nil && s.namespaces.Matches(labels.Set(in.namespace.Labels))
}

// subjectSpec is the subject as the kinds of policy.networking.k8s.io write it.
type subjectSpec struct {
	Namespaces *metav1.LabelSelector `json:"namespaces"`
	Pods       *control.ClusterPods  `json:"pods"`
}

// read returns the subject, and whether it could be read: one that could not may
// be anything.
func (s *subjectSpec) read() (subject, bool) {
	everything := subject{namespaces: labels.Everything()}
	switch {
	case s.Namespaces != nil:
		namespaces, err := metav1.LabelSelectorAsSelector(s.Namespaces)
		if err != nil {
			return everything, false
		}
		return subject{namespaces: namespaces}, true
	case s.Pods != nil:
		namespaces, err := metav1.LabelSelectorAsSelector(&s.Pods.NamespaceSelector)
		if err != nil {
			return everything, false
		}
		pods, err := metav1.LabelSelectorAsSelector(&s.Pods.PodSelector)
		if err != nil {
			return subject{namespaces: namespaces}, false
		}
		return subject{namespaces: namespaces, pods: pods}, true
	default:
		return everything, false
	}
}

// clusterPolicySpec is what is read of a ClusterNetworkPolicy.
type clusterPolicySpec struct {
	Tier     string            `json:"tier"`
	Priority int32             `json:"priority"`
	Subject  subjectSpec       `json:"subject"`
	Ingress  []clusterRuleSpec `json:"ingress"`
	Egress   []clusterRuleSpec `json:"egress"`
}

type clusterRuleSpec struct {
	Name      string  `json:"name"`
	Action    string  `json:"action"`
	From      []oneOf `json:"from"`
	To        []oneOf `json:"to"`
	Protocols []oneOf `json:"protocols"`
}

// oneOf is a union, of which the members are read one by one: a member that we do
// not know must not read as if nothing were there.
type oneOf map[string]json.RawMessage

// convertClusterPolicy keeps what is judged of a ClusterNetworkPolicy.
func convertClusterPolicy(kind string, w *wire[clusterPolicySpec]) (*clusterPolicyItem, error) {
	item, err := newClusterPolicy(kind, "ClusterNetworkPolicy", w.Name, w.Spec)
	if err != nil {
		return nil, err
	}
	var readable bool
	if item.subject, readable = w.Spec.Subject.read(); !readable {
		return item, nil
	}
	policy := &control.ClusterPolicy{Name: w.Name, Tier: w.Spec.Tier, Priority: w.Spec.Priority}
	if w.Spec.Subject.Pods != nil {
		policy.Pods = &w.Spec.Subject.Pods.PodSelector
	}
	var ingress, egress bool
	policy.Ingress, ingress = clusterRules(w.Spec.Ingress)
	policy.Egress, egress = clusterRules(w.Spec.Egress)
	if ingress && egress {
		item.policy = policy
		item.peers = clusterPeers(policy.Ingress, policy.Egress)
	}
	return item, nil
}

// clusterRules reads rules, and reports whether all of them could be read.
func clusterRules(specs []clusterRuleSpec) (rules []control.ClusterRule, ok bool) {
	for i := range specs {
		spec := &specs[i]
		rule := control.ClusterRule{Name: spec.Name, Action: spec.Action}
		for _, peer := range slices.Concat(spec.From, spec.To) {
			read, ok := clusterPeer(peer)
			if !ok {
				return nil, false
			}
			rule.Peers = append(rule.Peers, read)
		}
		for _, protocol := range spec.Protocols {
			read, ok := clusterProtocol(protocol)
			if !ok {
				return nil, false
			}
			rule.Protocols = append(rule.Protocols, read)
		}
		rules = append(rules, rule)
	}
	return rules, true
}

// clusterPeer reads a peer, and reports whether it could be read.
func clusterPeer(peer oneOf) (control.ClusterPeer, bool) {
	var read control.ClusterPeer
	members := slices.Sorted(maps.Keys(peer))
	if len(members) != 1 {
		return read, false
	}
	var err error
	switch members[0] {
	case "namespaces":
		err = json.Unmarshal(peer["namespaces"], &read.Namespaces)
	case "pods":
		err = json.Unmarshal(peer["pods"], &read.Pods)
	case "networks":
		err = json.Unmarshal(peer["networks"], &read.Networks)
	default:
		read.Unmodelled = members[0]
	}
	return read, err == nil
}

// clusterProtocol reads a protocol, and reports whether it could be read.
func clusterProtocol(protocol oneOf) (control.ClusterProtocol, bool) {
	var read control.ClusterProtocol
	members := slices.Collect(maps.Keys(protocol))
	if len(members) != 1 {
		return read, false
	}
	member := members[0]
	names := map[string]string{"tcp": "TCP", "udp": "UDP", "sctp": "SCTP"}
	if member == "destinationNamedPort" {
		return read, json.Unmarshal(protocol[member], &read.Name) == nil
	}
	var ports struct {
		DestinationPort *struct {
			Number int32 `json:"number"`
			Range  *struct {
				Start int32 `json:"start"`
				End   int32 `json:"end"`
			} `json:"range"`
		} `json:"destinationPort"`
	}
	read.Protocol = names[member]
	if read.Protocol == "" || json.Unmarshal(protocol[member], &ports) != nil {
		return read, false
	}
	if p := ports.DestinationPort; p != nil {
		read.From, read.To = p.Number, p.Number
		if p.Range != nil {
			read.From, read.To = p.Range.Start, p.Range.End
		}
	}
	return read, true
}

// overridingSpec is what is read of a kind that no evaluator models: whom it is
// about.
type overridingSpec struct {
	Subject *subjectSpec `json:"subject,omitempty"`
	// NodeSelector is what a Cilium policy has in the stead of EndpointSelector
	// where it is about nodes.
	NodeSelector json.RawMessage `json:"nodeSelector,omitempty"`
}

// convertOverriding keeps whom a cluster-scoped object is about: its subject, or
// every namespace where its kind has none, or one of another language. A policy
// for nodes is about none.
func convertOverriding(kind, name string, w *wire[overridingSpec]) (*clusterPolicyItem, error) {
	item, err := newClusterPolicy(kind, name, w.Name, struct {
		Spec  overridingSpec
		Specs []overridingSpec
	}{w.Spec, w.Specs})
	if err != nil {
		return nil, err
	}
	if w.Spec.Subject != nil {
		item.subject, _ = w.Spec.Subject.read()
		return item, nil
	}
	specs := w.Specs
	if len(specs) == 0 || w.Spec.NodeSelector != nil {
		specs = append(slices.Clone(specs), w.Spec)
	}
	if !slices.ContainsFunc(specs, func(s overridingSpec) bool { return s.NodeSelector == nil }) {
		item.subject.namespaces = labels.Nothing()
	}
	return item, nil
}

// newClusterPolicy returns an item that is about every namespace.
func newClusterPolicy(kind, kindName, name string, spec any) (*clusterPolicyItem, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return &clusterPolicyItem{
		key:     object{kind: kind, name: name},
		ref:     control.ObjectRef{Kind: kindName, Name: name},
		subject: subject{namespaces: labels.Everything()},
		text:    string(text),
	}, nil
}

// clusterPolicyTable keeps clusterPolicyItem items of one kind.
type clusterPolicyTable struct{ kind string }

func (clusterPolicyTable) put(st *store, item any) change {
	p := item.(*clusterPolicyItem)
	i, found := st.clusterPolicy(p.key)
	if found && st.clusterPolicies[i].text == p.text {
		return change{}
	}
	st.acquire(clusterUser, p.peers)
	if found {
		st.subjected(st.clusterPolicies[i])
		st.release(clusterUser, st.clusterPolicies[i].peers)
		st.clusterPolicies[i] = p
	} else {
		st.clusterPolicies = slices.Insert(st.clusterPolicies, i, p)
	}
	st.subjected(p)
	return change{}
}

func (clusterPolicyTable) remove(st *store, item any) change {
	i, found := st.clusterPolicy(item.(*clusterPolicyItem).key)
	if found {
		p := st.clusterPolicies[i]
		st.release(clusterUser, p.peers)
		st.clusterPolicies = slices.Delete(st.clusterPolicies, i, i+1)
		st.subjected(p)
	}
	return change{}
}

func (t clusterPolicyTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*clusterPolicyItem).key] = struct{}{}
		t.put(st, item)
	}
	for _, p := range slices.Clone(st.clusterPolicies) {
		if _, ok := kept[p.key]; !ok && p.key.kind == t.kind {
			t.remove(st, p)
		}
	}
}

// clusterPolicy returns where an object is, or belongs, among the cluster policies.
func (st *store) clusterPolicy(key object) (index int, found bool) {
	return slices.BinarySearchFunc(st.clusterPolicies, key, func(p *clusterPolicyItem, key object) int {
		return cmp.Or(cmp.Compare(p.key.kind, key.kind), cmp.Compare(p.key.name, key.name))
	})
}

// subjected touches the subjects of an object that changed.
func (st *store) subjected(p *clusterPolicyItem) {
	for name, s := range st.scopes {
		if p.subject.touches(s) {
			s.grouped = false
			st.touch(name, true)
		}
	}
}

// overridingItem is an object that overrides NetworkPolicies in its own namespace.
type overridingItem struct {
	key object
	at  map[string]control.ObjectRef
}

func convertNamespaced(kind, name string, w *wire[overridingSpec]) *overridingItem {
	return &overridingItem{
		key: object{kind: kind, namespace: w.Namespace, name: w.Name},
		at:  map[string]control.ObjectRef{intern(w.Namespace): {Kind: name, Namespace: w.Namespace, Name: w.Name}},
	}
}

// overridingTable keeps overridingItem items of one kind. What they say is
// nothing that is judged.
type overridingTable struct{ kind string }

func (overridingTable) put(st *store, item any) change {
	o := item.(*overridingItem)
	old := st.overriding.put(o.key, o.at)
	for namespace := range o.at {
		if _, found := old[namespace]; !found {
			st.touch(namespace, false)
		}
		delete(old, namespace)
	}
	for namespace := range old {
		st.touch(namespace, false)
	}
	return change{}
}

func (t overridingTable) remove(st *store, item any) change {
	return t.put(st, &overridingItem{key: item.(*overridingItem).key})
}

func (t overridingTable) replace(st *store, items []any) {
	kept := make(map[object]struct{}, len(items))
	for _, item := range items {
		kept[item.(*overridingItem).key] = struct{}{}
		t.put(st, item)
	}
	for _, key := range st.overriding.others(t.kind, kept) {
		t.remove(st, &overridingItem{key: key})
	}
}

// overrides adds to a snapshot what overrides the NetworkPolicies of its namespace.
func (st *store) overrides(s *scope, into *control.Snapshot) {
	for _, p := range st.clusterPolicies {
		switch {
		case !p.subject.touches(s):
		case p.policy != nil:
			into.ClusterPolicies = append(into.ClusterPolicies, *p.policy)
			st.resolve(&into.Peers, p.peers)
		case st.hasSubjects(s, p.subject):
			into.Unmodelled = append(into.Unmodelled, p.ref)
		}
	}
	for _, o := range st.overriding.at[s.namespace.Name] {
		into.Unmodelled = append(into.Unmodelled, o.value)
	}
	slices.SortFunc(into.Unmodelled, func(a, b control.ObjectRef) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	into.Unmodelled = slices.Compact(into.Unmodelled)
}

// hasSubjects reports whether a namespace has pods that are subjects. Pods on the
// host network never are.
func (st *store) hasSubjects(s *scope, subject subject) bool {
	if subject.pods == nil {
		return true
	}
	return slices.ContainsFunc(st.readiness(s), func(c control.PodClass) bool {
		return !c.HostNetwork && subject.pods.Matches(labels.Set(c.Labels))
	})
}
