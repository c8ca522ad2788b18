package operator

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestServiceOfTheNameserver: the cluster's DNS is the Service that pods resolve
// names by, whatever its name.
func TestServiceOfTheNameserver(t *testing.T) {
	service := func(namespace, name string, ips ...string) corev1.Service {
		return corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIPs: ips}}
	}
	services := []corev1.Service{
		service("default", "kubernetes", "10.96.0.1"), service("shop", "headless", "None"),
		service("openshift-dns", "dns-default", "10.96.0.10", "fd00::a"),
	}
	dns := types.NamespacedName{Namespace: "openshift-dns", Name: "dns-default"}
	cases := map[string]struct {
		resolvConf string
		want       types.NamespacedName
	}{
		"of a pod":           {"search shop.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n", dns},
		"of a pod, IPv6":     {"nameserver fd00::a", dns},
		"the second":         {"nameserver 192.0.2.1\n nameserver\t10.96.0.10", dns},
		"outside a cluster":  {"nameserver 192.0.2.1\n", types.NamespacedName{}},
		"a node-local cache": {"nameserver 169.254.20.10\n", types.NamespacedName{}},
		"a comment":          {"# nameserver 10.96.0.10\n", types.NamespacedName{}},
		"without an address": {"nameserver\n", types.NamespacedName{}},
		"empty":              {"", types.NamespacedName{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, serviceAt(services, nameservers(tc.resolvConf))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseService(t *testing.T) {
	got, err := parseService("kube-system/kube-dns")
	if want := (types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"}); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"kube-dns", "/kube-dns", "kube-system/", "a/b/c"} {
		if _, err := parseService(text); err == nil || !strings.Contains(err.Error(), "namespace/name") {
			t.Errorf("%q: got error %v", text, err)
		}
	}
}
