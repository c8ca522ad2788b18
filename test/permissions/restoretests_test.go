package permissions_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/test/crds"
)

// What a refusal says.
const (
	noOtherNamespace = "Holdfast creates and deletes no namespaces but those of its restore tests, whose names begin with holdfast-restore-"
	noOtherRestore   = "Holdfast creates and deletes no Restores but those of its restore tests"
	noOtherObject    = "Holdfast creates and deletes no ConfigMaps, PersistentVolumeClaims and pods of other namespaces but those called holdfast-sentinel"
	noOtherQuota     = "Holdfast creates ResourceQuotas in the namespaces of its restore tests only"
)

// testRestoreTests: of the kinds that restore tests take, Holdfast makes and deletes
// what is of its tests, and nothing else.
func (s *suite) testRestoreTests(t *testing.T) {
	crds.Install(t, s.ControlPlane, crds.Velero)
	as := s.as(t, operator("everything", everything))
	admin, scratch := s.as(t, ""), control.ScratchPrefix+"tested"
	for _, name := range []string{scratch, "shop"} {
		if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: ofTest("", name)}); err != nil {
			t.Fatal(err)
		}
	}
	// Pods are refused until the namespace has its service account.
	eventually(t, func(ctx context.Context) error {
		return admin.Get(ctx, client.ObjectKey{Namespace: "shop", Name: "default"}, &corev1.ServiceAccount{})
	})
	eventually(t, func(ctx context.Context) error {
		err := as.Create(ctx, &corev1.Namespace{ObjectMeta: named("other")}, client.DryRunAll)
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("the policy is not in force: %w", errors.Join(err, errors.New("not forbidden")))
		}
		return nil
	})
	cases := map[string]struct {
		object client.Object
		want   string
	}{
		"the namespace of a test":           {&corev1.Namespace{ObjectMeta: ofTest("", control.ScratchPrefix+"next")}, ""},
		"a namespace of that name":          {&corev1.Namespace{ObjectMeta: named(control.ScratchPrefix + "next")}, noOtherNamespace},
		"a namespace with that label":       {&corev1.Namespace{ObjectMeta: ofTest("", "next")}, noOtherNamespace},
		"the Restore of a test":             {restore(ofTest("shop", "tested")), ""},
		"another Restore":                   {restore(metav1.ObjectMeta{Namespace: "shop", Name: "other"}), noOtherRestore},
		"a sentinel":                        {configMap("shop", permissions.SentinelName), ""},
		"another ConfigMap":                 {configMap("shop", "other"), noOtherObject},
		"a ConfigMap of its own namespace":  {configMap(everything, "other"), ""},
		"a claim":                           {&corev1.PersistentVolumeClaim{ObjectMeta: ofTest("shop", permissions.SentinelName), Spec: claim()}, ""},
		"another claim":                     {&corev1.PersistentVolumeClaim{ObjectMeta: ofTest("shop", "other"), Spec: claim()}, noOtherObject},
		"a pod":                             {pod("shop", permissions.SentinelName), ""},
		"another pod":                       {pod("shop", "other"), noOtherObject},
		"a quota of the namespace":          {&corev1.ResourceQuota{ObjectMeta: ofTest(scratch, "quota")}, ""},
		"a quota of a namespace of others'": {&corev1.ResourceQuota{ObjectMeta: ofTest("shop", "quota")}, noOtherQuota},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, as.Create(t.Context(), tc.object, client.DryRunAll), tc.want)
		})
	}
	t.Run("delete the namespace of a test", func(t *testing.T) {
		wantRefusal(t, as.Delete(t.Context(), &corev1.Namespace{ObjectMeta: named(scratch)}, client.DryRunAll), "")
	})
	t.Run("delete another namespace", func(t *testing.T) {
		wantRefusal(t, as.Delete(t.Context(), &corev1.Namespace{ObjectMeta: named("shop")}, client.DryRunAll), noOtherNamespace)
	})
}

// ofTest is the metadata of an object that says it is of a restore test.
func ofTest(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{control.RestoreTestLabel: "tested"}}
}

func configMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func pod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: ofTest(namespace, name), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "wait", Image: "example.com/wait"}}}}
}

// restore is a Restore of Velero's.
func restore(metadata metav1.ObjectMeta) client.Object {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "velero.io/v1", "kind": "Restore",
		"spec": map[string]any{"backupName": "nightly"}}}
	o.SetNamespace(metadata.Namespace)
	o.SetName(metadata.Name)
	o.SetLabels(metadata.Labels)
	return o
}
