package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestOverlay(t *testing.T) {
	np := func(name, uid string) control.NetworkPolicy {
		return control.NetworkPolicy{Name: name, Identity: control.Identity{UID: uid, ResourceVersion: "9"}}
	}
	cases := map[string]struct {
		before []control.NetworkPolicy
		want   []string
	}{
		"into nothing": {nil, []string{"deny new"}},
		"in order":     {[]control.NetworkPolicy{np("allow", "1"), np("open", "2")}, []string{"allow 1", "deny new", "open 2"}},
		"in its place": {[]control.NetworkPolicy{np("allow", "1"), np("deny", "2")}, []string{"allow 1", "deny new"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			snapshot := &control.Snapshot{Namespace: production("a"), NetworkPolicies: tc.before,
				Versions: map[control.Need]string{control.NeedNamespaces: "3", control.NeedNetworkPolicies: "8"}}
			before := len(snapshot.NetworkPolicies)
			next := overlay(snapshot, np("deny", "new"))
			var got []string
			for _, o := range next.NetworkPolicies {
				got = append(got, o.Name+" "+o.Identity.UID)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("policies (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[control.Need]string{control.NeedNamespaces: "3", control.NeedNetworkPolicies: "9"}, next.Versions); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if len(snapshot.NetworkPolicies) != before || snapshot.Versions[control.NeedNetworkPolicies] != "8" ||
				(before == 2 && snapshot.NetworkPolicies[1].Identity.UID != "2") {
				t.Error("the snapshot was changed")
			}
		})
	}
	if next := overlay(&control.Snapshot{}, np("deny", "new")); next.Versions[control.NeedNetworkPolicies] != "9" {
		t.Errorf("got versions %v", next.Versions)
	}
}

func TestWithout(t *testing.T) {
	snapshot := &control.Snapshot{Namespace: production("a"), NetworkPolicies: []control.NetworkPolicy{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Pods: []control.PodClass{{Count: 1}}}
	next := without(snapshot, "b")
	var got []string
	for _, np := range next.NetworkPolicies {
		got = append(got, np.Name)
	}
	if diff := cmp.Diff([]string{"a", "c"}, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if len(snapshot.NetworkPolicies) != 3 || snapshot.NetworkPolicies[1].Name != "b" {
		t.Error("the snapshot was changed")
	}
	if len(next.Pods) != 1 || next.Namespace.Name != "a" {
		t.Errorf("something else is gone: %+v", next)
	}
}

// TestResolves: what a policy without selectors does is known at once.
func TestResolves(t *testing.T) {
	labelled := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	expressed := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpExists}}}
	from := func(p networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicySpec {
		return networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}, {From: []networkingv1.NetworkPolicyPeer{{}, p}}}}
	}
	to := func(p networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicySpec {
		return networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{p}}}}
	}
	cases := map[string]struct {
		spec networkingv1.NetworkPolicySpec
		want bool
	}{
		"deny":                {networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{}}, false},
		"from the namespace":  {from(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}), false},
		"from everywhere":     {from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}), false},
		"to a network":        {to(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}), false},
		"for some pods":       {networkingv1.NetworkPolicySpec{PodSelector: *expressed}, true},
		"from some pods":      {from(networkingv1.NetworkPolicyPeer{PodSelector: labelled}), true},
		"to some namespaces":  {to(networkingv1.NetworkPolicyPeer{NamespaceSelector: labelled}), true},
		"from some namespace": {from(networkingv1.NetworkPolicyPeer{NamespaceSelector: expressed}), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := resolves(&control.NetworkPolicy{Spec: tc.spec}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
	if resolves(nil) {
		t.Error("no policy has selectors")
	}
}

func TestChangedPaths(t *testing.T) {
	cases := map[string]struct {
		edit func(*v1alpha1.ControlPolicy)
		want []string
	}{
		"nothing":   {func(*v1alpha1.ControlPolicy) {}, nil},
		"a field":   {func(p *v1alpha1.ControlPolicy) { p.Spec.Mode = v1alpha1.ModeObserve }, []string{"spec.mode"}},
		"a label":   {func(p *v1alpha1.ControlPolicy) { p.Spec.Scope.NamespaceSelector.MatchLabels["tier"] = "test" }, []string{"spec.scope.namespaceSelector.matchLabels.tier"}},
		"a new one": {func(p *v1alpha1.ControlPolicy) { p.Spec.Tolerance = within(time.Minute) }, []string{"spec.tolerance"}},
		"several, in order": {func(p *v1alpha1.ControlPolicy) {
			p.Spec.Tolerance = within(time.Minute)
			p.Spec.Description = "words"
			p.Spec.Controls[0].Statement = "words"
		}, []string{"spec.controls", "spec.description", "spec.tolerance"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := changedPaths(&policy("p").Spec, &policy("p", tc.edit).Spec)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if back := changedPaths(&policy("p", tc.edit).Spec, &policy("p").Spec); !cmp.Equal(got, back) {
				t.Errorf("back again it is %v", back)
			}
		})
	}
}

func TestSpecManager(t *testing.T) {
	field := func(manager, fields, subresource string, at time.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &metav1.Time{Time: at}, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	spec, status := `{"f:spec":{"f:mode":{}}}`, `{"f:status":{}}`
	cases := map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   string
	}{
		"nobody":           {nil, ""},
		"the newest":       {[]metav1.ManagedFieldsEntry{field("b", spec, "", noon), field("a", spec, "", noon.Add(-time.Hour))}, "b"},
		"of the same time": {[]metav1.ManagedFieldsEntry{field("a", spec, "", noon), field("b", spec, "", noon)}, "b"},
		"not of the status": {[]metav1.ManagedFieldsEntry{field("a", spec, "", noon), field("holdfast", status, "status", noon.Add(time.Hour)),
			field("labeller", `{"f:metadata":{}}`, "", noon.Add(time.Hour))}, "a"},
		"without a time": {[]metav1.ManagedFieldsEntry{{Manager: "a", FieldsV1: metav1.NewFieldsV1(spec)}}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := policy("p")
			p.ManagedFields = tc.fields
			if got := specManager(p); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
