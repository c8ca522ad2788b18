package observe

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// convertNamespace keeps what is judged of a namespace.
func convertNamespace(n *corev1.Namespace) *control.Namespace {
	return &control.Namespace{
		Name:        intern(n.Name),
		UID:         string(n.UID),
		Labels:      internLabels(n.Labels),
		CreatedAt:   n.CreationTimestamp.UTC(),
		Terminating: n.DeletionTimestamp != nil,
	}
}

// namespaceItem is a namespace on its way into the table, with Linkerd's inbound
// policy, where it states one.
type namespaceItem struct {
	*control.Namespace
	inbound string
}

func itemOfNamespace(n *corev1.Namespace) *namespaceItem {
	return &namespaceItem{convertNamespace(n), intern(n.Annotations[linkerdInbound])}
}

// convertPolicy keeps what is judged of a network policy, and who changed it.
func convertPolicy(p *networkingv1.NetworkPolicy, fieldManager string) *policyItem {
	identity, ours := identityOf(&p.ObjectMeta, fieldManager, body{})
	return &policyItem{
		namespace: intern(p.Namespace),
		peers:     policyPeers(&p.Spec),
		policy: control.NetworkPolicy{
			Name:     intern(p.Name),
			Spec:     p.Spec,
			Ours:     ours,
			Identity: identity,
		},
	}
}

func internLabels(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return nil
	}
	interned := make(map[string]string, len(labels))
	for key, value := range labels {
		interned[intern(key)] = intern(value)
	}
	return interned
}
