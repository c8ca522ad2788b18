package preview

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/internal/control"
)

var (
	ingressType = networkingv1.PolicyTypeIngress
	egressType  = networkingv1.PolicyTypeEgress
)

// denies is a policy that denies all pods a direction, but for what rules allow.
func denies(name string, direction networkingv1.PolicyType, rules ...networkingv1.NetworkPolicyIngressRule) control.NetworkPolicy {
	return control.NetworkPolicy{Name: name, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{direction}, Ingress: rules}}
}

// from is a rule for ports, by number or name, and for peers.
func from(ports []intstr.IntOrString, peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyIngressRule {
	rule := networkingv1.NetworkPolicyIngressRule{From: peers}
	for _, p := range ports {
		rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Port: &p})
	}
	return rule
}

func block(cidr string, except ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
}

func port(number int32) control.Port { return control.Port{Protocol: corev1.ProtocolTCP, Port: number} }

// web is a namespace with front ends behind a load balancer and an Ingress, and
// with a node agent.
func web(policies ...control.NetworkPolicy) *control.Snapshot {
	return &control.Snapshot{
		Namespace:       control.Namespace{Name: "web"},
		NetworkPolicies: policies,
		Pods: []control.PodClass{
			{Labels: map[string]string{"app": "front"}, Count: 2, Ports: []control.NamedPort{{Name: "https", Port: port(8443)}}},
			{Labels: map[string]string{"app": "agent"}, HostNetwork: true, Count: 1},
		},
		Services: []control.Service{
			{Name: "front", Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": "front"},
				Ports: []control.ServicePort{{Port: port(443), Target: intstr.FromString("https"), NodePort: 30443}}},
			{Name: "inner", Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "front"},
				Ports: []control.ServicePort{{Port: port(80), Target: intstr.FromInt32(8080)}}},
			{Name: "elsewhere", Type: corev1.ServiceTypeLoadBalancer, Ports: []control.ServicePort{{Port: port(1)}}},
		},
		Entrances: []control.Entrance{{Kind: "Ingress", Name: "shop", Services: []string{"inner"}}},
	}
}

func TestExposuresThatWouldBeCutOff(t *testing.T) {
	const balancer, ingress = "Service front (LoadBalancer)", "Ingress shop to Service inner"
	everybody := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}
	own := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
	https := []intstr.IntOrString{intstr.FromString("https")}
	cases := map[string]struct {
		before []control.NetworkPolicy
		after  []control.NetworkPolicy
		// want are the verdicts by way in; one that stays as it is has none.
		want map[string]Verdict
	}{
		"nothing is denied":    {},
		"all is denied":        {after: []control.NetworkPolicy{denies("d", ingressType)}, want: map[string]Verdict{balancer: Denied, ingress: Denied}},
		"only egress is":       {after: []control.NetworkPolicy{denies("d", egressType)}},
		"all was denied":       {before: []control.NetworkPolicy{denies("d", ingressType)}, after: []control.NetworkPolicy{denies("d", ingressType), denies("e", ingressType)}},
		"the namespace's own":  {after: []control.NetworkPolicy{denies("d", ingressType, from(nil, own))}, want: map[string]Verdict{balancer: Denied, ingress: Denied}},
		"pods of all":          {after: []control.NetworkPolicy{denies("d", ingressType, from(nil, everybody))}, want: map[string]Verdict{balancer: Denied, ingress: Limited}},
		"any peer":             {after: []control.NetworkPolicy{denies("d", ingressType, from(nil))}},
		"any peer at one port": {after: []control.NetworkPolicy{denies("d", ingressType, from(https))}, want: map[string]Verdict{ingress: Denied}},
		"any address":          {after: []control.NetworkPolicy{denies("d", ingressType, from(nil, block("0.0.0.0/0")))}, want: map[string]Verdict{ingress: Limited}},
		"any address but some": {after: []control.NetworkPolicy{denies("d", ingressType, from(nil, block("0.0.0.0/0", "10.0.0.0/8")))}, want: map[string]Verdict{balancer: Limited, ingress: Limited}},
		"an address at another port": {
			after: []control.NetworkPolicy{denies("d", ingressType, from([]intstr.IntOrString{intstr.FromInt32(8080)}, block("10.0.0.0/8")))},
			want:  map[string]Verdict{balancer: Denied, ingress: Limited},
		},
		"two rules, of which one is for anybody": {
			after: []control.NetworkPolicy{denies("d", ingressType, from(nil, block("10.0.0.0/8")), from(nil))},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got map[string]Verdict
			for _, e := range impactOf(web(c.before...), web(c.after...)).Exposures {
				if got == nil {
					got = map[string]Verdict{}
				}
				got[e.Way] = e.Verdict
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("exposures (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostPortsAndNodePortsAreWaysIn(t *testing.T) {
	before := web()
	before.Pods[0].HostPorts = []control.Port{port(9000)}
	before.Services[0].Type = corev1.ServiceTypeNodePort
	before.Services[1].ExternalIPs = []string{"192.0.2.1"}
	after := *before
	after.NetworkPolicies = []control.NetworkPolicy{denies("d", ingressType)}
	want := []Exposure{
		{Way: "Service front (NodePort)", Port: "TCP 8443", Pods: "pods app=front", Verdict: Denied},
		{Way: "Service inner (external IPs 192.0.2.1)", Port: "TCP 8080", Pods: "pods app=front", Verdict: Denied},
		{Way: "Ingress shop to Service inner", Port: "TCP 8080", Pods: "pods app=front", Verdict: Denied},
		{Way: "host port", Port: "TCP 9000", Pods: "pods app=front", Verdict: Denied},
	}
	if diff := cmp.Diff(want, impactOf(before, &after).Exposures); diff != "" {
		t.Errorf("exposures (-want +got):\n%s", diff)
	}
}

// TestIsolated: pods on the host network are not, whatever policies say.
func TestIsolated(t *testing.T) {
	allow := denies("allow", ingressType, from(nil, block("10.0.0.0/8")))
	allow.Spec.PolicyTypes = nil // ingress, as it has no rules for egress
	got := impactOf(web(), web(denies("in", ingressType), denies("out", egressType), allow)).Isolated
	want := []Isolated{
		{Pods: "pods app=front", Number: 2, Direction: ingressType, AllowedBy: []string{"allow"}},
		{Pods: "pods app=front", Number: 2, Direction: egressType},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("isolated (-want +got):\n%s", diff)
	}
}

func TestBackends(t *testing.T) {
	front := map[string]string{"app": "front"}
	cases := map[string]struct {
		backend control.AdmissionBackend
		rules   []networkingv1.NetworkPolicyIngressRule
		want    []Backend
	}{
		"cut off":             {backend: control.AdmissionBackend{Selector: front, Targets: []control.Port{port(9443)}}, want: []Backend{{Service: "hook", Port: 443, Verdict: Denied}}},
		"on the host network": {backend: control.AdmissionBackend{Selector: front, HostNetwork: true}},
		"of other pods":       {backend: control.AdmissionBackend{Selector: map[string]string{"app": "none"}}},
		"kept open": {
			backend: control.AdmissionBackend{Selector: front, Targets: []control.Port{port(9443)}},
			rules:   []networkingv1.NetworkPolicyIngressRule{from([]intstr.IntOrString{intstr.FromInt32(9443)})},
			want:    []Backend{{Service: "hook", Port: 443, Verdict: Allowed, AllowedBy: []string{"d"}}},
		},
		"open at one of two ports": {
			backend: control.AdmissionBackend{Selector: front, Targets: []control.Port{port(9443), port(9444)}},
			rules:   []networkingv1.NetworkPolicyIngressRule{from([]intstr.IntOrString{intstr.FromInt32(9443)})},
			want:    []Backend{{Service: "hook", Port: 443, Verdict: Denied, AllowedBy: []string{"d"}}},
		},
		"at a port that is not known": {
			backend: control.AdmissionBackend{Selector: front},
			rules:   []networkingv1.NetworkPolicyIngressRule{from([]intstr.IntOrString{intstr.FromInt32(9443)})},
			want:    []Backend{{Service: "hook", Port: 443, Verdict: Denied}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.backend.Service, c.backend.Port = "hook", 443
			before, after := web(), web(denies("d", ingressType, c.rules...))
			before.AdmissionBackends = []control.AdmissionBackend{c.backend}
			if diff := cmp.Diff(c.want, impactOf(before, after).Backends); diff != "" {
				t.Errorf("backends (-want +got):\n%s", diff)
			}
		})
	}
}
