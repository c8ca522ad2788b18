package networkisolation

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// unstructured returns a spec as it is applied. Empty lists are explicit, for
// server-side apply reverts only fields that it owns.
func unstructured(spec networkingv1.NetworkPolicySpec) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&spec)
	if err != nil {
		return nil, fmt.Errorf("encode a NetworkPolicy: %w", err)
	}
	for field, empty := range map[string]any{
		"podSelector": map[string]any{}, "policyTypes": []any{}, "ingress": []any{}, "egress": []any{},
	} {
		if _, set := fields[field]; !set {
			fields[field] = empty
		}
	}
	return fields, nil
}

// specOf returns a spec that lets pods have traffic with peers in one direction.
func specOf(d v1alpha1.Direction, pods metav1.LabelSelector, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicySpec {
	spec := &networkingv1.NetworkPolicySpec{PodSelector: pods, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyType(d)}}
	if d == v1alpha1.DirectionIngress {
		spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: peers, Ports: ports}}
	} else {
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}}
	}
	return spec
}

// egressSpec returns a spec that lets every pod send what the rules say.
func egressSpec(rules []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicySpec {
	return &networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress:      rules,
	}
}

// toNetworks returns a rule that lets traffic go to networks.
func toNetworks(networks []netip.Prefix, ports []control.Port) networkingv1.NetworkPolicyEgressRule {
	rule := networkingv1.NetworkPolicyEgressRule{Ports: policyPorts(ports)}
	for _, network := range networks {
		rule.To = append(rule.To, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: network.String()}})
	}
	return rule
}

func policyPorts(ports []control.Port) []networkingv1.NetworkPolicyPort {
	var list []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		list = append(list, networkingv1.NetworkPolicyPort{Protocol: new(p.Protocol), Port: new(intstr.FromInt32(p.Port))})
	}
	return list
}

// portList returns ports, each once, ordered by protocol and number: UDP first,
// as is usual where it matters, which is DNS.
func portList(ports ...control.Port) []control.Port {
	ports = slices.Clone(ports)
	slices.SortFunc(ports, func(a, b control.Port) int {
		return cmp.Or(-cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return slices.Compact(ports)
}

// portText returns ports as people write them.
func portText(ports []control.Port) string {
	var sets []portSet
	for _, p := range ports {
		sets = append(sets, portsOf(p.Protocol, p.Port, p.Port))
	}
	return unionOf(sets...).String()
}

// networkList returns networks, each once, in a stable order. What cannot be
// parsed is left out.
func networkList(cidrs ...string) []netip.Prefix {
	var networks []netip.Prefix
	for _, cidr := range cidrs {
		if network, ok := readNetwork(cidr); ok {
			networks = append(networks, network)
		}
	}
	slices.SortFunc(networks, comparePrefixes)
	return slices.Compact(networks)
}

// hosts returns the networks that consist of one address each.
func hosts(addresses ...string) []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range addresses {
		if address, err := netip.ParseAddr(text); err == nil {
			address = address.Unmap().WithZone("")
			networks = append(networks, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	slices.SortFunc(networks, comparePrefixes)
	return slices.Compact(networks)
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// both returns a port of UDP and of TCP.
func both(port int32) []control.Port {
	return []control.Port{{Protocol: corev1.ProtocolUDP, Port: port}, {Protocol: corev1.ProtocolTCP, Port: port}}
}
