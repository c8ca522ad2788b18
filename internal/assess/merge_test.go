package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// TestAllowancesOfDifferentDirectionsMerge: controls that deny different
// directions want the same of every allowance that they share, so none of them is
// withheld; and what one had applied the other leaves as it is.
func TestAllowancesOfDifferentDirectionsMerge(t *testing.T) {
	const ingress, egress = v1alpha1.DirectionIngress, v1alpha1.DirectionEgress
	everything := []string{"holdfast-allow-dns", "holdfast-allow-same-namespace-egress", "holdfast-allow-same-namespace-ingress",
		"holdfast-default-deny-egress", "holdfast-default-deny-ingress"}
	cases := map[string][][]v1alpha1.Direction{
		"one control":                      {{ingress, egress}},
		"one direction each":               {{ingress}, {egress}},
		"one of both, one of ingress":      {{ingress, egress}, {ingress}},
		"one of both, one of egress":       {{egress}, {ingress, egress}},
		"one of both, and one of each too": {{ingress}, {egress}, {egress, ingress}},
	}
	for name, denied := range cases {
		t.Run(name, func(t *testing.T) {
			var defs []*Definition
			for i, directions := range denied {
				defs = append(defs, defined(t, policy(string(rune('a'+i)), denying(directions))))
			}
			s := resolving()
			plan := enforce.Merge(wishes(t, defs, s))
			if diff := cmp.Diff(everything, names(plan.Changes)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if len(plan.Held) > 0 || len(plan.Conflicts) > 0 {
				t.Errorf("held %v, conflicts %v", names(plan.Held), plan.Conflicts)
			}
			applyTo(t, s, plan)
			if diff := cmp.Diff(enforce.Plan{}, enforce.Merge(wishes(t, defs, s))); diff != "" {
				t.Errorf("once all is applied (-want +got):\n%s", diff)
			}
		})
	}
}

// denying states a control that denies directions, and what can be allowed in them.
func denying(directions []v1alpha1.Direction) func(*v1alpha1.ControlPolicy) {
	return func(p *v1alpha1.ControlPolicy) {
		stated := p.Spec.Controls[0].NetworkIsolation
		stated.DefaultDeny = directions
		stated.Allow = []v1alpha1.Allowance{{Type: v1alpha1.AllowSameNamespace}}
		for _, d := range directions {
			if d == v1alpha1.DirectionEgress {
				stated.Allow = append(stated.Allow, v1alpha1.Allowance{Type: v1alpha1.AllowDNS})
			}
		}
	}
}

// resolving is a namespace of a cluster that resolves names.
func resolving() *control.Snapshot {
	return &control.Snapshot{Namespace: production("a"), Lifelines: &control.Lifelines{DNS: &control.DNS{
		Namespace: "kube-system", Service: "kube-dns", Selector: map[string]string{"k8s-app": "kube-dns"}, Ready: true,
		Ports: []control.Port{{Protocol: corev1.ProtocolUDP, Port: 53}},
	}}}
}

// wishes are those of every control.
func wishes(t *testing.T, defs []*Definition, s *control.Snapshot) []enforce.Wish {
	t.Helper()
	var all []enforce.Wish
	for _, def := range defs {
		for _, u := range Judge(def, s, noon) {
			wish, enforces, err := u.Wish(s, noon)
			if !enforces || err != nil {
				t.Fatalf("%s enforces %t, %v", def.Name, enforces, err)
			}
			all = append(all, wish)
		}
	}
	return all
}

// applyTo puts a plan into effect.
func applyTo(t *testing.T, s *control.Snapshot, plan enforce.Plan) {
	t.Helper()
	for _, c := range plan.Changes {
		p := control.NetworkPolicy{Name: c.Name, Ours: true}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(c.Spec, &p.Spec); err != nil {
			t.Fatal(err)
		}
		s.NetworkPolicies = append(s.NetworkPolicies, p)
	}
}

func names(changes []enforce.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, c.Name)
	}
	return all
}
