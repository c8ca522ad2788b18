package preview

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Impact is what would be cut off in a namespace.
type Impact struct {
	// Isolated are the pods that exchange traffic freely now, and would only do as
	// rules allow.
	Isolated []Isolated `json:"isolated,omitempty"`
	// Exposures are the ways in from outside the cluster, or through a proxy, that
	// lead to such pods.
	Exposures []Exposure `json:"exposures,omitempty"`
	// Backends are what the API server itself calls, where it leads to such pods.
	Backends []Backend `json:"backends,omitempty"`
}

func (i Impact) empty() bool { return len(i.Isolated)+len(i.Exposures)+len(i.Backends) == 0 }

// Isolated is a class of pods that would become isolated in a direction.
type Isolated struct {
	// Pods are the labels that tell the class from others.
	Pods string `json:"pods"`
	// Number is how many pods it has.
	Number int `json:"number"`
	// Direction is Ingress or Egress.
	Direction networkingv1.PolicyType `json:"direction"`
	// AllowedBy are the NetworkPolicies whose rules would still allow something.
	// None means that nothing would be.
	AllowedBy []string `json:"allowedBy,omitempty"`
}

// Verdict says what would become of a way in.
type Verdict string

// The verdicts.
const (
	// Denied: no rule would allow it.
	Denied Verdict = "Denied"
	// Limited: it would be open only to whom the named rules allow.
	Limited Verdict = "Limited"
	// Allowed: a rule would allow it for any peer.
	Allowed Verdict = "Allowed"
)

// reached is a class of pods that would become isolated for ingress.
type reached struct {
	control.PodClass
	// rules are those that would be for it.
	rules []rule
}

// rule is a rule of a NetworkPolicy for ingress.
type rule struct {
	policy string
	networkingv1.NetworkPolicyIngressRule
}

// impactOf compares a namespace before and after.
func impactOf(before, after *control.Snapshot) Impact {
	var impact Impact
	var newly []reached
	for _, class := range before.Pods {
		for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
			if isolated(before, class, direction) || !isolated(after, class, direction) {
				continue
			}
			impact.Isolated = append(impact.Isolated, Isolated{Pods: podsText(class), Number: class.Count,
				Direction: direction, AllowedBy: allowing(after, class, direction)})
			if direction == networkingv1.PolicyTypeIngress {
				newly = append(newly, reached{class, ingressRules(after, class)})
			}
		}
	}
	for _, class := range newly {
		impact.Exposures = append(impact.Exposures, class.exposures(before)...)
	}
	impact.Backends = backends(before, newly)
	return impact
}

// selecting are the policies that select a class of pods for a direction.
func selecting(snapshot *control.Snapshot, class control.PodClass, direction networkingv1.PolicyType) []control.NetworkPolicy {
	if class.HostNetwork {
		return nil
	}
	var found []control.NetworkPolicy
	for _, p := range snapshot.NetworkPolicies {
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err == nil && slices.Contains(typesOf(p.Spec), direction) && selector.Matches(labels.Set(class.Labels)) {
			found = append(found, p)
		}
	}
	return found
}

func isolated(snapshot *control.Snapshot, class control.PodClass, direction networkingv1.PolicyType) bool {
	return len(selecting(snapshot, class, direction)) > 0
}

// typesOf are the directions that a policy is for: without any it is for ingress,
// and for egress if it has rules for that.
func typesOf(spec networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	switch {
	case len(spec.PolicyTypes) > 0:
		return spec.PolicyTypes
	case len(spec.Egress) > 0:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	default:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	}
}

// allowing are the names of the policies that allow a class of pods something.
func allowing(snapshot *control.Snapshot, class control.PodClass, direction networkingv1.PolicyType) []string {
	var found []string
	for _, p := range selecting(snapshot, class, direction) {
		if direction == networkingv1.PolicyTypeIngress && len(p.Spec.Ingress) > 0 ||
			direction == networkingv1.PolicyTypeEgress && len(p.Spec.Egress) > 0 {
			found = append(found, p.Name)
		}
	}
	return found
}

func ingressRules(snapshot *control.Snapshot, class control.PodClass) []rule {
	var rules []rule
	for _, p := range selecting(snapshot, class, networkingv1.PolicyTypeIngress) {
		for _, r := range p.Spec.Ingress {
			rules = append(rules, rule{p.Name, r})
		}
	}
	return rules
}

// podsText names a class of pods by the labels that tell it from others.
func podsText(class control.PodClass) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(class.Labels)) {
		pairs = append(pairs, key+"="+class.Labels[key])
	}
	if len(pairs) == 0 {
		return "pods"
	}
	return "pods " + strings.Join(pairs, ",")
}
