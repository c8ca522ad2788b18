package networkisolation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// TestE5EvaluateWhatWasNotObserved: each rule waits for what it needs itself.
func TestE5EvaluateWhatWasNotObserved(t *testing.T) {
	conforming := map[string]string{
		"NP-01": "Conforming Denied", "NP-02": "Conforming Denied", "NP-05": "Conforming NoOpenRule",
		"NP-06": "Conforming Isolated", "NP-07": "Conforming NotExposed",
		"NP-09": "Conforming NoWayIn", "NP-10": "Conforming NotOverridden",
	}
	but := func(verdict string, rules ...string) map[string]string {
		want := maps.Clone(conforming)
		for _, rule := range rules {
			want[rule] = verdict
		}
		return want
	}
	every := slices.Sorted(maps.Keys(conforming))
	terminating := func(in *control.Input) { in.Snapshot.Namespace.Terminating = true }
	terminatingBut := but("NotApplicable Terminating", every...)
	terminatingBut["NP-09"] = "NotEvaluated Forbidden"
	full := func() *scene { return denied(t).pods("app=web") }
	cases := map[string]struct {
		scene *scene
		want  map[string]string
	}{
		"everything observed":         {scene: full(), want: conforming},
		"no snapshot":                 {scene: full().change(func(in *control.Input) { in.Snapshot = nil }), want: but("NotEvaluated Failed", every...)},
		"no control of this type":     {scene: full().change(func(in *control.Input) { in.Control.NetworkIsolation = nil }), want: map[string]string{}},
		"namespaces":                  {scene: full().unavailable(control.NeedNamespaces), want: but("NotEvaluated Forbidden", every...)},
		"network policies":            {scene: full().unavailable(control.NeedNetworkPolicies), want: but("NotEvaluated Forbidden", "NP-01", "NP-02", "NP-05", "NP-06", "NP-07", "NP-10")},
		"pods":                        {scene: full().unavailable(control.NeedPods), want: but("NotEvaluated Forbidden", "NP-05", "NP-06", "NP-07", "NP-09", "NP-10")},
		"services":                    {scene: full().unavailable(control.NeedServices), want: but("NotEvaluated Forbidden", "NP-09")},
		"entrances":                   {scene: full().unavailable(control.NeedEntrances), want: but("NotEvaluated Forbidden", "NP-09")},
		"cluster policies":            {scene: full().unavailable(control.NeedClusterPolicies), want: but("NotEvaluated Forbidden", "NP-07", "NP-10")},
		"what only allowances need":   {scene: full().unavailable(control.NeedEndpointSlices, control.NeedAdmissionBackends), want: conforming},
		"no reason":                   {scene: full().change(func(in *control.Input) { in.Snapshot.Unavailable = map[control.Need]string{control.NeedServices: ""} }), want: but("NotEvaluated Failed", "NP-09")},
		"terminating":                 {scene: full().change(terminating), want: but("NotApplicable Terminating", every...)},
		"terminating, pods unknown":   {scene: full().change(terminating).unavailable(control.NeedPods), want: but("NotEvaluated Forbidden", every...)},
		"terminating, some unknown":   {scene: full().change(terminating).unavailable(control.NeedServices), want: terminatingBut},
		"terminating, with pods left": {scene: full().change(terminating).change(func(in *control.Input) { in.Snapshot.Namespace.HasRunningPods = true }), want: conforming},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, f := range (Control{}).Evaluate(tc.scene.Input) {
				got[f.Rule] = controltest.Summary(f)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
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
