// Package kstatus tests that who reads health by kstatus, as Flux does, sees the
// health of Holdfast's objects from their creation to their deletion: the real
// operator, on a real API server.
package kstatus

import (
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/go-logr/logr"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// life is an object whose health is followed.
type life struct {
	*harness.Cluster
	t    *testing.T
	kind schema.GroupVersionKind
	name string
}

// read reads the object as it is stored.
func (l *life) read() *unstructured.Unstructured {
	l.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(l.kind)
	if err := l.Get(l.t.Context(), client.ObjectKey{Name: l.name}, object); err != nil {
		l.t.Fatal(err)
	}
	return object
}

// health is nil if kstatus says what is wanted.
func (l *life) health(want status.Status) error {
	l.t.Helper()
	result, err := status.Compute(l.read())
	if err == nil && result.Status != want {
		err = fmt.Errorf("%s %s is %s, want %s: %s", l.kind.Kind, l.name, result.Status, want, result.Message)
	}
	return err
}

// is fails the test unless kstatus says what is wanted now.
func (l *life) is(when string, want status.Status) {
	l.t.Helper()
	if err := l.health(want); err != nil {
		l.t.Errorf("%s: %v", when, err)
	}
}

// becomes waits until kstatus says what is wanted.
func (l *life) becomes(when string, want status.Status) {
	l.t.Helper()
	harness.Eventually(l.t, when, func() error { return l.health(want) })
}

// hold has a finalizer keep the object, or nothing any more.
func (l *life) hold(finalizers ...string) {
	l.t.Helper()
	object := l.read()
	before := object.DeepCopy()
	object.SetFinalizers(finalizers)
	if err := l.Patch(l.t.Context(), object, client.MergeFrom(before)); err != nil { // beside the operator, which writes status
		l.t.Fatal(err)
	}
}

// deleted shows the health of an object that is being deleted, which somebody holds.
func (l *life) deleted() {
	l.t.Helper()
	l.hold("example.com/held")
	if err := l.Delete(l.t.Context(), l.read()); err != nil {
		l.t.Fatal(err)
	}
	l.is("while it is deleted", status.TerminatingStatus)
	l.hold()
}

// TestHealth follows objects while nobody runs, and while the operator does.
func TestHealth(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	cluster := harness.StartCluster(t, harness.ClusterOptions{})
	op := cluster.NewOperator(t, harness.OperatorOptions{})
	t.Run("ControlPolicy", func(t *testing.T) {
		testPolicy(&life{cluster, t, v1alpha1.GroupVersion.WithKind("ControlPolicy"), "p"}, op)
	})
	t.Run("EvidenceSchedule", func(t *testing.T) {
		testSchedule(&life{cluster, t, v1alpha1.GroupVersion.WithKind("EvidenceSchedule"), "s"}, op)
	})
	t.Run("ControlPolicy over the cluster", func(t *testing.T) {
		testCluster(&life{cluster, t, v1alpha1.GroupVersion.WithKind("ControlPolicy"), "c"})
	})
	t.Run("CustomResourceDefinition", func(t *testing.T) {
		for _, resource := range []string{"controlpolicies", "evidenceschedules", "evidencerecords", "encryptedstorageclasses"} {
			kind := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
			(&life{cluster, t, kind, resource + ".holdfast.dev"}).becomes("once it is established", status.CurrentStatus)
		}
	})
}

func testPolicy(l *life, op *harness.Operator) {
	l.Namespace(l.t, "bare", "kstatus", "yes")
	observing := harness.Policy(l.name).Select("kstatus", "yes").Deny(v1alpha1.DirectionIngress)
	l.Apply(l.t, observing)
	l.is("created, and seen by nobody", status.InProgressStatus)
	op.Start(l.t)
	l.becomes("judged, and not conforming", status.CurrentStatus)

	l.Apply(l.t, observing.OperatingFrom(time.Now().Add(-24*time.Hour).Truncate(time.Second)))
	l.becomes("with a spec that cannot be used", status.FailedStatus)
	op.Stop(l.t)
	l.Apply(l.t, harness.Policy(l.name).Select("kstatus", "yes").Deny(v1alpha1.DirectionIngress).Enforce())
	l.is("edited, and seen by nobody", status.InProgressStatus)
	op.Start(l.t)
	l.becomes("put right", status.CurrentStatus)
	l.AwaitConforming(l.t, l.name)
	l.is("conforming", status.CurrentStatus)
	l.deleted()
}

// testCluster: neither subjects that nobody can evaluate nor objects that deviate are
// a matter of health, and what Holdfast applies is healthy.
func testCluster(l *life) {
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Provisioner: "ebs.csi.aws.com"}
	if err := l.Create(l.t.Context(), class); err != nil {
		l.t.Fatal(err)
	}
	l.Apply(l.t, harness.Policy(l.name).Select("kstatus", "cluster").Enforce().Deny(v1alpha1.DirectionIngress).IncludeCluster().Controls(
		v1alpha1.ControlSpec{ID: "ENC-1", EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v1alpha1.VolumeEncryption{Guard: &v1alpha1.VolumeGuard{}}}},
		v1alpha1.ControlSpec{ID: "ENC-2", EncryptionAtRest: &v1alpha1.EncryptionAtRest{APIServer: &v1alpha1.APIServerEncryption{}}},
	))
	l.AwaitCondition(l.t, l.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
	l.becomes("with a class that deviates, and an API server that nobody can probe", status.CurrentStatus)
	guard := control.GuardPrefix + "storage-claims-" + l.name
	for _, kind := range []schema.GroupVersionKind{
		v1alpha1.GroupVersion.WithKind("EncryptedStorageClasses"),
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBinding"},
	} {
		applied := &life{l.Cluster, l.t, kind, guard}
		harness.Eventually(l.t, kind.Kind+" is applied, and healthy", func() error {
			object := &unstructured.Unstructured{}
			object.SetGroupVersionKind(kind)
			if err := l.Get(l.t.Context(), client.ObjectKey{Name: guard}, object); err != nil {
				return err
			}
			return applied.health(status.CurrentStatus)
		})
	}
	l.deleted()
}

func testSchedule(l *life, op *harness.Operator) {
	op.Stop(l.t)
	l.ApplySchedule(l.t, harness.EachMinute(l.name))
	l.is("created, and seen by nobody", status.InProgressStatus)
	op.Start(l.t)
	l.becomes("in force, before its first slot", status.CurrentStatus)
	l.ApplySchedule(l.t, harness.EachMinute(l.name, func(spec *v1alpha1.EvidenceScheduleSpec) { spec.TimeZone = "Nowhere/Land" }))
	l.becomes("with a time zone that is not known", status.FailedStatus)
	l.ApplySchedule(l.t, harness.EachMinute(l.name))
	l.becomes("put right", status.CurrentStatus)
	l.deleted()
}
