package observe

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestObserves(t *testing.T) {
	cases := map[schema.GroupKind]bool{
		{Kind: "Namespace"}: true,
		{Kind: "Pod"}:       true,
		{Group: "networking.k8s.io", Kind: "NetworkPolicy"}:               true,
		{Group: "networking.k8s.io", Kind: "Networkpolicy"}:               false,
		{Kind: "NetworkPolicy"}:                                           false,
		{Group: "policy.networking.k8s.io", Kind: "ClusterNetworkPolicy"}: true,
		{Group: "apps", Kind: "Deployment"}:                               false,
	}
	for kind, want := range cases {
		if got := Observes(kind); got != want {
			t.Errorf("Observes(%s) = %t, want %t", kind, got, want)
		}
	}
}
