package networkisolation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// RuleAllowances is the rule that stated allowances exist as stated, and no others
// of ours.
const RuleAllowances = "NP-04"

// Reasons of findings about allowances.
const (
	// ReasonAllowed surfaces when the stated allowances exist as stated.
	ReasonAllowed = "Allowed"
	// ReasonRevoked surfaces in Enforce mode while an allowance of ours is left
	// that the control does not state any more.
	ReasonRevoked = "Revoked"
)

// permitSameNamespace returns the permissions for pods of the namespace to reach
// each other, one for each direction that is denied.
func permitSameNamespace(in control.Input, _ v1alpha1.Allowance) []permission {
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}
	var all []permission
	for _, d := range wantedDirections(in.Control) {
		all = append(all, permission{
			name:      d.sameNamespace,
			rule:      RuleAllowances,
			direction: d.name,
			spec:      specOf(d.name, metav1.LabelSelector{}, peers, nil),
		})
	}
	return all
}

// permitRule returns the permission that a control states in its own words.
func permitRule(_ control.Input, a v1alpha1.Allowance) []permission {
	if a.Rule == nil {
		return nil
	}
	return []permission{{
		name:      AllowRulePrefix + a.Rule.Name,
		rule:      RuleAllowances,
		direction: a.Rule.Direction,
		spec:      specOf(a.Rule.Direction, a.Rule.PodSelector, statedPeers(a.Rule.Peers), statedPorts(a.Rule.Ports)),
	}}
}

func statedPeers(stated []v1alpha1.TrafficPeer) []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	for _, p := range stated {
		peer := networkingv1.NetworkPolicyPeer{NamespaceSelector: p.NamespaceSelector, PodSelector: p.PodSelector}
		if p.IPBlock != nil {
			peer.IPBlock = &networkingv1.IPBlock{CIDR: canonical(p.IPBlock.CIDR)}
			for _, except := range p.IPBlock.Except {
				peer.IPBlock.Except = append(peer.IPBlock.Except, canonical(except))
			}
		}
		peers = append(peers, peer)
	}
	return peers
}

// canonical returns a network as API servers want it written.
func canonical(cidr string) string {
	if network, ok := readNetwork(cidr); ok {
		return network.String()
	}
	return cidr
}

func statedPorts(stated []v1alpha1.TrafficPort) []networkingv1.NetworkPolicyPort {
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range stated {
		port := networkingv1.NetworkPolicyPort{Protocol: new(corev1.ProtocolTCP), EndPort: p.EndPort}
		if p.Protocol != "" {
			port.Protocol = new(corev1.Protocol(p.Protocol))
		}
		switch {
		case p.Name != "":
			port.Port = new(intstr.FromString(p.Name))
		case p.Port != nil:
			port.Port = new(intstr.FromInt32(*p.Port))
		}
		ports = append(ports, port)
	}
	return ports
}

// judgeAllowances returns the finding of rule NP-04, if the control states
// allowances other than lifelines, or some of ours are left that it does not state.
func judgeAllowances(in control.Input) []control.Finding {
	states := slices.ContainsFunc(in.Control.NetworkIsolation.Allow, func(a v1alpha1.Allowance) bool {
		return a.Type == v1alpha1.AllowSameNamespace || a.Type == v1alpha1.AllowRule
	})
	if verdict := undecided(in.Snapshot, control.NeedNetworkPolicies); verdict != nil {
		if !states {
			return nil
		}
		verdict.Rule = RuleAllowances
		return []control.Finding{*verdict}
	}
	found, names := findAllowances(in)
	finding := found.finding()
	if !states && finding.Outcome == control.Conforming {
		return nil
	}
	if finding.Outcome == control.Conforming {
		finding.Reason, finding.Message = ReasonAllowed, phrase.Named("Allowed as stated: {names}.", found.noun, names, maxMessage)
	}
	finding.Rule = RuleAllowances
	finding.Facts = factTexts(map[string][]string{factStated: names})
	return []control.Finding{finding}
}

// findAllowances returns what speaks against the allowances, and their names.
func findAllowances(in control.Input) (found problems, names []string) {
	found.noun = "NetworkPolicies"
	i := intent{in: in, stated: permissions(in)}
	judge := i.observeAllowance
	if in.Control.Mode == v1alpha1.ModeEnforce {
		i = intend(in)
		judge = i.enforceAllowance
		for _, name := range i.revoked {
			found.add(ReasonRevoked, name)
		}
		for _, k := range i.kept {
			found.add(ReasonRevoked, k.name)
		}
	}
	for _, p := range i.stated {
		if p.rule == RuleAllowances {
			judge(p, &found)
			names = append(names, p.name)
		}
	}
	return found, names
}

// enforceAllowance judges that our own NetworkPolicy is as the control wants it,
// or that another does the same.
func (i *intent) enforceAllowance(p permission, found *problems) {
	own, placed := ownNamed(i.in.Snapshot, p.name)
	switch {
	case placed && !sameSpec(own.Spec, *p.spec):
		found.add(ReasonAltered, p.name)
	case !placed && !i.granted(p, i.in.Snapshot.NetworkPolicies):
		found.add(ReasonAbsent, p.name)
	}
}

// observeAllowance judges that any NetworkPolicy says what is stated.
func (i *intent) observeAllowance(p permission, found *problems) {
	if saysAll(*p.spec, i.in.Snapshot.NetworkPolicies) {
		return
	}
	if _, named := named(i.in.Snapshot, p.name); named {
		found.add(ReasonAltered, p.name)
		return
	}
	found.add(ReasonAbsent, p.name)
}

// saysAll reports whether policies say all that a spec does.
func saysAll(spec networkingv1.NetworkPolicySpec, policies []control.NetworkPolicy) bool {
	return !slices.ContainsFunc(directions(), func(d direction) bool { return !says(d, spec, policies) })
}

// says reports whether policies that select the same pods as a spec contain all
// of its rules for a direction.
func says(d direction, spec networkingv1.NetworkPolicySpec, policies []control.NetworkPolicy) bool {
	return !slices.ContainsFunc(trafficRules(d, spec), func(rule trafficRule) bool {
		return !slices.ContainsFunc(policies, func(p control.NetworkPolicy) bool {
			return sameSelector(p.Spec.PodSelector, spec.PodSelector) && slices.ContainsFunc(trafficRules(d, p.Spec), rule.same)
		})
	})
}

func sameSelector(a, b metav1.LabelSelector) bool {
	keyA, okA := control.SelectorKey(&a)
	keyB, okB := control.SelectorKey(&b)
	return okA && okB && keyA == keyB
}

// same reports whether two rules list the same peers and ports, in whatever order.
func (r trafficRule) same(o trafficRule) bool {
	within := func(a, b []networkingv1.NetworkPolicyPeer) bool {
		return !slices.ContainsFunc(a, func(peer networkingv1.NetworkPolicyPeer) bool {
			return !slices.ContainsFunc(b, func(other networkingv1.NetworkPolicyPeer) bool {
				return equality.Semantic.DeepEqual(peer, other)
			})
		})
	}
	ports, ok := readPorts(r.ports)
	others, read := readPorts(o.ports)
	return len(r.peers) == len(o.peers) && within(r.peers, o.peers) && within(o.peers, r.peers) &&
		ok && read && slices.Equal(ports.ranges, others.ranges) && slices.Equal(ports.names, others.names)
}
