package permissions_test

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// testProber: the prober does dry runs of what it may, and nothing else, even where
// it is made an admin of the cluster.
func (s *suite) testProber(t *testing.T) {
	as := s.as(t, prober(everything))
	eventually(t, func(ctx context.Context) error {
		created := &storagev1.StorageClass{ObjectMeta: named("in-force"), Provisioner: "example.com/disk"}
		err := as.Create(ctx, created)
		if err == nil {
			return fmt.Errorf("the policy is not in force: %w", s.as(t, "").Delete(ctx, created))
		}
		if !apierrors.IsForbidden(err) {
			return err
		}
		return nil
	})
	for name, object := range tried() {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, as.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll), "")
			wantRefusal(t, as.Create(t.Context(), object.DeepCopyObject().(client.Object)), onlyDryRuns)
		})
	}
	t.Run("as an admin", s.testProberAsAdmin)
}

// testProberAsAdmin has somebody grant the prober everything.
func (s *suite) testProberAsAdmin(t *testing.T) {
	admin, as := s.as(t, ""), s.as(t, prober(everything))
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: named("test-prober-as-admin"),
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: prober(everything)}}}
	if err := admin.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := admin.Delete(context.WithoutCancel(t.Context()), binding); err != nil {
			t.Error(err)
		}
	}()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"}}
	if err := admin.Create(t.Context(), secret.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		return as.Get(ctx, client.ObjectKeyFromObject(secret), &corev1.Secret{})
	})
	requests := map[string]func(ctx context.Context) error{
		"create": func(ctx context.Context) error { return as.Create(ctx, &corev1.Namespace{ObjectMeta: named("made")}) },
		"delete": func(ctx context.Context) error { return as.Delete(ctx, secret.DeepCopy()) },
		"delete many": func(ctx context.Context) error {
			return as.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace("default"))
		},
		"patch": func(ctx context.Context) error { return as.Patch(ctx, secret.DeepCopy(), label()) },
		"apply status": func(ctx context.Context) error {
			return as.Status().Patch(ctx, &corev1.Namespace{ObjectMeta: named("default")}, label())
		},
		"grant": func(ctx context.Context) error {
			role := &rbacv1.ClusterRole{ObjectMeta: named("made")}
			return as.Create(ctx, role)
		},
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) { wantRefusal(t, request(t.Context()), onlyDryRuns) })
	}
	t.Run("a dry run", func(t *testing.T) {
		wantRefusal(t, as.Delete(t.Context(), secret.DeepCopy(), client.DryRunAll), "")
	})
}

// label is a patch that changes nothing but a label.
func label() client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
}

// tried is an object of each kind that guards are tried with.
func tried() map[string]client.Object {
	volume := corev1.PersistentVolumeSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: corev1.ResourceList{"storage": resource.MustParse("1Gi")},
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}},
	}
	backend := &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	return map[string]client.Object{
		"a claim":         &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tried"}, Spec: claim()},
		"a volume":        &corev1.PersistentVolume{ObjectMeta: named("tried"), Spec: volume},
		"a storage class": &storagev1.StorageClass{ObjectMeta: named("tried"), Provisioner: "example.com/disk"},
		"an Ingress":      &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tried"}, Spec: networkingv1.IngressSpec{DefaultBackend: backend}},
	}
}

func claim() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}}}
}
