package networkisolation

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// backend is a Service that the API server calls, and that denying ingress would
// cut off from it.
type backend struct {
	service  string
	selector map[string]string
	// targets are the pods' ports, sorted.
	targets []control.Port
	// users are what calls it, sorted.
	users []string
	// networks are where the API server may call from.
	networks []netip.Prefix
	// gates is true where no NetworkPolicy can be written without its answer.
	gates bool
	// missing says for want of what the pods or their ports are not known, as a
	// clause.
	missing string
}

// unobservedBackends returns why it is not known what the API server calls, or "".
func unobservedBackends(s *control.Snapshot) string {
	reason, _ := s.Unobserved(control.NeedAdmissionBackends, control.NeedServices)
	return reason
}

// backends returns the Services that the API server calls, by name. Left out is
// what no NetworkPolicy cuts off: pods on the host network, and Services that do
// not exist.
func backends(s *control.Snapshot) []backend {
	called := slices.Clone(s.AdmissionBackends)
	slices.SortFunc(called, func(a, b control.AdmissionBackend) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Port, b.Port))
	})
	var all []backend
	for _, a := range called {
		if cutOff, _ := reachedByPolicies(s, a.Service); !cutOff {
			continue
		}
		if len(all) == 0 || all[len(all)-1].service != a.Service {
			all = append(all, backend{service: a.Service, selector: a.Selector, networks: callers(s)})
		}
		b := &all[len(all)-1]
		b.targets = portList(slices.Concat(b.targets, a.Targets)...)
		b.users = phrase.Sorted(slices.Concat(b.users, a.Users))
		b.gates = b.gates || a.Gates
		b.missing = cmp.Or(b.missing, missingOf(a))
	}
	return all
}

// callers returns the networks that the API server may call from: every address
// of the families that its own addresses have.
func callers(s *control.Snapshot) []netip.Prefix {
	var networks []netip.Prefix
	if s.Lifelines != nil {
		for _, host := range hosts(addressesOf(s.Lifelines.APIServer)...) {
			networks = append(networks, everyNetwork()[familyOf(host)])
		}
	}
	if len(networks) == 0 {
		return everyNetwork()
	}
	slices.SortFunc(networks, comparePrefixes)
	return slices.Compact(networks)
}

// reachedByPolicies reports whether NetworkPolicies of the namespace can cut off
// the pods of a Service, and whether the API server calls it at all.
func reachedByPolicies(s *control.Snapshot, service string) (cutOff, called bool) {
	hostNetwork, selected := false, false
	for _, a := range s.AdmissionBackends {
		if a.Service == service {
			called = true
			hostNetwork = hostNetwork || a.HostNetwork
			selected = selected || len(a.Selector) > 0
		}
	}
	exists := selected || slices.ContainsFunc(s.Services, func(known control.Service) bool { return known.Name == service })
	return called && exists && !hostNetwork, called
}

func missingOf(a control.AdmissionBackend) string {
	switch {
	case len(a.Selector) == 0:
		return fmt.Sprintf("Service %s%s has no selector", a.Service, calledBy(a.Users))
	case len(a.Targets) == 0:
		return fmt.Sprintf("which port of its pods Service %s%s leads to is not known", a.Service, calledBy(a.Users))
	default:
		return ""
	}
}

// calledBy returns who calls a Service, as a clause within a sentence.
func calledBy(users []string) string {
	return ", which the API server calls" + forUsers(users) + ","
}

// forUsers returns what the API server calls for.
func forUsers(users []string) string {
	const room = maxMessage / 6
	if len(users) == 0 {
		return ""
	}
	return " for " + phrase.Clip(strings.Join(users, " and "), room)
}

// permitAdmission returns a permission for each Service that the API server
// calls. It is to call from anybody: from which address an API server calls, that
// of its node, or of a tunnel or proxy, cannot be known.
func permitAdmission(in control.Input, _ v1alpha1.Allowance) []permission {
	s := in.Snapshot
	if unobservedBackends(s) != "" {
		return placedAdmission(s)
	}
	var all []permission
	for _, b := range backends(s) {
		p := admissionPermission(b.service)
		p.missing, p.fact = b.missing, b.String()
		if b.missing == "" {
			p.spec = admissionSpec(b)
			p.lifeline = b.lifeline()
		}
		p.keepPlaced(s)
		all = append(all, p)
	}
	return all
}

// placedAdmission returns the permissions that are in place, while nobody knows
// what the API server calls.
func placedAdmission(s *control.Snapshot) []permission {
	var all []permission
	for _, name := range policyNames(s.NetworkPolicies, func(p control.NetworkPolicy) bool { return p.Ours }) {
		if service, found := strings.CutPrefix(name, AllowAdmissionPrefix); found {
			p := admissionPermission(service)
			p.keepPlaced(s)
			all = append(all, p)
		}
	}
	return all
}

func admissionPermission(service string) permission {
	return permission{
		name:      AllowAdmissionPrefix + service,
		rule:      RuleLifelines,
		direction: v1alpha1.DirectionIngress,
		required:  true,
	}
}

func admissionSpec(b backend) *networkingv1.NetworkPolicySpec {
	return &networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: b.selector},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: policyPorts(b.targets)}},
	}
}

// String returns the Service, and what it is called for.
func (b backend) String() string {
	return fmt.Sprintf("Service %s on %s for %s", b.service, portText(b.targets), strings.Join(b.users, " and "))
}

// lifeline returns the traffic that the API server's calls are.
func (b backend) lifeline() *lifeline {
	calls := toEach(b.networks, b.targets)
	return &lifeline{
		names: b.users, direction: ingress(), selector: b.selector,
		full: calls, essential: each(calls),
	}
}

// admits reports whether policies let anybody reach what the API server calls.
// Where its pods are known they decide, and otherwise what is sure of any pods
// that the Service may select.
func (b backend) admits(s *control.Snapshot, policies []control.NetworkPolicy) bool {
	l := b.lifeline()
	known := false
	for _, class := range s.Pods {
		if class.HostNetwork || len(b.selector) == 0 || !l.concerns(class) {
			continue
		}
		known = true
		if !isolated(policies, class, l.direction) || !l.works(policies, s.Namespace, class) {
			return false
		}
	}
	return known || l.explicit(policies, s.Namespace)
}

// reachable reports whether policies leave to anybody what the API server calls:
// they let it in, or do not isolate its pods.
func (b backend) reachable(s *control.Snapshot, policies []control.NetworkPolicy) bool {
	return b.admits(s, policies) || !slices.ContainsFunc(policies, func(p control.NetworkPolicy) bool {
		return ingress().isIn(p.Spec) && b.maySelect(s, p.Spec.PodSelector)
	})
}

// cutOffByUs reports whether NetworkPolicies of ours, and no others, keep the API
// server from what it calls.
func (b backend) cutOffByUs(s *control.Snapshot) bool {
	return !b.reachable(s, s.NetworkPolicies) && b.reachable(s, slices.DeleteFunc(slices.Clone(s.NetworkPolicies), isOurs))
}

// maySelect reports whether a selector selects some of the pods.
func (b backend) maySelect(s *control.Snapshot, selector metav1.LabelSelector) bool {
	known := false
	for _, class := range s.Pods {
		if class.HostNetwork || !hasLabels(class, b.selector) {
			continue
		}
		if known = true; selectorMatches(&selector, class.Labels) {
			return true
		}
	}
	return !known && mayMatch(selector, b.selector)
}

// hasLabels reports whether a class of pods has all the labels of a Service's selector.
func hasLabels(class control.PodClass, selector map[string]string) bool {
	for key, value := range selector {
		if has, found := class.Labels[key]; !found || has != value {
			return false
		}
	}
	return true
}
