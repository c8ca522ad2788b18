package networkisolation

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"go4.org/netipx"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// What the API of ClusterNetworkPolicies calls its tiers and actions.
const (
	tierAdmin    = "Admin"
	tierBaseline = "Baseline"
	actionAccept = "Accept"
	actionDeny   = "Deny"
	actionPass   = "Pass"
)

// clusterPolicy goes before the names of ClusterNetworkPolicies.
const clusterPolicy = "ClusterNetworkPolicy "

// tierRule is a rule of a ClusterNetworkPolicy of the Admin tier, and whom it is
// for.
type tierRule struct {
	name     string
	policy   string
	priority int32
	index    int
	action   string
	// pods are its subjects in the namespace; nil means every pod.
	pods  *metav1.LabelSelector
	ports portSet
	// Whether it is for all pods of all namespaces, and for whole address families.
	everyPod, everyIPv4, everyIPv6 answer
	// doubt is why one of these is not known, or "".
	doubt string
}

// adminRules returns the rules of the Admin tier for a direction, in the order
// in which they are asked. That of policies of equal priority is by name.
func adminRules(s *control.Snapshot, d direction) []tierRule {
	var rules []tierRule
	for _, p := range s.ClusterPolicies {
		if p.Tier != tierAdmin {
			continue
		}
		ofDirection := p.Ingress
		if d.policyType == "Egress" {
			ofDirection = p.Egress
		}
		for i, rule := range ofDirection {
			r := tierRule{
				name: clusterPolicy + ruleName(p.Name, d, i), policy: p.Name, priority: p.Priority, index: i,
				action: rule.Action, pods: p.Pods, ports: protocolPorts(rule),
			}
			r.readPeers(rule.Peers, s.Peers)
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b tierRule) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.policy, b.policy), cmp.Compare(a.index, b.index))
	})
	return rules
}

// protocolPorts returns the ports of a rule. What makes no sense is every port
// to a rule that accepts, and none to others: the worse reading of both.
func protocolPorts(rule control.ClusterRule) portSet {
	if len(rule.Protocols) == 0 {
		return everyPort()
	}
	var sets []portSet
	for _, p := range rule.Protocols {
		set := portsOf(corev1.Protocol(p.Protocol), p.From, max(p.From, p.To))
		switch {
		case p.Name != "":
			set = portSet{names: []portName{{corev1.Protocol(p.Protocol), p.Name}}}
		case p.From == 0:
			set = portsOf(corev1.Protocol(p.Protocol), 1, maxPort)
		}
		if set.empty() && rule.Action == actionAccept {
			set = everyPort()
		}
		sets = append(sets, set)
	}
	return unionOf(sets...)
}

// readPeers says whom the rule is for. What cannot be told may be everybody.
func (r *tierRule) readPeers(peers []control.ClusterPeer, resolved control.Peers) {
	if len(peers) == 0 {
		r.mayBeAnybody("it names nobody")
	}
	var nets netipx.IPSetBuilder
	for _, peer := range peers {
		switch {
		case peer.Unmodelled != "":
			r.mayBeAnybody(fmt.Sprintf("its peers by %s are not modelled", peer.Unmodelled))
		case peer.Namespaces != nil:
			r.mayBeEveryPod(everyPod(*peer.Namespaces, nil, resolved))
		case peer.Pods != nil:
			r.mayBeEveryPod(everyPod(peer.Pods.NamespaceSelector, &peer.Pods.PodSelector, resolved))
		default:
			r.readNetworks(peer.Networks, &nets)
		}
	}
	set, err := nets.IPSet()
	if err != nil {
		return
	}
	if set.ContainsPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0)) {
		r.everyIPv4 = yes
	}
	if set.ContainsPrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0)) {
		r.everyIPv6 = yes
	}
}

func (r *tierRule) readNetworks(networks []string, nets *netipx.IPSetBuilder) {
	if len(networks) == 0 {
		r.mayBeAnybody("a peer names nobody")
	}
	for _, cidr := range networks {
		network, ok := readNetwork(cidr)
		if !ok {
			r.mayBeAnybody("a network cannot be parsed")
			continue
		}
		nets.AddPrefix(network)
	}
}

func (r *tierRule) mayBeEveryPod(every answer) {
	r.everyPod = max(r.everyPod, every)
	if every == unknown {
		r.doubt = "whom a selector matches is not known"
	}
}

func (r *tierRule) mayBeAnybody(doubt string) {
	r.doubt = doubt
	r.everyPod, r.everyIPv4, r.everyIPv6 = max(r.everyPod, unknown), max(r.everyIPv4, unknown), max(r.everyIPv6, unknown)
}
