//go:build velero

package velero_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/backup"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// The operator, with the rights that the chart gives it, beside a Velero that is
// theirs alone. Velero looks at what is due once a minute: specs wait for that.
var _ = Describe("The operator", Ordered, ContinueOnFailure, func() {
	var (
		beside *installation
		op     *harness.Operator
	)
	BeforeAll(func() {
		tb := newTB()
		beside = install(tb, velero.Options{Namespace: "velero-beside"})
		op = cluster.StartOperator(tb, harness.OperatorOptions{Values: []string{"probe.restoreTests=true"}})
		DeferCleanup(func() { GinkgoWriter.Printf("the ledger holds:\n%s\n", op.Evidence(newTB())) })
	})

	It("holds its plan, records its runs, and breaches the objective while the store is away", func(ctx context.Context) {
		const (
			objective = 150 * time.Second
			plan      = "holdfast-enforced-bck-1"
		)
		DeferCleanup(func(ctx context.Context) {
			Expect(client.IgnoreNotFound(beside.Delete(ctx, beside.New(velero.KindSchedule, plan)))).To(Succeed())
		})
		enforced, watched := newScene(beside, op, "enforced"), newScene(beside, op, "watched")
		shop, stall := enforced.namespace("shop"), watched.namespace("stall")
		everyMinute := v1alpha1.Backup{Schedule: "* * * * *", RecoveryPointObjective: metav1.Duration{Duration: objective}}
		ours, theirs := everyMinute, everyMinute
		ours.Retention = &metav1.Duration{Duration: 720 * time.Hour}
		ours.Velero = &v1alpha1.VeleroBackup{IncludedNamespaces: []string{shop, stall}}
		theirs.Velero = &v1alpha1.VeleroBackup{Plan: plan}
		enforced.apply(enforced.stated(ours).Enforce())
		watched.apply(watched.stated(theirs))

		enforced.awaitState(backups, shop, control.Deviating, backup.ReasonNoRecoveryPoint)
		completed := enforced.awaitOccurrence(ledger.OccurrenceCompleted, ofPlan)
		Expect(completed.Occurrence.Run.Plan).To(Equal(plan))
		enforced.awaitState(backups, shop, control.Conforming, "")
		watched.awaitState(backups, stall, control.Conforming, "")
		enforced.awaitState(backups, theCluster, control.Conforming, "")

		enforced.awaitRepair(plan, 1, `{"spec": {"paused": true}}`)
		enforced.awaitRepair(plan, 2, fmt.Sprintf(`{"spec": {"template": {"includedNamespaces": [%q], "ttl": "1h0m0s"}}}`, shop))

		Expect(beside.store.Stop()).To(Succeed())
		enforced.awaitState(backups, theCluster, control.Deviating, backup.ReasonLocationUnavailable)
		failed := enforced.awaitOccurrence(ledger.OccurrenceFailed, ofPlan)
		Expect(failed.Occurrence.Run.Phase).To(BeElementOf("Failed", "FailedValidation"))
		breaches := []*ledger.Entry{
			enforced.awaitState(backups, shop, control.Deviating, backup.ReasonTooOld),
			watched.awaitState(backups, stall, control.Deviating, backup.ReasonTooOld),
		}
		breach := beside.newestCompleted(plan).Add(objective)
		for _, entry := range breaches {
			Expect(entry).To(beSeenAt(breach))
		}

		Expect(beside.store.Start(ctx)).To(Succeed())
		enforced.awaitOccurrence(ledger.OccurrenceCompleted, func(o *ledger.OccurrenceBody) bool { return o.Extra })
		enforced.awaitState(backups, shop, control.Conforming, "")
		watched.awaitState(backups, stall, control.Conforming, "")
		enforced.awaitState(backups, theCluster, control.Conforming, "")
		watched.awaitState(backups, theCluster, control.Conforming, "")
		for subject, scene := range map[string]*scene{stall: watched, theCluster: watched, shop: enforced} {
			Expect(scene.episodes(subject).Open().Want(0)).To(Succeed())
			newest := scene.episodes(subject)
			Expect(newest[len(newest)-1].Ending).To(Equal(ledger.EndingCorrected), subject)
		}
	})

	running := func() (*installation, *harness.Operator) { return beside, op }
	countsBackups(running)
	testsRestores(running)

	// The last: with the definitions go the objects, those of other specs too.
	It("says so when Velero is uninstalled", func() {
		s := newScene(beside, op, "uninstalled")
		shop := s.namespace("shop")
		s.apply(s.stated(v1alpha1.Backup{Schedule: "0 0 1 1 *", RecoveryPointObjective: metav1.Duration{Duration: 12 * time.Hour},
			Velero: &v1alpha1.VeleroBackup{}}).Enforce())
		s.completes("uninstalled", shop)
		Expect(beside.Stop()).To(Succeed())
		DeferCleanup(shared.reinstall)
		crds.Remove(newTB(), cluster, crds.Velero)
		s.awaitState(backups, shop, control.Deviating, backup.ReasonProviderNotInstalled)
		s.awaitState(backups, theCluster, control.Deviating, backup.ReasonProviderNotInstalled)

		op.Stop(newTB())
		report := op.Verify(newTB())
		Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
	})
})

// reinstall gives an installation back what went with the definitions of its kinds.
func (i *installation) reinstall(ctx context.Context) {
	GinkgoHelper()
	crds.Install(newTB(), cluster, crds.Velero)
	Expect(i.Create(ctx, i.NewLocation(velero.Location, ""))).To(Succeed())
	Expect(i.Stop()).To(Succeed())
	Expect(i.Start(ctx)).To(Succeed())
}

// awaitRepair has somebody change the plan, and waits until that is undone: the drift
// is then the cluster's n-th.
func (s *scene) awaitRepair(plan string, n int, patch string) {
	GinkgoHelper()
	By("somebody changes the plan: " + patch)
	before := s.planSpec(plan)
	s.merge(velero.KindSchedule, plan, patch)
	s.eventually(fmt.Sprintf("%d drifts are repaired", n), func() error {
		drifts := s.episodes(theCluster).From(ledger.OriginDrift).Ended(ledger.EndingRepaired)
		if drifts.Repairs() != n {
			return fmt.Errorf("the episodes are:\n%s", s.episodes(theCluster))
		}
		return drifts.Want(n)
	})
	Expect(s.planSpec(plan)).To(Equal(before))
}

// planSpec is what a plan says, but for what Velero writes into it itself.
func (s *scene) planSpec(plan string) map[string]any {
	GinkgoHelper()
	schedule := s.New(velero.KindSchedule, plan)
	Expect(s.Get(context.Background(), client.ObjectKeyFromObject(schedule), schedule)).To(Succeed())
	spec, _, err := unstructured.NestedMap(schedule.Object, "spec")
	Expect(err).NotTo(HaveOccurred())
	delete(spec, "skipImmediately")
	return spec
}

// newestCompleted is when the newest completed run of a plan was begun.
func (i *installation) newestCompleted(plan string) time.Time {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("velero.io/v1")
	list.SetKind("BackupList")
	Expect(i.List(context.Background(), list, client.InNamespace(i.Namespace), client.MatchingLabels{"velero.io/schedule-name": plan})).To(Succeed())
	var starts []time.Time
	for j := range list.Items {
		if velero.Phase(&list.Items[j]) == "Completed" {
			starts = append(starts, timeIn(&list.Items[j], "startTimestamp"))
		}
	}
	Expect(starts).NotTo(BeEmpty())
	return slices.MaxFunc(starts, time.Time.Compare)
}
