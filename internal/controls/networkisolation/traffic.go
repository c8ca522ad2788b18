package networkisolation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go4.org/netipx"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// maxName bounds the name of a class of pods, in bytes.
const maxName = 200

// traffic is a direction of a namespace's traffic: its policies, read once, and
// the pods that they can reach.
type traffic struct {
	direction
	// policies are those of the direction, by name.
	policies []reading
	// classes are the pods that are not on the host network, in a stable order.
	classes []podsReading
	// unreadable are the names of policies that nobody can tell the pods of.
	unreadable []string
}

// reading is a NetworkPolicy as read for one direction.
type reading struct {
	control.NetworkPolicy
	// own is true for the object by which Holdfast denies the direction.
	own bool
	// stated is true where Holdfast applied the policy, and it is as the control
	// wants it: what it allows is what the control itself states.
	stated bool
	// selector is nil where it cannot be parsed.
	selector labels.Selector
	rules    []reach
}

// podsReading is a class of pods, and the policies that isolate it.
type podsReading struct {
	control.PodClass
	name string
	// policies are indexes into those of the direction.
	policies []int
}

// reach is whom a rule allows traffic with, at which ports.
type reach struct {
	// name says which rule of which policy it is.
	name string
	// whom is everybody that the rule is for, in words, where it is an open rule:
	// for any peer, for all pods of all namespaces, or for a whole address family.
	whom string
	// nets are the addresses of its ipBlocks. They are nil where even those of all
	// rules of the direction together are no whole address family.
	nets *netipx.IPSet
	// size is how many ranges of addresses nets has.
	size int
	// ports are those at the destination.
	ports portSet
	// doubt is why nobody can tell whether the rule is open, or "".
	doubt string
}

// matters reports whether the rule may open anything.
func (r reach) matters() bool { return r.whom != "" || r.nets != nil || r.doubt != "" }

// readTraffic reads each direction that the control denies.
func readTraffic(in control.Input) []traffic {
	var read []traffic
	for _, d := range wantedDirections(in.Control) {
		read = append(read, readDirection(in, d))
	}
	return read
}

func readDirection(in control.Input, d direction) traffic {
	t := traffic{direction: d}
	policies := slices.Clone(in.Snapshot.NetworkPolicies)
	slices.SortFunc(policies, func(a, b control.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	for _, p := range policies {
		if !slices.Contains(policyTypes(p.Spec), d.policyType) {
			continue
		}
		r := reading{NetworkPolicy: p, own: p.Ours && p.Name == d.object}
		r.selector, _ = metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if r.selector == nil {
			t.unreadable = append(t.unreadable, p.Name+" "+d.word)
		}
		for i, rule := range trafficRules(d, p.Spec) {
			r.rules = append(r.rules, readRule(ruleName(p.Name, d, i), rule, in.Snapshot.Peers))
		}
		t.policies = append(t.policies, r)
	}
	t.dropNarrowNets()
	for i, p := range t.policies {
		t.policies[i].stated = p.Ours && slices.ContainsFunc(p.rules, reach.matters) && asWanted(in, p.NetworkPolicy)
	}
	t.classes = readPods(in.Snapshot.Pods, t.policies)
	return t
}

// dropNarrowNets forgets the networks of rules where they cannot open anything.
func (t *traffic) dropNarrowNets() {
	var together netipx.IPSetBuilder
	for _, p := range t.policies {
		for _, rule := range p.rules {
			if rule.nets != nil {
				together.AddSet(rule.nets)
			}
		}
	}
	if set, err := together.IPSet(); err == nil && wholeFamilies(set) != "" {
		return
	}
	for _, p := range t.policies {
		for i := range p.rules {
			p.rules[i].nets = nil
		}
	}
}

func ruleName(policy string, d direction, index int) string {
	return fmt.Sprintf("%s %s[%d]", policy, d.word, index)
}

func readPods(pods []control.PodClass, policies []reading) []podsReading {
	var read []podsReading
	for _, class := range pods {
		if class.HostNetwork {
			continue
		}
		r := podsReading{PodClass: class, name: className(class)}
		for i, p := range policies {
			if p.selector != nil && p.selector.Matches(labels.Set(class.Labels)) {
				r.policies = append(r.policies, i)
			}
		}
		read = append(read, r)
	}
	slices.SortFunc(read, func(a, b podsReading) int {
		if order := cmp.Compare(a.name, b.name); order != 0 {
			return order
		}
		return cmp.Compare(a.key(), b.key())
	})
	return read
}

// key is the same for classes that traffic does not tell apart.
func (r podsReading) key() string { return fmt.Sprint(r.policies, r.Ports) }

// namedPorts returns the named ports of the pods that a policy selects.
func (t traffic) namedPorts(policy int) []control.NamedPort {
	var named []control.NamedPort
	for _, class := range t.classes {
		if _, selected := slices.BinarySearch(class.policies, policy); selected {
			named = append(named, class.Ports...)
		}
	}
	return named
}

// resolve returns the ports of a rule by number, given the named ports of its
// pods. Those of a rule for egress are at peers, and stay names.
func (t traffic) resolve(ports portSet, named []control.NamedPort) portSet {
	if t.policyType == networkingv1.PolicyTypeEgress {
		return ports
	}
	return ports.resolved(named)
}

// className names a class of pods by those of their labels that selectors
// mention. It names no pod, as the label that a StatefulSet gives each would.
func className(class control.PodClass) string {
	if len(class.Labels) == 0 {
		return "some pods"
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(class.Labels)) {
		value := class.Labels[key]
		if key == appsv1.StatefulSetPodNameLabel {
			value = "*"
		}
		pairs = append(pairs, key+"="+value)
	}
	return phrase.Clip("pods "+strings.Join(pairs, ","), maxName)
}

// readRule says whom a rule allows traffic with. Several peers that are
// everybody only together do not make a rule open, but for ipBlocks: whether
// pods carry one of several labels is not known of the whole cluster.
//
// Whether an ipBlock matches the addresses of pods depends on the network
// plugin. A whole address family is everybody in either reading.
func readRule(name string, rule trafficRule, peers control.Peers) reach {
	r := reach{name: name}
	ports, ok := readPorts(rule.ports)
	if !ok {
		r.doubt = "its ports make no sense"
		return r
	}
	r.ports = ports
	if len(rule.peers) == 0 {
		r.whom = "any peer"
		return r
	}
	var nets netipx.IPSetBuilder
	for _, peer := range rule.peers {
		r.readPeer(peer, peers, &nets)
	}
	if set, err := nets.IPSet(); err == nil && len(set.Ranges()) > 0 {
		r.nets, r.size = set, len(set.Ranges())
	}
	if r.whom == "" && r.nets != nil {
		r.whom = wholeFamilies(r.nets)
	}
	if r.whom != "" {
		r.doubt = ""
	}
	return r
}

func (r *reach) readPeer(peer networkingv1.NetworkPolicyPeer, peers control.Peers, nets *netipx.IPSetBuilder) {
	switch {
	case peer.IPBlock != nil:
		block, ok := readBlock(*peer.IPBlock)
		if !ok {
			r.doubt = "a network cannot be parsed"
			return
		}
		nets.AddSet(block)
	case peer.NamespaceSelector != nil:
		switch everyPod(*peer.NamespaceSelector, peer.PodSelector, peers) {
		case yes:
			r.whom = "all pods of all namespaces"
		case unknown:
			r.doubt = "whom a selector matches is not known"
		}
	case peer.PodSelector == nil:
		r.doubt = "a peer names nobody"
	}
}
