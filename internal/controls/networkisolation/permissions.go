package networkisolation

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The names of the NetworkPolicies by which Holdfast permits what allow lists.
const (
	// AllowDNSName permits egress to the cluster's DNS.
	AllowDNSName = allowPrefix + "dns"
	// AllowAPIServerName permits egress to the API server.
	AllowAPIServerName = allowPrefix + "api-server"
	// AllowSameNamespaceIngressName permits ingress from within the namespace.
	AllowSameNamespaceIngressName = allowPrefix + "same-namespace-ingress"
	// AllowSameNamespaceEgressName permits egress within the namespace.
	AllowSameNamespaceEgressName = allowPrefix + "same-namespace-egress"
	// AllowAdmissionPrefix is followed by the name of a Service that the API server calls.
	AllowAdmissionPrefix = allowPrefix + "admission-"
	// AllowRulePrefix is followed by the name of a rule that the control states.
	AllowRulePrefix = allowPrefix + "rule-"

	allowPrefix = "holdfast-allow-"
)

// permission is a NetworkPolicy that permits what an allowance of the control
// states, as far as it can be computed from what was observed. It says nothing of
// which other directions the control denies: so controls that deny different ones
// want the same of it.
type permission struct {
	name string
	// kind and fact tell what was seen of what it is for.
	kind, fact string
	// rule is the rule that judges it.
	rule string
	// direction is the one in which it permits traffic. In it, it also isolates the
	// pods that it selects.
	direction v1alpha1.Direction
	// required is true where denying a direction without it would do harm.
	required bool
	// spec is nil where it cannot be computed.
	spec *networkingv1.NetworkPolicySpec
	// missing says for want of what a denial would do harm, or the spec was not
	// computed afresh, as a clause.
	missing string
	// fresh is true where the spec was computed from what was observed, and not
	// taken from what is in place.
	fresh bool
	// lasting is true where no spec could mend what is missing.
	lasting bool
	// unknown is true where nothing is known of what it is for.
	unknown bool
	// lifeline is the traffic that it is there for, nil where no rule needs to know.
	lifeline *lifeline
}

// permissions returns what allow lists: lifelines first, and otherwise in an
// order that does not depend on the order of anything.
func permissions(in control.Input) []permission {
	stated := slices.Clone(in.Control.NetworkIsolation.Allow)
	slices.SortStableFunc(stated, func(a, b v1alpha1.Allowance) int {
		return strings.Compare(ruleNameOf(a), ruleNameOf(b))
	})
	var all []permission
	for _, kind := range []struct {
		name    v1alpha1.AllowanceType
		compute func(control.Input, v1alpha1.Allowance) []permission
	}{
		{v1alpha1.AllowDNS, permitDNS},
		{v1alpha1.AllowAPIServer, permitAPIServer},
		{v1alpha1.AllowAdmissionBackends, permitAdmission},
		{v1alpha1.AllowSameNamespace, permitSameNamespace},
		{v1alpha1.AllowRule, permitRule},
	} {
		for _, a := range stated {
			if a.Type == kind.name {
				for _, p := range kind.compute(in, a) {
					p.kind = string(a.Type)
					all = append(all, p)
				}
			}
		}
	}
	return all
}

func ruleNameOf(a v1alpha1.Allowance) string {
	if a.Rule == nil {
		return ""
	}
	return a.Rule.Name
}

// allowanceOf returns the allowance of a type that the control states.
func allowanceOf(in control.Input, kind v1alpha1.AllowanceType) (v1alpha1.Allowance, bool) {
	for _, a := range in.Control.NetworkIsolation.Allow {
		if a.Type == kind {
			return a, true
		}
	}
	return v1alpha1.Allowance{}, false
}

// keepPlaced lets what is in place of ours stay as it is while it cannot be
// computed afresh.
func (p *permission) keepPlaced(s *control.Snapshot) {
	p.fresh = p.spec != nil
	if own, placed := ownNamed(s, p.name); placed && !p.fresh {
		p.spec = &own.Spec
	}
}

// ownNamed returns the object of a name, if it is ours.
func ownNamed(s *control.Snapshot, name string) (control.NetworkPolicy, bool) {
	p, found := named(s, name)
	return p, found && p.Ours
}

func named(s *control.Snapshot, name string) (control.NetworkPolicy, bool) {
	i := slices.IndexFunc(s.NetworkPolicies, func(p control.NetworkPolicy) bool { return p.Name == name })
	if i < 0 {
		return control.NetworkPolicy{}, false
	}
	return s.NetworkPolicies[i], true
}

// sameSpec reports whether two specs say the same. Empty and absent lists are one.
func sameSpec(a, b networkingv1.NetworkPolicySpec) bool { return equality.Semantic.DeepEqual(a, b) }
