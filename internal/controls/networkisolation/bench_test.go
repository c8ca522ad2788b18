package networkisolation

import (
	"fmt"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// BenchmarkEvaluate judges an empty namespace, an ordinary one, and a crowded one.
func BenchmarkEvaluate(b *testing.B) {
	for name, size := range map[string]struct{ policies, classes int }{
		"empty": {}, "ordinary": {policies: 5, classes: 6}, "crowded": {policies: 200, classes: 500},
	} {
		b.Run(name, func(b *testing.B) {
			in := crowd(b, size.policies, size.classes)
			b.ReportAllocs()
			for b.Loop() {
				Control{}.Evaluate(in)
			}
		})
	}
}

// crowd returns a denied namespace with policies that each let one class of pods
// talk to another, and to a network.
func crowd(b *testing.B, policies, classes int) control.Input {
	b.Helper()
	in := input(v1alpha1.ModeEnforce, policy(DenyIngressName, true, "Ingress"), policy(DenyEgressName, true, "Egress"))
	s := &scene{t: b, Input: in}
	for i := range policies {
		s.policy(fmt.Sprintf("p%d", i), fmt.Sprintf(`podSelector: {matchLabels: {app: a%d}}, policyTypes: [Ingress, Egress],
			ingress: [{from: [{podSelector: {matchLabels: {app: a%d}}}], ports: [{port: 80}]}],
			egress: [{to: [{ipBlock: {cidr: 10.%d.0.0/16}}], ports: [{port: 443}]}]`, i, i+1, i))
	}
	for i := range classes {
		s.pods(fmt.Sprintf("app=a%d", i))
	}
	return s.Input
}
