package networkisolation

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// dnsPort is the only port that resolvers ask, and that caches listen on.
	// What stands behind the DNS Service may listen on another.
	dnsPort = 53
	// nodeLocalAddress is where a node-local DNS cache listens, unless somebody
	// configured it otherwise: then the allowance's cidrs have to say so.
	nodeLocalAddress = "169.254.20.10"
)

// permitDNS returns the permission to ask the cluster's DNS.
func permitDNS(in control.Input, stated v1alpha1.Allowance) []permission {
	p := permission{
		name:      AllowDNSName,
		rule:      RuleLifelines,
		direction: v1alpha1.DirectionEgress,
		required:  true,
	}
	p.missing, p.lasting = dnsObstacle(in.Snapshot, stated.CIDRs)
	p.unknown = true
	if dns := observedDNS(in.Snapshot); dns != nil {
		p.unknown = false
		p.fact = dnsFact(*dns)
		p.spec = dnsSpec(*dns, stated.CIDRs)
		p.lifeline = dnsLifeline(*dns, stated.CIDRs)
	}
	p.keepPlaced(in.Snapshot)
	return []permission{p}
}

// observedDNS returns the cluster's DNS, nil where it was not observed or is none.
func observedDNS(s *control.Snapshot) *control.DNS {
	if unobserved(s, control.NeedServices, control.NeedEndpointSlices) != "" {
		return nil
	}
	return s.Lifelines.DNS
}

// unobserved returns why the lifelines are not known, or "".
func unobserved(s *control.Snapshot, needs ...control.Need) string {
	reason, _ := s.Unobserved(needs...)
	if reason == "" && s.Lifelines == nil {
		return control.ReasonFailed
	}
	return reason
}

// dnsObstacle returns why egress cannot be denied without cutting off DNS, as a
// clause, or "". Lasting is true where no allowance that the control states
// could mend it.
func dnsObstacle(s *control.Snapshot, cidrs []string) (why string, lasting bool) {
	if reason := unobserved(s, control.NeedServices, control.NeedEndpointSlices); reason != "" {
		return fmt.Sprintf("the cluster's DNS could not be observed (%s)", reason), false
	}
	dns := s.Lifelines.DNS
	if dns == nil {
		return "no Service of the cluster's DNS was found", false
	}
	service := dns.Namespace + "/" + dns.Service
	switch {
	case dns.HostNetwork && len(cidrs) == 0:
		return fmt.Sprintf("DNS (%s) is on the host network, beyond pod selectors, and allow gives no cidrs", service), dns.Ready
	case len(dns.Selector) == 0 && len(cidrs) == 0:
		return fmt.Sprintf("Service %s of DNS has no selector, and allow gives no cidrs", service), false
	case !dns.Ready || len(dns.Ports) == 0:
		return fmt.Sprintf("Service %s of DNS has no ready endpoint", service), false
	default:
		return "", false
	}
}

// dnsSpec returns the NetworkPolicy that permits DNS, nil where it cannot be
// computed.
//
// The pods behind the Service are selected as the Service selects them, on the
// ports that they listen on. A node-local cache is no such pod: it runs on the
// host network and listens on a link-local address and, where kube-proxy uses
// iptables, on the Service's own addresses too, without translation. So policies
// see those addresses, and ipBlocks with them are what its documentation
// (kubernetes/kubernetes, cluster/addons/dns/nodelocaldns/README.md, "Network
// policy and DNS connectivity") says to allow.
func dnsSpec(dns control.DNS, cidrs []string) *networkingv1.NetworkPolicySpec {
	if len(dns.Ports) == 0 || (len(cidrs) == 0 && (dns.HostNetwork || len(dns.Selector) == 0)) {
		return nil
	}
	var rules []networkingv1.NetworkPolicyEgressRule
	if len(dns.Selector) > 0 {
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{
			To: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: dns.Namespace}},
				PodSelector:       &metav1.LabelSelector{MatchLabels: dns.Selector},
			}},
			Ports: policyPorts(portList(dns.Ports...)),
		})
	}
	if dns.NodeLocal {
		rules = append(rules, toNetworks(cacheNetworks(dns), both(dnsPort)))
	}
	if networks := networkList(cidrs...); len(networks) > 0 {
		rules = append(rules, toNetworks(networks, cidrPorts(dns)))
	}
	return egressSpec(rules)
}

// dnsFact tells what was seen of DNS.
func dnsFact(dns control.DNS) string {
	fact := fmt.Sprintf("Service %s/%s on %s", dns.Namespace, dns.Service, portText(dns.Ports))
	if len(dns.Ports) == 0 {
		fact = fmt.Sprintf("Service %s/%s without endpoints", dns.Namespace, dns.Service)
	}
	if dns.HostNetwork {
		fact += ", on the host network"
	}
	if dns.NodeLocal {
		fact += ", with a node-local cache"
	}
	return fact
}

// cacheNetworks returns the addresses that a node-local cache may listen on.
func cacheNetworks(dns control.DNS) []netip.Prefix {
	return hosts(slices.Concat([]string{nodeLocalAddress}, dns.ClusterIPs)...)
}

// cidrPorts returns the ports of stated addresses: of what stands behind the
// Service, or of resolvers that are asked directly.
func cidrPorts(dns control.DNS) []control.Port {
	return portList(slices.Concat(both(dnsPort), dns.Ports)...)
}

// dnsLifeline returns the traffic that resolving names needs, nil where that is
// not known. To resolve names UDP is essential; TCP, for long answers, is part of
// all that is permitted.
func dnsLifeline(dns control.DNS, cidrs []string) *lifeline {
	if len(dns.Ports) == 0 {
		return nil
	}
	var pods, caches []flow
	for _, pod := range dnsPods(dns) {
		pods = append(pods, flow{pod: pod, ports: dns.Ports})
	}
	if dns.NodeLocal {
		caches = toEach(cacheNetworks(dns), both(dnsPort))
	}
	stated := toEach(networkList(cidrs...), cidrPorts(dns))
	l := &lifeline{names: []string{"DNS"}, direction: egress(), full: slices.Concat(pods, caches, stated)}
	switch {
	case len(caches) > 0:
		// Pods ask one address of the cache on their node, and it asks for them.
		l.essential = [][]flow{onlyUDP(caches)}
	case len(pods) > 0:
		l.essential = each(onlyUDP(pods))
	case len(stated) > 0:
		l.essential = each(onlyUDP(stated))
	default:
		l.full = toEach(everyNetwork()[:1], dns.Ports)
		l.essential = each(onlyUDP(l.full))
		l.unsure = "no pod selector reaches DNS, and its addresses are not stated"
	}
	return l
}

// dnsPods returns the pods behind the Service, as far as policies tell them apart.
func dnsPods(dns control.DNS) []party {
	if dns.HostNetwork {
		return nil
	}
	labels := dns.Pods
	if len(labels) == 0 && len(dns.Selector) > 0 {
		labels = []map[string]string{dns.Selector}
	}
	var pods []party
	for _, l := range labels {
		pods = append(pods, party{namespace: dns.Namespace, namespaceLabels: dns.NamespaceLabels, podLabels: l})
	}
	return pods
}

// toEach returns traffic to each of the networks.
func toEach(networks []netip.Prefix, ports []control.Port) []flow {
	var all []flow
	for _, network := range networks {
		all = append(all, flow{network: network, ports: ports})
	}
	return all
}

// onlyUDP leaves out all ports that are not of UDP, unless none would be left.
func onlyUDP(all []flow) []flow {
	var udp []flow
	for _, f := range all {
		ports := slices.DeleteFunc(slices.Clone(f.ports), func(p control.Port) bool { return p.Protocol != corev1.ProtocolUDP })
		if len(ports) > 0 {
			f.ports = ports
		}
		udp = append(udp, f)
	}
	return udp
}
