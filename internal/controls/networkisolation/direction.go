package networkisolation

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// The objects that Holdfast applies.
const (
	// DenyIngressName is the name of the NetworkPolicy that denies ingress by default.
	DenyIngressName = "holdfast-default-deny-ingress"
	// DenyEgressName is the name of the NetworkPolicy that denies egress by default.
	DenyEgressName = "holdfast-default-deny-egress"
)

// direction is what the rules need to know of a direction of traffic.
type direction struct {
	name v1alpha1.Direction
	// word is the name within a sentence.
	word string
	rule string
	// object is the name of the NetworkPolicy that denies the direction, and
	// sameNamespace of the one that permits it within the namespace.
	object, sameNamespace string
	// refusal is the reason for not denying the direction.
	refusal string
	// policyType and rules are the direction in a NetworkPolicy.
	policyType networkingv1.PolicyType
	rules      func(networkingv1.NetworkPolicySpec) int
}

// directions returns every direction, ordered by rule.
func directions() []direction {
	return []direction{{
		name: v1alpha1.DirectionIngress, word: "ingress", rule: RuleDenyIngress, object: DenyIngressName,
		sameNamespace: AllowSameNamespaceIngressName,
		refusal:       v1alpha1.ReasonIngressRefused,
		policyType:    networkingv1.PolicyTypeIngress,
		rules:         func(s networkingv1.NetworkPolicySpec) int { return len(s.Ingress) },
	}, {
		name: v1alpha1.DirectionEgress, word: "egress", rule: RuleDenyEgress, object: DenyEgressName,
		sameNamespace: AllowSameNamespaceEgressName,
		refusal:       v1alpha1.ReasonEgressRefused,
		policyType:    networkingv1.PolicyTypeEgress,
		rules:         func(s networkingv1.NetworkPolicySpec) int { return len(s.Egress) },
	}}
}

func directionOf(name v1alpha1.Direction) direction {
	all := directions()
	return all[slices.IndexFunc(all, func(d direction) bool { return d.name == name })]
}

func ingress() direction { return directions()[0] }

func egress() direction { return directions()[1] }

// defects returns why a NetworkPolicy does not deny the direction by default,
// as reasons. Without any it does.
func (d direction) defects(spec networkingv1.NetworkPolicySpec) []string {
	var defects []string
	if !slices.Contains(policyTypes(spec), d.policyType) {
		defects = append(defects, ReasonUntyped)
	}
	if !selectsEveryPod(spec.PodSelector) {
		defects = append(defects, ReasonNarrowed)
	}
	if d.rules(spec) > 0 {
		defects = append(defects, ReasonOpened)
	}
	return defects
}

// asApplied reports whether a spec is exactly what Holdfast applies.
func (d direction) asApplied(spec networkingv1.NetworkPolicySpec) bool {
	return selectsEveryPod(spec.PodSelector) && len(spec.Ingress) == 0 && len(spec.Egress) == 0 &&
		slices.Equal(spec.PolicyTypes, []networkingv1.PolicyType{d.policyType})
}

// policyTypes returns the directions of a NetworkPolicy. Unset means ingress,
// and egress too if there are egress rules.
func policyTypes(spec networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	if len(spec.PolicyTypes) > 0 {
		return spec.PolicyTypes
	}
	if len(spec.Egress) > 0 {
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}

func selectsEveryPod(selector metav1.LabelSelector) bool {
	return len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}
