package networkisolation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// verdict is what the tables expect of a finding.
type verdict struct {
	Rule    string
	Outcome control.Outcome
	Reason  string
}

func TestEvaluateWhatWasNotObserved(t *testing.T) {
	notEvaluated := func(reason string) []verdict {
		return []verdict{
			{RuleDenyIngress, control.NotEvaluated, reason},
			{RuleDenyEgress, control.NotEvaluated, reason},
		}
	}
	denied := []verdict{
		{RuleDenyIngress, control.Conforming, ReasonDenied},
		{RuleDenyEgress, control.Conforming, ReasonDenied},
	}
	unavailable := func(needs ...control.Need) map[control.Need]string {
		reasons := map[control.Need]string{}
		for _, need := range needs {
			reasons[need] = control.ReasonForbidden
		}
		return reasons
	}
	cases := map[string]struct {
		change func(*control.Input)
		want   []verdict
	}{
		"everything observed": {
			change: func(*control.Input) {},
			want:   denied,
		},
		"no snapshot": {
			change: func(in *control.Input) { in.Snapshot = nil },
			want:   notEvaluated(control.ReasonFailed),
		},
		"no control of this type": {
			change: func(in *control.Input) { in.Control.NetworkIsolation = nil },
		},
		"namespaces": {
			change: func(in *control.Input) { in.Snapshot.Unavailable = unavailable(control.NeedNamespaces) },
			want:   notEvaluated(control.ReasonForbidden),
		},
		"network policies": {
			change: func(in *control.Input) { in.Snapshot.Unavailable = unavailable(control.NeedNetworkPolicies) },
			want:   notEvaluated(control.ReasonForbidden),
		},
		"network policies, without a reason": {
			change: func(in *control.Input) {
				in.Snapshot.Unavailable = map[control.Need]string{control.NeedNetworkPolicies: ""}
			},
			want: notEvaluated(control.ReasonFailed),
		},
		"pods, which do not matter": {
			change: func(in *control.Input) { in.Snapshot.Unavailable = unavailable(control.NeedPods) },
			want:   denied,
		},
		"pods of a terminating namespace": {
			change: func(in *control.Input) {
				in.Snapshot.Namespace.Terminating = true
				in.Snapshot.Unavailable = unavailable(control.NeedPods)
			},
			want: notEvaluated(control.ReasonForbidden),
		},
		"network policies of a terminating namespace": {
			change: func(in *control.Input) {
				in.Snapshot.Namespace.Terminating = true
				in.Snapshot.Unavailable = unavailable(control.NeedNetworkPolicies)
			},
			want: notEvaluated(control.ReasonForbidden),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := input(v1alpha1.ModeEnforce, policy("deny-all", false, "Ingress", "Egress"))
			tc.change(&in)
			if diff := cmp.Diff(tc.want, verdicts(Control{}.Evaluate(in))); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvaluateBoundsWhatItNames(t *testing.T) {
	var policies []control.NetworkPolicy
	for i := range 10 {
		opened := policy(fmt.Sprintf("%03d-%s", i, strings.Repeat("x", 249)), false, "Ingress")
		opened.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		policies = append(policies, opened)
	}
	finding := Control{}.Evaluate(input(v1alpha1.ModeObserve, policies...))[0]
	if want := "Ingress is not denied by default: ingress rules in 10 NetworkPolicies."; finding.Message != want {
		t.Errorf("message = %q, want %q", finding.Message, want)
	}
	if len(finding.Culprits) != 4 {
		t.Errorf("%d culprits, want 4", len(finding.Culprits))
	}
}

// TestOrderNeverMatters: neither the order of the policies nor a second
// evaluation changes a finding.
func TestOrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		before := Control{}.Evaluate(in)
		if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
			t.Fatalf("a second evaluation differs:\n%s", diff)
		}
		in.Snapshot.NetworkPolicies = rapid.Permutation(in.Snapshot.NetworkPolicies).Draw(t, "order")
		if diff := cmp.Diff(before, Control{}.Evaluate(in)); diff != "" {
			t.Fatalf("another order differs:\n%s", diff)
		}
	})
}

// TestDenyAllConforms: in Observe mode a policy that denies all makes every
// direction conform, whatever else is there.
func TestDenyAllConforms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		in.Control.Mode = v1alpha1.ModeObserve
		in.Snapshot.NetworkPolicies = append(in.Snapshot.NetworkPolicies, policy("deny-all", false, "Ingress", "Egress"))
		for _, f := range (Control{}).Evaluate(in) {
			if f.Outcome != control.Conforming {
				t.Fatalf("%s is %s (%s) beside a policy that denies all", f.Rule, f.Outcome, f.Reason)
			}
		}
	})
}

// TestConformingIsDenied: what conforms is denied by a policy that meets the
// definition of NP-01 and NP-02, spelled out here once more.
func TestConformingIsDenied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		in.Control.Mode = v1alpha1.ModeObserve
		findings := Control{}.Evaluate(in)
		want := []bool{
			slices.ContainsFunc(in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
				typed := len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, "Ingress")
				return typed && len(p.Spec.Ingress) == 0 && metav1.FormatLabelSelector(&p.Spec.PodSelector) == "<none>"
			}),
			slices.ContainsFunc(in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
				return slices.Contains(p.Spec.PolicyTypes, "Egress") && len(p.Spec.Egress) == 0 &&
					metav1.FormatLabelSelector(&p.Spec.PodSelector) == "<none>"
			}),
		}
		for i, f := range findings {
			if got := f.Outcome == control.Conforming; got != want[i] {
				t.Fatalf("%s is %s (%s), want conforming: %v", f.Rule, f.Outcome, f.Reason, want[i])
			}
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"holdfast-default-deny-ingress"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{}]}}`), true)
	f.Add([]byte(`{"metadata":{"name":"a"},"spec":{"podSelector":{"matchExpressions":[{"key":"a","operator":"Exists"}]},"egress":[]}}`), false)
	f.Add([]byte(`{"spec":{"policyTypes":["","Egress","Egress"],"egress":[{"to":[{}],"ports":[{"port":"dns"}]}]}}`), true)
	f.Fuzz(func(t *testing.T, document []byte, ours bool) {
		var object networkingv1.NetworkPolicy
		if json.Unmarshal(document, &object) != nil {
			return // not a NetworkPolicy: an API server never serves it
		}
		in := input(v1alpha1.ModeEnforce, control.NetworkPolicy{Name: object.Name, Spec: object.Spec, Ours: ours})
		findings := Control{}.Evaluate(in)
		if got := len(findings); got != 2 {
			t.Fatalf("%d findings, want one per direction", got)
		}
		for _, finding := range findings {
			if finding.Outcome != control.Conforming && finding.Outcome != control.Deviating {
				t.Errorf("outcome %q of what was observed", finding.Outcome)
			}
			if finding.Reason == "" || finding.Message == "" || len(finding.Message) > maxMessage {
				t.Errorf("reason %q, message of %d bytes", finding.Reason, len(finding.Message))
			}
		}
	})
}

// anyInput draws a namespace with policies that differ in all that is judged.
func anyInput() *rapid.Generator[control.Input] {
	return rapid.Custom(func(t *rapid.T) control.Input {
		mode := rapid.SampledFrom([]v1alpha1.Mode{v1alpha1.ModeObserve, v1alpha1.ModeEnforce}).Draw(t, "mode")
		byName := func(p control.NetworkPolicy) string { return p.Name }
		return input(mode, rapid.SliceOfNDistinct(anyPolicy(), 0, 6, byName).Draw(t, "policies")...)
	})
}

func anyPolicy() *rapid.Generator[control.NetworkPolicy] {
	selectors := []metav1.LabelSelector{
		{},
		{MatchLabels: map[string]string{"app": "web"}},
		{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	}
	types := [][]networkingv1.PolicyType{nil, {"Ingress"}, {"Egress"}, {"Ingress", "Egress"}, {"Egress", "Ingress"}}
	return rapid.Custom(func(t *rapid.T) control.NetworkPolicy {
		p := control.NetworkPolicy{
			Name: rapid.SampledFrom([]string{DenyIngressName, DenyEgressName, "a", "b", "c", "d"}).Draw(t, "name"),
			Ours: rapid.Bool().Draw(t, "ours"),
		}
		p.Spec.PodSelector = rapid.SampledFrom(selectors).Draw(t, "podSelector")
		p.Spec.PolicyTypes = rapid.SampledFrom(types).Draw(t, "policyTypes")
		if rapid.Bool().Draw(t, "ingress rules") {
			p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		}
		if rapid.Bool().Draw(t, "egress rules") {
			p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}
		return p
	})
}

// input returns a namespace with these policies, under a control that denies
// both directions.
func input(mode v1alpha1.Mode, policies ...control.NetworkPolicy) control.Input {
	return control.Input{
		Policy: "baseline",
		Control: v1alpha1.ControlSpec{
			ID:   "NET-1",
			Mode: mode,
			NetworkIsolation: &v1alpha1.NetworkIsolation{
				DefaultDeny: []v1alpha1.Direction{v1alpha1.DirectionEgress, v1alpha1.DirectionIngress},
			},
		},
		Snapshot: &control.Snapshot{
			Namespace:       control.Namespace{Name: "web", UID: "web-uid"},
			NetworkPolicies: policies,
		},
	}
}

// policy returns a policy that denies the given directions to every pod.
func policy(name string, ours bool, types ...networkingv1.PolicyType) control.NetworkPolicy {
	return control.NetworkPolicy{Name: name, Ours: ours, Spec: networkingv1.NetworkPolicySpec{PolicyTypes: types}}
}

func verdicts(findings []control.Finding) []verdict {
	var verdicts []verdict
	for _, f := range findings {
		verdicts = append(verdicts, verdict{f.Rule, f.Outcome, f.Reason})
	}
	return verdicts
}
