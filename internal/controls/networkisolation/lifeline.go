package networkisolation

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// lifeline is traffic that a denial must not cut off.
type lifeline struct {
	// names say what is cut off without it.
	names []string
	// direction is that of the traffic, seen from the pods.
	direction direction
	// selector selects the pods that need it, by their labels; nil is every pod.
	selector map[string]string
	// full is all that an allowance for it permits.
	full []flow
	// essential are groups of alternatives: with one of each group it works.
	essential [][]flow
	// unsure says why traffic that no rule permits may not be what matters, as a
	// clause. It is empty where it surely is.
	unsure string
}

// flow is traffic with one party, a pod or a network, on each of some ports.
type flow struct {
	pod     party
	network netip.Prefix
	ports   []control.Port
}

// concerns reports whether pods of a class need it.
func (l lifeline) concerns(class control.PodClass) bool {
	return len(l.selector) == 0 || hasLabels(class, l.selector)
}

// works reports whether rules of the policies that isolate a class of pods let
// through what is essential.
func (l lifeline) works(policies []control.NetworkPolicy, ns control.Namespace, class control.PodClass) bool {
	for _, alternatives := range l.essential {
		permitted := func(f flow) bool { return f.permitted(policies, ns, class, l.direction) }
		if !slices.ContainsFunc(alternatives, permitted) {
			return false
		}
	}
	return true
}

// explicit reports whether policies permit all of it to every pod that needs it,
// as is sure without looking at pods.
func (l lifeline) explicit(policies []control.NetworkPolicy, ns control.Namespace) bool {
	policies = slices.DeleteFunc(slices.Clone(policies), func(p control.NetworkPolicy) bool {
		return !selectsAllOf(p.Spec.PodSelector, l.selector)
	})
	class := control.PodClass{Labels: l.selector}
	if !isolated(policies, class, l.direction) {
		return false
	}
	for _, f := range l.full {
		if !f.permitted(policies, ns, class, l.direction) {
			return false
		}
	}
	return true
}

// permitted reports whether the policies let a class of pods exchange all of the
// traffic.
func (f flow) permitted(policies []control.NetworkPolicy, ns control.Namespace, class control.PodClass, d direction) bool {
	for _, port := range f.ports {
		if f.network.IsValid() {
			if isolated(policies, class, d) && !permittedNetworks(policies, class, d, port).ContainsPrefix(f.network) {
				return false
			}
			continue
		}
		if !permits(policies, ns, class, d, f.pod, port) {
			return false
		}
	}
	return true
}

// each returns groups without alternatives.
func each(all []flow) [][]flow {
	var groups [][]flow
	for _, f := range all {
		groups = append(groups, []flow{f})
	}
	return groups
}

// selectsAllOf reports whether a selector surely selects every pod that has the
// labels, whatever other labels it has.
func selectsAllOf(selector metav1.LabelSelector, of map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return false
	}
	requirements, _ := parsed.Requirements()
	for _, r := range requirements {
		if _, known := of[r.Key()]; !known {
			return false
		}
	}
	return parsed.Matches(labels.Set(of))
}

// mayMatch reports whether a selector may match something that has the labels,
// and others that are not known.
func mayMatch(selector metav1.LabelSelector, of map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return true
	}
	requirements, _ := parsed.Requirements()
	return !slices.ContainsFunc(requirements, func(r labels.Requirement) bool {
		_, known := of[r.Key()]
		return known && !r.Matches(labels.Set(of))
	})
}

// permittedNetworks returns the addresses with which rules of the policies that
// isolate a class of pods let it exchange traffic on a port of the destination.
func permittedNetworks(policies []control.NetworkPolicy, class control.PodClass, d direction, port control.Port) *netipx.IPSet {
	var networks netipx.IPSetBuilder
	var named []control.NamedPort
	if d.name == v1alpha1.DirectionIngress {
		named = class.Ports
	}
	for _, p := range policies {
		if !isolates(p, class, d) {
			continue
		}
		for _, rule := range trafficRules(d, p.Spec) {
			if portsInclude(rule.ports, port, named) {
				addNetworks(&networks, rule)
			}
		}
	}
	set, err := networks.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return set
}

// addNetworks adds the addresses of a rule's peers. No peers are everybody.
func addNetworks(networks *netipx.IPSetBuilder, rule trafficRule) {
	if len(rule.peers) == 0 {
		for _, family := range everyNetwork() {
			networks.AddPrefix(family)
		}
	}
	for _, peer := range rule.peers {
		if peer.IPBlock == nil {
			continue
		}
		if set, ok := readBlock(*peer.IPBlock); ok {
			networks.AddSet(set)
		}
	}
}

// everyNetwork returns the networks of all addresses, by family.
func everyNetwork() []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
}

// familyOf returns the index in everyNetwork of the family of a network.
func familyOf(network netip.Prefix) int {
	if network.Addr().Is4() {
		return 0
	}
	return 1
}
