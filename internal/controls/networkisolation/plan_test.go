package networkisolation

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestPlan(t *testing.T) {
	denyIngress := control.Change{
		APIVersion: "networking.k8s.io/v1",
		Kind:       "NetworkPolicy",
		Namespace:  "web",
		Name:       "holdfast-default-deny-ingress",
		Spec: map[string]any{
			"podSelector": map[string]any{},
			"policyTypes": []any{"Ingress"},
			"ingress":     []any{},
			"egress":      []any{},
		},
		Rules: []string{"NP-01"},
	}
	ingress := []v1alpha1.Direction{v1alpha1.DirectionIngress}
	egress := []v1alpha1.Direction{v1alpha1.DirectionEgress}
	both := []v1alpha1.Direction{v1alpha1.DirectionEgress, v1alpha1.DirectionIngress}
	cases := map[string]struct {
		deny        []v1alpha1.Direction
		policies    []control.NetworkPolicy
		terminating bool
		want        []control.Change
		wantRefusal string
	}{
		"nothing there": {
			deny: ingress,
			want: []control.Change{denyIngress},
		},
		"ours, without its policy type": {
			deny:     ingress,
			policies: []control.NetworkPolicy{policy(DenyIngressName, true, "Egress")},
			want:     []control.Change{denyIngress},
		},
		"conforming": {
			deny:     ingress,
			policies: []control.NetworkPolicy{policy("deny-all", false, "Ingress")},
		},
		"a foreign object under the name": {
			deny:        ingress,
			policies:    []control.NetworkPolicy{policy(DenyIngressName, false, "Egress")},
			wantRefusal: v1alpha1.ReasonNameCollision,
		},
		"egress": {
			deny:        egress,
			wantRefusal: v1alpha1.ReasonEgressRefused,
		},
		"both": {
			deny:        both,
			want:        []control.Change{denyIngress},
			wantRefusal: v1alpha1.ReasonEgressRefused,
		},
		"egress conforming": {
			deny:     both,
			policies: []control.NetworkPolicy{policy("deny-egress", false, "Egress")},
			want:     []control.Change{denyIngress},
		},
		"a terminating namespace": {
			deny:        both,
			terminating: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := input(v1alpha1.ModeEnforce, tc.policies...)
			in.Control.NetworkIsolation.DefaultDeny = tc.deny
			in.Snapshot.Namespace.Terminating = tc.terminating
			in.Snapshot.Namespace.HasRunningPods = tc.terminating

			got, err := Control{}.Plan(in, Control{}.Evaluate(in))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if got := refusalReason(err); got != tc.wantRefusal {
				t.Errorf("refusal %q (%v), want %q", got, err, tc.wantRefusal)
			}
		})
	}
}

func TestPlanOnlyForWhatDeviates(t *testing.T) {
	in := input(v1alpha1.ModeEnforce)
	for _, outcome := range []control.Outcome{control.Conforming, control.NotApplicable, control.NotEvaluated} {
		changes, err := Control{}.Plan(in, []control.Finding{{Rule: RuleDenyIngress, Outcome: outcome}})
		if len(changes) > 0 || err != nil {
			t.Errorf("Plan for a finding %s = %v, %v; want nothing", outcome, changes, err)
		}
	}
	changes, err := Control{}.Plan(control.Input{Control: in.Control}, []control.Finding{{Rule: RuleDenyIngress, Outcome: control.Deviating}})
	if len(changes) > 0 || err != nil {
		t.Errorf("Plan without a snapshot = %v, %v; want nothing", changes, err)
	}
}

// TestWantedIsAsApplied: what is planned is what Enforce mode takes for unaltered.
func TestWantedIsAsApplied(t *testing.T) {
	for _, d := range directions() {
		t.Run(d.word, func(t *testing.T) {
			applied := policy(d.object, true, d.policyType)
			want := map[string]any{
				"podSelector": map[string]any{},
				"policyTypes": []any{string(d.policyType)},
				"ingress":     []any{},
				"egress":      []any{},
			}
			if diff := cmp.Diff(want, d.wanted()); diff != "" {
				t.Errorf("wanted spec (-want +got):\n%s", diff)
			}
			in := input(v1alpha1.ModeEnforce, applied)
			in.Control.NetworkIsolation.DefaultDeny = []v1alpha1.Direction{d.name}
			if got := (Control{}).Evaluate(in)[0].Outcome; got != control.Conforming {
				t.Errorf("what Holdfast applies is %s", got)
			}
		})
	}
}

func refusalReason(err error) string {
	var refusal *control.Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return ""
}
