package networkisolation

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// party is a concrete peer of a pod: another pod, or an address. A pod with an
// address is found by either.
type party struct {
	// namespace is that of a pod, and empty for a mere address.
	namespace                  string
	namespaceLabels, podLabels map[string]string
	// ports are the named ports of a pod that traffic goes to.
	ports []control.NamedPort
	// address is the zero value where only selectors can find the pod.
	address netip.Addr
}

// trafficRule is a rule of a NetworkPolicy, whatever its direction.
type trafficRule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

// trafficRules returns the rules of a NetworkPolicy for a direction, in its
// order. Without the policy type they are inert, and none.
func trafficRules(d direction, spec networkingv1.NetworkPolicySpec) []trafficRule {
	if !slices.Contains(policyTypes(spec), d.policyType) {
		return nil
	}
	var rules []trafficRule
	if d.policyType == networkingv1.PolicyTypeIngress {
		for _, r := range spec.Ingress {
			rules = append(rules, trafficRule{peers: r.From, ports: r.Ports})
		}
		return rules
	}
	for _, r := range spec.Egress {
		rules = append(rules, trafficRule{peers: r.To, ports: r.Ports})
	}
	return rules
}

// isolates reports whether a policy denies the class what no rule allows.
func isolates(p control.NetworkPolicy, class control.PodClass, d direction) bool {
	return !class.HostNetwork && slices.Contains(policyTypes(p.Spec), d.policyType) &&
		selectorMatches(&p.Spec.PodSelector, class.Labels)
}

// isolated reports whether a class of pods is denied what no rule allows. Pods
// on the host network never are.
func isolated(policies []control.NetworkPolicy, class control.PodClass, d direction) bool {
	return slices.ContainsFunc(policies, func(p control.NetworkPolicy) bool { return isolates(p, class, d) })
}

// permits reports whether the policies let a class of pods of a namespace
// exchange traffic with a party: nothing isolates the class, or a rule of a
// policy that does allows it. The port is that of the destination: the class
// for ingress, the party for egress.
func permits(policies []control.NetworkPolicy, ns control.Namespace, class control.PodClass, d direction, p party, port control.Port) bool {
	named := class.Ports
	if d.policyType == networkingv1.PolicyTypeEgress {
		named = p.ports
	}
	free := true
	for _, policy := range policies {
		if !isolates(policy, class, d) {
			continue
		}
		free = false
		for _, rule := range trafficRules(d, policy.Spec) {
			if peersInclude(rule.peers, ns, p) && portsInclude(rule.ports, port, named) {
				return true
			}
		}
	}
	return free
}

// peersInclude reports whether a rule is for the party. No peers are everybody.
func peersInclude(peers []networkingv1.NetworkPolicyPeer, ns control.Namespace, p party) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		switch {
		case peer.IPBlock != nil:
			return p.address.IsValid() && blockContains(*peer.IPBlock, p.address)
		case p.namespace == "" || (peer.NamespaceSelector == nil && peer.PodSelector == nil):
			return false
		case peer.NamespaceSelector == nil && p.namespace != ns.Name:
			return false
		case peer.NamespaceSelector != nil && !selectorMatches(peer.NamespaceSelector, p.namespaceLabels):
			return false
		default:
			return peer.PodSelector == nil || selectorMatches(peer.PodSelector, p.podLabels)
		}
	})
}

// portsInclude reports whether a rule is for the port of a destination whose
// named ports are given.
func portsInclude(ports []networkingv1.NetworkPolicyPort, port control.Port, named []control.NamedPort) bool {
	set, ok := readPorts(ports)
	return ok && set.resolved(named).contains(port)
}
