package observe

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// change is what an event did: the object, whether it is there now, and whether
// an input of a verdict changed.
type change struct {
	key     object
	present bool
	matters bool
}

// table is what is kept of one kind. The caller of its methods holds mu.
type table interface {
	// put stores an item, and remove drops it.
	put(o *Observer, item any) change
	remove(o *Observer, item any) change
	// replace stores exactly the items, and returns the namespaces where an input
	// of a verdict changed.
	replace(o *Observer, items []any) []string
}

// namespaceTable keeps control.Namespace items.
type namespaceTable struct{}

func (namespaceTable) put(o *Observer, item any) change {
	namespace := item.(*control.Namespace)
	s := o.scope(namespace.Name)
	old := s.namespace
	s.namespace = namespace
	matters := old == nil || old.UID != namespace.UID || old.Terminating != namespace.Terminating ||
		!maps.Equal(old.Labels, namespace.Labels)
	return change{key: namespaceKey(namespace), present: true, matters: matters}
}

func (namespaceTable) remove(o *Observer, item any) change {
	namespace := item.(*control.Namespace)
	s := o.scope(namespace.Name)
	matters := s.namespace != nil
	s.namespace = nil
	o.prune(namespace.Name)
	return change{key: namespaceKey(namespace), matters: matters}
}

func (t namespaceTable) replace(o *Observer, items []any) []string {
	changed := putAll(t, o, items)
	kept := make(map[string]struct{}, len(items))
	for _, item := range items {
		kept[item.(*control.Namespace).Name] = struct{}{}
	}
	for name, s := range o.scopes {
		if _, ok := kept[name]; !ok && s.namespace != nil {
			t.remove(o, s.namespace)
			changed = append(changed, name)
		}
	}
	return changed
}

func namespaceKey(namespace *control.Namespace) object {
	return object{need: control.NeedNamespaces, namespace: namespace.Name, name: namespace.Name}
}

// policyItem is a network policy on its way into the table.
type policyItem struct {
	namespace string
	policy    control.NetworkPolicy
}

// policyTable keeps policyItem items.
type policyTable struct{}

func (policyTable) put(o *Observer, item any) change {
	p := item.(*policyItem)
	s := o.scope(p.namespace)
	i, found := s.policy(p.policy.Name)
	matters := true
	if found {
		matters = policyMatters(&s.policies[i], &p.policy)
		s.policies[i] = p.policy
	} else {
		s.policies = slices.Insert(s.policies, i, p.policy)
	}
	return change{key: policyKey(p), present: true, matters: matters}
}

func (policyTable) remove(o *Observer, item any) change {
	p := item.(*policyItem)
	s := o.scope(p.namespace)
	i, found := s.policy(p.policy.Name)
	if found {
		s.policies = slices.Delete(s.policies, i, i+1)
	}
	o.prune(p.namespace)
	return change{key: policyKey(p), matters: found}
}

func (t policyTable) replace(o *Observer, items []any) []string {
	changed := putAll(t, o, items)
	type name struct{ namespace, policy string }
	kept := make(map[name]struct{}, len(items))
	for _, item := range items {
		p := item.(*policyItem)
		kept[name{p.namespace, p.policy.Name}] = struct{}{}
	}
	for namespace, s := range o.scopes {
		before := len(s.policies)
		s.policies = slices.DeleteFunc(s.policies, func(p control.NetworkPolicy) bool {
			_, ok := kept[name{namespace, p.Name}]
			return !ok
		})
		if len(s.policies) < before {
			changed = append(changed, namespace)
		}
		o.prune(namespace)
	}
	return changed
}

func policyKey(p *policyItem) object {
	return object{need: control.NeedNetworkPolicies, namespace: p.namespace, name: p.policy.Name}
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

// podItem names a pod that is neither Succeeded nor Failed.
type podItem struct{ namespace, name string }

// podTable keeps podItem items.
type podTable struct{}

func (podTable) put(o *Observer, item any) change {
	p := item.(podItem)
	s := o.scope(p.namespace)
	first := s.running == nil
	if first {
		s.running = map[string]struct{}{}
	}
	s.running[p.name] = struct{}{}
	return change{key: podKey(p), present: true, matters: s.terminating() && first}
}

func (podTable) remove(o *Observer, item any) change {
	p := item.(podItem)
	s := o.scope(p.namespace)
	_, found := s.running[p.name]
	delete(s.running, p.name)
	if len(s.running) == 0 {
		s.running = nil
	}
	o.prune(p.namespace)
	return change{key: podKey(p), matters: found && s.terminating() && s.running == nil}
}

func (t podTable) replace(o *Observer, items []any) []string {
	had := map[string]bool{}
	for namespace, s := range o.scopes {
		if s.terminating() {
			had[namespace] = len(s.running) > 0
		}
		s.running = nil
	}
	for _, item := range items {
		t.put(o, item)
	}
	var changed []string
	for namespace, running := range had {
		if running != (len(o.scopes[namespace].running) > 0) {
			changed = append(changed, namespace)
		}
	}
	for namespace := range o.scopes {
		o.prune(namespace)
	}
	return changed
}

func podKey(p podItem) object {
	return object{need: control.NeedPods, namespace: p.namespace, name: p.name}
}

// putAll stores items, and returns the namespaces where that mattered.
func putAll(t table, o *Observer, items []any) []string {
	var changed []string
	for _, item := range items {
		if c := t.put(o, item); c.matters {
			changed = append(changed, c.key.namespace)
		}
	}
	return changed
}
