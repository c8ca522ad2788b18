package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/backup"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Backup by VolumeSnapshots", func() {
	It("judges volumes by the snapshots that a controller says are ready, however old they are, and that they stay in the cluster", func() {
		const offCluster = "BCK-2"
		crds.Install(newTB(), published, crds.Snapshots)
		s := preparePublished("snapshots", harness.OperatorOptions{})
		s.take(agedData)
		s.awaitAge(agedData, objective)
		empty := s.namespace("empty")
		s.op.Start(s.tb)
		stated := v1alpha1.Backup{Provider: v1alpha1.BackupByVolumeSnapshot}
		stated.RecoveryPointObjective.Duration = objective
		copied := stated
		copied.Copies = v1alpha1.CopiesOffCluster
		s.Apply(s.tb, s.policy("").Controls(backedUp(backups, stated), backedUp(offCluster, copied)))
		s.awaitState(backups, empty, control.NotApplicable, "")
		s.awaitState(backups, agedData, control.Deviating, backup.ReasonVolumesMissing)

		taken := time.Now().Add(-objective + 30*time.Second).Truncate(time.Second)
		first := s.snapshot("first", agedData, "data")
		s.ready(first, map[string]any{"readyToUse": false, "error": map[string]any{"message": "the driver is busy", "time": stamp(taken)}})
		s.ready(first, map[string]any{"readyToUse": true, "creationTime": stamp(taken)})
		s.awaitState(backups, agedData, control.Conforming, "")
		s.awaitState(offCluster, agedData, control.Deviating, backup.ReasonNotOffCluster)
		s.awaitState(backups, agedData, control.Deviating, backup.ReasonTooOld)
		breaches := s.episodesOf(backups, agedData).Open()
		Expect(breaches.Want(1)).To(Succeed())
		Expect(breaches[0].Opened.ObservedAt.Time).To(BeTemporally(">=", taken.Add(objective)))

		next := s.snapshot("next", agedData, "data")
		s.ready(next, map[string]any{"readyToUse": true, "creationTime": stamp(time.Now())})
		s.awaitState(backups, agedData, control.Conforming, "")
		Expect(s.Delete(context.Background(), next)).To(Succeed())
		s.awaitState(backups, agedData, control.Deviating, backup.ReasonTooOld)
		Expect(s.episodesOf(backups, agedData).Ended(ledger.EndingCorrected).Want(2)).To(Succeed())
	})
})

// snapshot makes a VolumeSnapshot of a claim, which nobody has taken yet.
func (s *scene) snapshot(name, namespace, claim string) *unstructured.Unstructured {
	GinkgoHelper()
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec":     map[string]any{"source": map[string]any{"persistentVolumeClaimName": claim}},
	}}
	Expect(s.Create(context.Background(), o)).To(Succeed())
	return o
}

// ready has a snapshot controller say something of a VolumeSnapshot.
func (s *scene) ready(o *unstructured.Unstructured, status map[string]any) {
	GinkgoHelper()
	o.Object["status"] = status
	Expect(s.Status().Update(context.Background(), o, client.FieldOwner("snapshot-controller"))).To(Succeed())
}
