package observe

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// convertPolicy keeps what is judged of a network policy, and who changed it.
func convertPolicy(p *networkingv1.NetworkPolicy, fieldManager string) *policyItem {
	identity := control.Identity{
		UID:             string(p.UID),
		ResourceVersion: p.ResourceVersion,
		Generation:      p.Generation,
	}
	ours := attribute(&identity, p.ManagedFields, fieldManager)
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

// attribute fills in who changed the spec last, and when fieldManager applied
// the object. It reports whether fieldManager ever did.
//
// Times have a resolution of one second. Where two managers changed the spec in
// the same second, the one that is not ours is named: our own writes are known
// from elsewhere.
func attribute(identity *control.Identity, fields []metav1.ManagedFieldsEntry, fieldManager string) (ours bool) {
	for i := range fields {
		f := &fields[i]
		if f.Time == nil || f.Subresource != "" {
			continue
		}
		at := f.Time.UTC()
		applied := f.Manager == fieldManager && f.Operation == metav1.ManagedFieldsOperationApply
		if applied {
			ours = true
			identity.Applied = at
		}
		newer := at.After(identity.ManagedAt) || at.Equal(identity.ManagedAt) && !applied
		if newer && managesSpec(f.FieldsV1) {
			identity.Manager, identity.ManagedAt = intern(f.Manager), at
		}
	}
	return ours
}

// managesSpec reports whether a set of fields holds any of the spec.
func managesSpec(fields *metav1.FieldsV1) bool {
	if fields == nil {
		return false
	}
	var top struct {
		Spec json.RawMessage `json:"f:spec"`
	}
	return json.Unmarshal(fields.GetRawBytes(), &top) == nil && top.Spec != nil
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
