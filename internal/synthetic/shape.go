package synthetic

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/networkisolation"
)

// shape is what isolates a namespace, as far as it varies.
type shape struct {
	// ingress and egress are what Holdfast applied.
	ingress, egress applied
	// owners is true where the namespace's owners deny egress themselves.
	owners bool
	// open is true where a NetworkPolicy of theirs lets everybody in.
	open bool
	// pods says which pods run.
	pods int
}

// applied is the state of what Holdfast applied in one direction.
type applied int

const (
	// never: nothing was applied.
	never applied = iota
	// intact: it is as it was applied.
	intact
	// removed: the denial was deleted.
	removed
	// opened: the denial was given a rule that lets everything pass.
	opened
)

// The NetworkPolicies of owners.
const (
	ownersDenial = "default-deny-egress"
	ownersOpen   = "temporary-allow-all"
)

// denialOf is the object that a direction's state is about.
var denialOf = map[networkingv1.PolicyType]string{
	networkingv1.PolicyTypeIngress: networkisolation.DenyIngressName,
	networkingv1.PolicyTypeEgress:  networkisolation.DenyEgressName,
}

// directionOf is the direction that an object of Holdfast's belongs to.
func directionOf(object string) networkingv1.PolicyType {
	if object == networkisolation.DenyEgressName || strings.HasSuffix(object, "-egress") || strings.HasSuffix(object, "-dns") {
		return networkingv1.PolicyTypeEgress
	}
	return networkingv1.PolicyTypeIngress
}

// of is the state of one direction.
func (s *shape) of(direction networkingv1.PolicyType) *applied {
	if direction == networkingv1.PolicyTypeEgress {
		return &s.egress
	}
	return &s.ingress
}

// policies are the NetworkPolicies of the shape, by name. ours are the specs
// that Holdfast applies.
func (s shape) policies(ours map[string]networkingv1.NetworkPolicySpec) []control.NetworkPolicy {
	var list []control.NetworkPolicy
	for name, spec := range ours {
		direction := directionOf(name)
		state := *s.of(direction)
		denial := denialOf[direction] == name
		if state == never || (denial && state == removed) {
			continue
		}
		if denial && state == opened {
			spec = *spec.DeepCopy()
			spec.Ingress, spec.Egress = nil, nil
			if direction == networkingv1.PolicyTypeIngress {
				spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			} else {
				spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			}
		}
		list = append(list, control.NetworkPolicy{Name: name, Spec: spec, Ours: true})
	}
	if s.owners {
		list = append(list, control.NetworkPolicy{Name: ownersDenial, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}}})
	}
	if s.open {
		list = append(list, control.NetworkPolicy{Name: ownersOpen, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{}}}})
	}
	slices.SortFunc(list, func(a, b control.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// podClasses are the pods that a namespace may run.
func podClasses(kind int) []control.PodClass {
	switch kind {
	case 1:
		return []control.PodClass{{Labels: map[string]string{"app": "web"}}}
	case 2:
		return []control.PodClass{{Labels: map[string]string{"app": "api"}}, {Labels: map[string]string{"app": "worker"}}}
	default:
		return nil
	}
}

// peersOf resolves the selectors of policies: none of them matches everything
// in the cluster, but for the empty one, which is not listed.
func peersOf(policies []control.NetworkPolicy) control.Peers {
	peers := control.Peers{}
	note := func(of *map[string]bool, s *metav1.LabelSelector) {
		if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
			return
		}
		if key, ok := control.SelectorKey(s); ok {
			if *of == nil {
				*of = map[string]bool{}
			}
			(*of)[key] = false
		}
	}
	for i := range policies {
		for _, rule := range policies[i].Spec.Ingress {
			for _, peer := range rule.From {
				note(&peers.Namespaces, peer.NamespaceSelector)
				note(&peers.Pods, peer.PodSelector)
			}
		}
		for _, rule := range policies[i].Spec.Egress {
			for _, peer := range rule.To {
				note(&peers.Namespaces, peer.NamespaceSelector)
				note(&peers.Pods, peer.PodSelector)
			}
		}
	}
	return peers
}

// lifelines are those of the cluster.
func lifelines() *control.Lifelines {
	dns := []control.Port{{Protocol: corev1.ProtocolUDP, Port: 53}, {Protocol: corev1.ProtocolTCP, Port: 53}}
	return &control.Lifelines{
		DNS: &control.DNS{
			Namespace: "kube-system", Service: "kube-dns", Ready: true, Ports: dns,
			NamespaceLabels: map[string]string{corev1.LabelMetadataName: "kube-system"},
			Selector:        map[string]string{"k8s-app": "kube-dns"},
			ClusterIPs:      []string{"10.96.0.10"},
			Pods:            []map[string]string{{"k8s-app": "kube-dns"}},
		},
		APIServer: []control.Endpoint{{Address: "172.18.0.2", Port: control.Port{Protocol: corev1.ProtocolTCP, Port: 6443}}},
	}
}
