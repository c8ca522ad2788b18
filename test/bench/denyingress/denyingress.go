// Package denyingress is the one object that every engine of the benchmarks
// writes: the NetworkPolicy that denies ingress to all pods of a namespace.
package denyingress

import (
	"encoding/json"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The names that all parts of the benchmarks share.
const (
	// Name is the name of the object in each namespace.
	Name = "holdfast-default-deny-ingress"
	// FieldManager applies it. The floor uses the operator's own, so that each
	// finds the other's objects as it left them.
	FieldManager = "holdfast"
	// Label, with the value "true", selects the namespaces to protect.
	Label = "bench"
)

// Body returns the object as it is applied. Empty lists are explicit, because
// server-side apply reverts only the fields that it is sent.
func Body(namespace string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",`+
		`"metadata":{"name":%q,"namespace":%q},`+
		`"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[],"egress":[]}}`, Name, namespace)
}

// Good reports whether a spec denies all ingress, and nothing else.
func Good(spec *networkingv1.NetworkPolicySpec) bool {
	return len(spec.PodSelector.MatchLabels) == 0 && len(spec.PodSelector.MatchExpressions) == 0 &&
		len(spec.PolicyTypes) == 1 && spec.PolicyTypes[0] == networkingv1.PolicyTypeIngress &&
		len(spec.Ingress) == 0 && len(spec.Egress) == 0
}

// OpenedBy reports whether a policy allows ingress because a field manager wrote
// so. Who changes a list takes its ownership away from whoever wrote another.
func OpenedBy(policy *networkingv1.NetworkPolicy, manager string) bool {
	return len(policy.Spec.Ingress) > 0 && slices.ContainsFunc(policy.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		if m.Manager != manager || m.FieldsV1 == nil {
			return false
		}
		var owned struct {
			Spec struct {
				Ingress json.RawMessage `json:"f:ingress"`
			} `json:"f:spec"`
		}
		return json.Unmarshal(m.FieldsV1.GetRawBytes(), &owned) == nil && owned.Spec.Ingress != nil
	})
}
