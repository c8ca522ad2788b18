package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestReplaceOthers is TestReplace for what is looked at beside namespaces,
// policies and pods: objects of other kinds in the same table are left alone.
func TestReplaceOthers(t *testing.T) {
	service := func(namespace, name string, port int32) any {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		s.Spec.Ports = []corev1.ServicePort{{Port: port}}
		return convertService(s)
	}
	slice := func(namespace, service, address string) any {
		return convertSlice(&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{address}}},
			Ports:      []discoveryv1.EndpointPort{{Port: new(int32(6443))}},
		})
	}
	relabelled := func(item any) any {
		item.(*sliceItem).service = "another"
		return item
	}
	calls := func(kind, name, namespace string, port int32) any {
		item := caller(kind, name)
		item.add("x", namespace, "s", &port)
		return item
	}
	entrance := func(kind, namespace, name, service string) any {
		return newEntrance(kind, namespace, control.Entrance{Kind: kind, Name: name, Services: []string{service}})
	}
	namespaced := func(kind, namespace, name string) any {
		return convertNamespaced(kind, kind, &wire[overridingSpec]{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
	}
	wide := func(kind, name, tier, text string) any {
		return &clusterPolicyItem{
			key: object{kind: kind, name: name}, text: text,
			subject: subject{namespaces: labels.SelectorFromSet(labels.Set{"tier": tier})},
		}
	}
	tests := map[string]struct {
		table   table
		foreign table
		alien   any // what is in the foreign table
		before  []any
		after   []any
		wantDue []string
	}{
		"services": {
			table:   serviceTable{},
			before:  []any{service("a", "same", 1), service("b", "edited", 1), service("c", "gone", 1)},
			after:   []any{service("a", "same", 1), service("b", "edited", 2), service("d", "added", 1)},
			wantDue: []string{"b", "c", "d"},
		},
		"slices that are looked at": {
			table:   sliceTable{},
			before:  []any{slice("default", "kubernetes", "10.0.0.1")},
			after:   []any{slice("default", "kubernetes", "10.0.0.2")},
			wantDue: []string{"a", "b", "c"},
		},
		"slices of another Service now": {
			table:   sliceTable{},
			before:  []any{slice("default", "kubernetes", "10.0.0.1")},
			after:   []any{relabelled(slice("default", "kubernetes", "10.0.0.1"))},
			wantDue: []string{"a", "b", "c"},
		},
		"slices that are not": {
			table:  sliceTable{},
			before: []any{slice("default", "kubernetes", "10.0.0.1"), slice("a", "kubernetes", "10.0.0.1")},
			after:  []any{slice("default", "kubernetes", "10.0.0.1"), slice("b", "kubernetes", "10.0.0.1")},
		},
		"callers": {
			table: callerTable{"k"}, foreign: callerTable{"l"}, alien: calls("l", "same", "a", 1),
			before:  []any{calls("k", "same", "a", 1), calls("k", "edited", "b", 1), calls("k", "gone", "c", 1)},
			after:   []any{calls("k", "same", "a", 1), calls("k", "edited", "b", 2)},
			wantDue: []string{"b", "c"},
		},
		"entrances": {
			table: entranceTable{"k"}, foreign: entranceTable{"l"}, alien: entrance("l", "a", "same", "s"),
			before:  []any{entrance("k", "a", "same", "s"), entrance("k", "b", "edited", "s"), entrance("k", "c", "gone", "s")},
			after:   []any{entrance("k", "a", "same", "s"), entrance("k", "b", "edited", "t")},
			wantDue: []string{"b", "c"},
		},
		"overriding, in one namespace": {
			table: overridingTable{"k"}, foreign: overridingTable{"l"}, alien: namespaced("l", "a", "same"),
			before:  []any{namespaced("k", "a", "same"), namespaced("k", "c", "gone")},
			after:   []any{namespaced("k", "a", "same"), namespaced("k", "b", "added")},
			wantDue: []string{"b", "c"},
		},
		"overriding, wide": {
			table: clusterPolicyTable{"k"}, foreign: clusterPolicyTable{"l"}, alien: wide("l", "same", "a", "1"),
			before:  []any{wide("k", "same", "a", "1"), wide("k", "edited", "b", "1"), wide("k", "gone", "c", "1")},
			after:   []any{wide("k", "same", "a", "1"), wide("k", "edited", "b", "2"), wide("k", "added", "d", "1")},
			wantDue: []string{"b", "c"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for _, namespace := range []string{"a", "b", "c"} {
				w.namespace(namespace, "tier", namespace)
			}
			w.due()
			bare := w.snapshot(w.living("a"))
			if test.foreign != nil {
				test.foreign.replace(w.store, []any{test.alien})
			}
			test.table.replace(w.store, test.before)
			w.due()
			test.table.replace(w.store, test.after)
			if diff := cmp.Diff(test.wantDue, w.due()); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
			test.table.replace(w.store, nil)
			w.due()
			if test.foreign != nil {
				if cmp.Equal(bare, w.snapshot(w.living("a"))) {
					t.Error("what another kind has in the table is gone")
				}
				test.foreign.replace(w.store, nil)
			}
			w.settle()
			if diff := cmp.Diff(bare, w.snapshot(w.living("a"))); diff != "" {
				t.Errorf("what is left of nothing (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLifelinesStay: what changes nothing that lifelines say concerns nobody.
func TestLifelinesStay(t *testing.T) {
	w := newWorld()
	w.namespace("kube-system")
	w.namespace("shop")
	w.service("kube-system", "kube-dns", "k8s-app", "kube-dns")
	w.pod("kube-system", "a", "k8s-app", "kube-dns", "pod-template-hash", "1")
	w.due()
	lifelines := w.lifelines
	if lifelines.DNS == nil || len(lifelines.DNS.Pods) != 1 {
		t.Fatalf("lifelines: %+v", lifelines)
	}
	w.pod("kube-system", "b", "k8s-app", "kube-dns", "pod-template-hash", "2")
	w.noPod("kube-system", "a")
	w.service("kube-system", "kube-dns", "k8s-app", "kube-dns")
	if due := w.due(); len(due) > 0 || w.lifelines != lifelines {
		t.Errorf("after a rollout %v are due, and the DNS is %+v", due, w.lifelines.DNS)
	}
	w.noPod("kube-system", "b")
	if diff := cmp.Diff([]string{control.Cluster, "kube-system", "shop"}, w.due()); diff != "" {
		t.Errorf("without pods behind the DNS, due (-want +got):\n%s", diff)
	}
}

// TestServedVersions: an optional kind is read in the version that is modelled, or
// the newest, and Calico's objects once.
func TestServedVersions(t *testing.T) {
	definition := func(name string, versions ...string) *callerItem {
		d := &wire[definitionSpec]{ObjectMeta: metav1.ObjectMeta{Name: name}}
		d.Status.Conditions = []wireCondition{{Type: "NamesAccepted", Status: "True"}, {Type: "Established", Status: "True"}}
		for _, version := range versions {
			d.Spec.Versions = append(d.Spec.Versions, struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			}{Name: version, Served: version != "unserved"})
		}
		return convertDefinition(d)
	}
	established := definition("gateways.gateway.networking.k8s.io", "v1")
	pending := *established
	pending.served = nil
	apiService := func(name string, service *serviceSpec) *callerItem {
		return convertAPIService(&wire[apiServiceSpec]{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: apiServiceSpec{Service: service, Version: "v3"},
		})
	}
	calico := &serviceSpec{Namespace: "calico-apiserver", Name: "calico-api"}
	tests := map[string]struct {
		items []*callerItem
		want  map[string]string
	}{
		"nothing":               {},
		"not established":       {items: []*callerItem{&pending}},
		"no longer established": {items: []*callerItem{established, &pending}},
		"not one of them":       {items: []*callerItem{definition("things.example.com", "v1")}},
		"no version":            {items: []*callerItem{definition("gateways.gateway.networking.k8s.io", "unserved")}},
		"the newest": {
			items: []*callerItem{definition("gateways.gateway.networking.k8s.io", "v1beta1", "v1", "unserved")},
			want:  map[string]string{"gateways.gateway.networking.k8s.io": "v1"},
		},
		"the one that is modelled": {
			items: []*callerItem{definition("clusternetworkpolicies.policy.networking.k8s.io", "v1beta1", "v1alpha2")},
			want:  map[string]string{"clusternetworkpolicies.policy.networking.k8s.io": "v1alpha2"},
		},
		"none that is modelled": {
			items: []*callerItem{definition("clusternetworkpolicies.policy.networking.k8s.io", "v1beta1")},
			want:  map[string]string{"clusternetworkpolicies.policy.networking.k8s.io": "v1beta1"},
		},
		"an APIService of its own": {items: []*callerItem{apiService("v3.projectcalico.org", nil)}},
		"an aggregated API server": {
			items: []*callerItem{apiService("v3.projectcalico.org", calico)},
			want:  map[string]string{"networkpolicies.projectcalico.org": "v3", "globalnetworkpolicies.projectcalico.org": "v3"},
		},
		"what that one shows anyway": {
			items: []*callerItem{apiService("v3.projectcalico.org", calico), definition("networkpolicies.crd.projectcalico.org", "v1"), definition("globalnetworkpolicies.crd.projectcalico.org", "v1")},
			want:  map[string]string{"networkpolicies.crd.projectcalico.org": "v1", "globalnetworkpolicies.crd.projectcalico.org": "v1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			st := newStore(defaultDNS())
			st.demanded = demand{}
			st.renewServed()
			for _, item := range test.items {
				callerTable{item.key.kind}.put(st, item)
			}
			want := test.want
			if want == nil {
				want = map[string]string{}
			}
			if diff := cmp.Diff(want, st.versions); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwnPolicyWithPeers: what a policy says of other objects is to be judged even
// where the policy itself is our own write, but in no hurry.
func TestOwnPolicyWithPeers(t *testing.T) {
	w := newWorld()
	w.namespace("shop", "tier", "web")
	w.due()
	item := func(generation int64, ref ...peerRef) *policyItem {
		return &policyItem{namespace: "shop", peers: ref, policy: control.NetworkPolicy{
			Name: "own", Ours: true, Identity: control.Identity{Generation: generation},
		}}
	}
	ref := addPeer(nil, false, matching("tier", "web"))
	steps := []struct {
		name string
		item *policyItem
		want []Trigger
	}{
		{name: "without peers", item: item(1)},
		{name: "with one", item: item(2, ref...), want: []Trigger{{Namespace: "shop", Initial: true}}},
		{name: "with the same", item: item(3, ref...)},
	}
	for _, step := range steps {
		if c := (policyTable{}).put(w.store, step.item); !c.matters {
			t.Errorf("%s: it does not matter", step.name)
		}
		if diff := cmp.Diff(step.want, w.drain()); diff != "" {
			t.Errorf("%s: due (-want +got):\n%s", step.name, diff)
		}
	}
	if len(w.specs) != 1 {
		t.Errorf("%d specs are kept of one policy", len(w.specs))
	}
	w.noPolicy("shop", "own")
	if len(w.specs)+len(w.peers.namespaces) > 0 {
		t.Errorf("what is left of no policy: %v, %v", w.specs, w.peers.namespaces)
	}
}
