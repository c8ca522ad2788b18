package encryptionintransit

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// BenchmarkIngresses is what one change costs in a namespace of many Ingresses.
func BenchmarkIngresses(b *testing.B) {
	for _, n := range []int{1, 100, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := stage(b, probed+`, services: {}`).enforced()
			for i := range n {
				host := fmt.Sprintf("h%d.example.com", i)
				s.Snapshot.Ingresses = append(s.Snapshot.Ingresses, control.Ingress{
					Meta: control.Meta{Name: host, UID: host}, Class: "nginx", Controller: "k8s.io/ingress-nginx",
					Hosts: []string{host}, TLS: []control.IngressTLS{{Hosts: []string{host}, Secret: "tls"}},
				})
			}
			for _, target := range (Control{}).Targets(s.Input) {
				s.Snapshot.Observations = append(s.Snapshot.Observations, control.Observation{Target: target, ValidUntil: now.Add(time.Hour), Served: &control.Served{}})
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if found := (Control{}).Evaluate(s.Input); len(found) != 4*n {
					b.Fatalf("%d findings", len(found))
				}
				Control{}.Targets(s.Input)
			}
		})
	}
}
