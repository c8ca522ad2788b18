package observe

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// world is a store that is fed by hand.
type world struct{ *store }

func newWorld() world { return world{newStore(defaultDNS())} }

func (w world) namespace(name string, labels ...string) {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u", Labels: pairs(labels)}}
	w.touching(namespaceTable{}.put(w.store, itemOfNamespace(n)))
}

func (w world) noNamespace(name string) {
	w.touching(namespaceTable{}.remove(w.store, &namespaceItem{Namespace: &control.Namespace{Name: name}}))
}

func (w world) pod(namespace, name string, labels ...string) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: pairs(labels)}}
	w.touching(podTable{}.put(w.store, convertPod(p)))
}

func (w world) noPod(namespace, name string) {
	w.touching(podTable{}.remove(w.store, podItem{namespace: namespace, name: name}))
}

// policy puts a policy with ingress from a peer.
func (w world) policy(namespace, name string, generation int64, peer networkingv1.NetworkPolicyPeer) {
	p := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: generation},
		Spec: networkingv1.NetworkPolicySpec{
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{peer}}},
		},
	}
	w.touching(policyTable{}.put(w.store, convertPolicy(p, "holdfast")))
}

func (w world) noPolicy(namespace, name string) {
	w.touching(policyTable{}.remove(w.store, &policyItem{namespace: namespace, policy: control.NetworkPolicy{Name: name}}))
}

// due returns what was touched since the last time, in order.
func (w world) due() []string {
	w.settle()
	var due []string
	for _, trigger := range w.drain() {
		due = append(due, trigger.Namespace)
	}
	slices.Sort(due)
	return due
}

// pairs returns a map of keys and values.
func pairs(list []string) map[string]string {
	set := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		set[list[i]] = list[i+1]
	}
	return set
}

func matching(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func lacking(key string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: key, Operator: metav1.LabelSelectorOpDoesNotExist,
	}}}
}

// TestNamespacePeers: who uses a selector of namespaces is due exactly when it
// begins or ceases to match all of them.
func TestNamespacePeers(t *testing.T) {
	w := newWorld()
	w.namespace("a", "tier", "web")
	w.namespace("b", "tier", "web")
	w.policy("a", "p", 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: lacking("secret")})
	w.policy("b", "p", 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: matching("tier", "db")})
	w.policy("b", "q", 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}})
	w.due()
	resolved := func(namespace string) map[string]bool { return w.snapshot(w.living(namespace)).Peers.Namespaces }
	if diff := cmp.Diff(map[string]bool{"tier=db": false}, resolved("b")); diff != "" {
		t.Errorf("peers of b (-want +got):\n%s", diff)
	}
	steps := []struct {
		name    string
		act     func()
		wantDue []string
		wantAll bool
	}{
		{name: "another namespace that matches", act: func() { w.namespace("c") }, wantDue: []string{"c"}, wantAll: true},
		{name: "labelled without effect", act: func() { w.namespace("c", "x", "y") }, wantDue: []string{"c"}, wantAll: true},
		{name: "one no longer matches", act: func() { w.namespace("c", "secret", "y") }, wantDue: []string{"a", "c"}},
		{name: "nor does another", act: func() { w.namespace("b", "secret", "y") }, wantDue: []string{"b"}},
		{name: "the first is gone", act: func() { w.noNamespace("c") }, wantDue: []string{"c"}},
		{name: "the second matches again", act: func() { w.namespace("b") }, wantDue: []string{"a", "b"}, wantAll: true},
		{
			name: "used by another policy too",
			act: func() {
				w.policy("a", "q", 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: lacking("secret")})
				w.noPolicy("a", "p")
			},
			wantDue: []string{"a"}, wantAll: true,
		},
	}
	for _, step := range steps {
		step.act()
		if diff := cmp.Diff(step.wantDue, w.due()); diff != "" {
			t.Errorf("%s: due (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(map[string]bool{"!secret": step.wantAll}, resolved("a")); diff != "" {
			t.Errorf("%s: peers (-want +got):\n%s", step.name, diff)
		}
	}
	w.policy("a", "q", 2, networkingv1.NetworkPolicyPeer{})
	w.noPolicy("b", "p")
	if len(w.peers.namespaces) > 0 {
		t.Errorf("%d selectors are kept that nobody uses", len(w.peers.namespaces))
	}
}

// TestPodPeers: a selector of pods beyond the namespace is resolved against every
// pod, and pods of other namespaces are no trigger.
func TestPodPeers(t *testing.T) {
	key := func(s *metav1.LabelSelector) string {
		k, ok := control.SelectorKey(s)
		if !ok {
			t.Fatalf("no key of %v", s)
		}
		return k
	}
	both := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}, MatchExpressions: lacking("secret").MatchExpressions}
	w := newWorld()
	w.namespace("a")
	w.namespace("b")
	for i, selector := range []*metav1.LabelSelector{matching("app", "web"), lacking("secret"), both, {}} {
		w.policy("a", fmt.Sprint(i), 1, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}, PodSelector: selector})
	}
	w.policy("a", "own", 1, networkingv1.NetworkPolicyPeer{PodSelector: matching("own", "only")})
	w.due()
	steps := []struct {
		name                       string
		act                        func()
		wantDue                    []string
		wantWeb, wantFree, wantAll bool
	}{
		{name: "no pods", act: func() {}, wantFree: true},
		{name: "one that matches", act: func() { w.pod("b", "x", "app", "web") }, wantDue: []string{"b"}, wantWeb: true, wantFree: true, wantAll: true},
		{name: "another of the same class", act: func() { w.pod("b", "y", "app", "db") }, wantFree: true},
		{name: "alike", act: func() { w.pod("b", "z", "app", "db") }, wantFree: true},
		{name: "one of two alike is gone", act: func() { w.noPod("b", "y") }, wantFree: true},
		{name: "relabelled", act: func() { w.pod("b", "z", "app", "web", "secret", "1") }, wantWeb: true},
		{name: "gone", act: func() { w.noPod("b", "z") }, wantWeb: true, wantFree: true, wantAll: true},
	}
	for _, step := range steps {
		step.act()
		if diff := cmp.Diff(step.wantDue, w.due()); diff != "" {
			t.Errorf("%s: due (-want +got):\n%s", step.name, diff)
		}
		want := map[string]bool{
			key(matching("app", "web")): step.wantWeb, key(lacking("secret")): step.wantFree, key(both): step.wantAll,
		}
		if diff := cmp.Diff(want, w.snapshot(w.living("a")).Peers.Pods); diff != "" {
			t.Errorf("%s: peers (-want +got):\n%s", step.name, diff)
		}
	}
	for i := range 4 {
		w.noPolicy("a", fmt.Sprint(i))
	}
	if len(w.peers.pods)+len(w.peers.requirements) > 0 {
		t.Errorf("selectors are kept that nobody uses: %v, %v", w.peers.pods, w.peers.requirements)
	}
}

// BenchmarkRelabel is one namespace relabelled among 5,000, of which 200 have a
// policy with a selector of namespaces that nobody else has.
func BenchmarkRelabel(b *testing.B) {
	w := newWorld()
	for i := range 5000 {
		w.namespace(fmt.Sprintf("tenant-%d", i), "tier", "web")
	}
	for i := range 200 {
		w.policy(fmt.Sprintf("tenant-%d", i), "p", 1,
			networkingv1.NetworkPolicyPeer{NamespaceSelector: matching("team", fmt.Sprintf("team-%d", i))})
	}
	w.due()
	for i := 0; b.Loop(); i++ {
		w.namespace("tenant-4000", "tier", "web", "team", fmt.Sprintf("team-%d", i%200))
		if due := w.due(); len(due) != 1 {
			b.Fatalf("due: %v", due)
		}
	}
}
