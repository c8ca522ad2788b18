package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestConvertNamespace(t *testing.T) {
	created := time.Date(2026, 3, 1, 6, 0, 0, 0, time.FixedZone("CET", 3600))
	tests := map[string]struct {
		namespace metav1.ObjectMeta
		want      control.Namespace
	}{
		"living": {
			namespace: metav1.ObjectMeta{
				Name: "shop", UID: "u1", CreationTimestamp: metav1.NewTime(created), ResourceVersion: "7",
				Labels: map[string]string{"tier": "production"}, Annotations: map[string]string{"note": "x"},
			},
			want: control.Namespace{
				Name: "shop", UID: "u1", CreatedAt: created.UTC(), Labels: map[string]string{"tier": "production"},
			},
		},
		"terminating, without labels": {
			namespace: metav1.ObjectMeta{
				Name: "shop", UID: "u1", CreationTimestamp: metav1.NewTime(created), Labels: map[string]string{},
				DeletionTimestamp: &metav1.Time{Time: created},
			},
			want: control.Namespace{Name: "shop", UID: "u1", CreatedAt: created.UTC(), Terminating: true},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := convertNamespace(&corev1.Namespace{ObjectMeta: test.namespace})
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("namespace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConvertPolicy(t *testing.T) {
	at := func(second int) metav1.Time {
		return metav1.NewTime(time.Date(2026, 3, 1, 6, 0, second, 0, time.UTC))
	}
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, second int, fields string) metav1.ManagedFieldsEntry {
		time := at(second)
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: operation, Time: &time, FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	const (
		apply  = metav1.ManagedFieldsOperationApply
		update = metav1.ManagedFieldsOperationUpdate
		spec   = `{"f:spec":{"f:policyTypes":{}}}`
		labels = `{"f:metadata":{"f:labels":{"f:spec":{}}}}`
	)
	status := entry("controller", update, 9, spec)
	status.Subresource = "status"
	timeless := entry("old", update, 9, spec)
	timeless.Time = nil
	tests := map[string]struct {
		fields       []metav1.ManagedFieldsEntry
		wantOurs     bool
		wantIdentity control.Identity
	}{
		"nobody": {},
		"another created it": {
			fields:       []metav1.ManagedFieldsEntry{entry("kubectl", update, 1, spec)},
			wantIdentity: control.Identity{Manager: "kubectl", ManagedAt: at(1).Time},
		},
		"we applied it": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", apply, 1, spec)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "holdfast", ManagedAt: at(1).Time, Applied: at(1).Time},
		},
		"edited after we applied it": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", apply, 1, spec), entry("kubectl", update, 2, spec)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "kubectl", ManagedAt: at(2).Time, Applied: at(1).Time},
		},
		"edited in the same second": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", apply, 1, spec), entry("a", update, 1, spec)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "a", ManagedAt: at(1).Time, Applied: at(1).Time},
		},
		"edited in the same second, in another order": {
			fields:       []metav1.ManagedFieldsEntry{entry("a", update, 1, spec), entry("holdfast", apply, 1, spec)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "a", ManagedAt: at(1).Time, Applied: at(1).Time},
		},
		"applied again after an edit": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", apply, 3, spec), entry("kubectl", update, 2, spec)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "holdfast", ManagedAt: at(3).Time, Applied: at(3).Time},
		},
		"a label named spec is not the spec": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", apply, 1, spec), entry("labeller", update, 2, labels)},
			wantOurs:     true,
			wantIdentity: control.Identity{Manager: "holdfast", ManagedAt: at(1).Time, Applied: at(1).Time},
		},
		"an update by our name is no apply": {
			fields:       []metav1.ManagedFieldsEntry{entry("holdfast", update, 1, spec)},
			wantIdentity: control.Identity{Manager: "holdfast", ManagedAt: at(1).Time},
		},
		"status, no time, no fields and no JSON": {
			fields: []metav1.ManagedFieldsEntry{
				status, timeless, entry("broken", update, 1, "{"),
				{Manager: "empty", Operation: update, Time: new(at(1))},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			policy := networkingv1.NetworkPolicy{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "shop", Name: "deny", UID: "u2", ResourceVersion: "8", Generation: 3,
					Labels: map[string]string{"a": "b"}, ManagedFields: test.fields,
				},
				Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}},
			}
			identity := test.wantIdentity
			identity.UID, identity.ResourceVersion, identity.Generation = "u2", "8", 3
			want := &policyItem{
				namespace: "shop",
				policy:    control.NetworkPolicy{Name: "deny", Spec: policy.Spec, Ours: test.wantOurs, Identity: identity},
			}
			got := convertPolicy(&policy, "holdfast")
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(policyItem{}, peerRef{})); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSourcesRefuseOtherTypes(t *testing.T) {
	sources := always("holdfast", defaultDNS())
	for _, o := range optionals() {
		sources = append(sources, o.source(o.modelled, "holdfast"))
	}
	for _, s := range sources {
		if item, err := s.convert(&corev1.Secret{}); err == nil {
			t.Errorf("%s: a Secret became %v", s.id, item)
		}
	}
}
