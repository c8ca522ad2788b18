package denyingress_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/holdfast-dev/holdfast/test/bench/denyingress"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// TestOpenedBy writes to a real API server, which alone says who owns a field.
func TestOpenedBy(t *testing.T) {
	controlPlane, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := controlPlane.Stop(); err != nil {
			t.Error(err)
		}
	})
	client := kubernetes.NewForConfigOrDie(controlPlane.RESTConfig())
	const namespace = "web"
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	open := []byte(`{"spec":{"ingress":[{}]}}`)
	for _, step := range []struct {
		name    string
		manager string
		kind    types.PatchType
		body    []byte
		want    bool
	}{
		{"applied closed", denyingress.FieldManager, types.ApplyPatchType, denyingress.Body(namespace), false},
		{"opened by another", "bench", types.MergePatchType, open, false},
		{"closed again", denyingress.FieldManager, types.ApplyPatchType, denyingress.Body(namespace), false},
		{"opened by itself", denyingress.FieldManager, types.MergePatchType, open, true},
		{"labelled by another", "bench", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), true},
		{"opened otherwise by another", "bench", types.MergePatchType, []byte(`{"spec":{"ingress":[{},{}]}}`), false},
	} {
		options := metav1.PatchOptions{FieldManager: step.manager}
		if step.kind == types.ApplyPatchType {
			options.Force = new(true)
		}
		policy, err := client.NetworkingV1().NetworkPolicies(namespace).Patch(t.Context(), denyingress.Name, step.kind, step.body, options)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := denyingress.OpenedBy(policy, denyingress.FieldManager); got != step.want {
			t.Errorf("%s: OpenedBy = %t, want %t; managed fields: %v", step.name, got, step.want, policy.ManagedFields)
		}
	}
}
