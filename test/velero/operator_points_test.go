//go:build velero

package velero_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/backup"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// countsBackups are the specs on which backups count. Those are begun by hand: the
// plan that the policy names is not there.
func countsBackups(beside func() (*installation, *harness.Operator)) {
	const objective = time.Minute

	// begin begins a scene in which a backup of a namespace counts for a minute.
	begin := func(name string) (*scene, string) {
		GinkgoHelper()
		own, op := beside()
		s := newScene(own, op, name)
		shop := s.namespace("shop")
		s.apply(s.stated(v1alpha1.Backup{Schedule: "0 0 1 1 *", RecoveryPointObjective: metav1.Duration{Duration: objective},
			Velero: &v1alpha1.VeleroBackup{Plan: "by-hand"}}))
		s.awaitState(backups, shop, control.Deviating, backup.ReasonNoRecoveryPoint)
		return s, shop
	}

	It("counts no backup that is deleted, expired, failed or partially failed, but an older one", func(ctx context.Context) {
		s, shop := begin("points")
		s.completes("points-oldest", shop)
		started := timeIn(s.awaitPhase("points-oldest", "Completed"), "startTimestamp")
		tooOld := s.awaitState(backups, shop, control.Deviating, backup.ReasonTooOld)
		Expect(tooOld).To(beSeenAt(started.Add(objective)))

		s.completes("points-deleted", shop)
		Expect(s.DeleteBackup(ctx, "points-deleted")).To(Succeed())
		s.awaitState(backups, shop, control.Deviating, backup.ReasonTooOld)

		s.completes("points-expired", shop, func(b *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(b.Object, "20s", "spec", "ttl")).To(Succeed())
		})
		expires := timeIn(s.awaitPhase("points-expired", "Completed"), "expiration")
		gone := s.awaitState(backups, shop, control.Deviating, backup.ReasonTooOld)
		Expect(gone).To(beSeenAt(expires))

		hooked := hookedPod(shop)
		s.byHand("points-partial", shop)
		s.awaitPhase("points-partial", "PartiallyFailed")
		s.awaitOccurrence(ledger.OccurrencePartiallyFailed, named("points-partial"))
		Expect(s.newest(backups, shop).To.Outcome).To(Equal(control.Deviating))
		Expect(cluster.Delete(ctx, hooked)).To(Succeed())

		s.byHand("points-killed", "*")
		s.awaitPhase("points-killed", "InProgress")
		Expect(s.Kill()).To(Succeed())
		Expect(s.Start(ctx)).To(Succeed())
		s.awaitPhase("points-killed", "Failed")
		s.awaitOccurrence(ledger.OccurrenceFailed, named("points-killed"))
		Expect(s.newest(backups, shop).To.Outcome).To(Equal(control.Deviating))

		s.completes("points-newest", shop)
	})

	It("counts no backup of another cluster that shares the bucket", func(ctx context.Context) {
		s, shop := begin("foreign")
		elsewhere := s.sharing("velero-elsewhere")
		theirs := elsewhere.Backup("foreign-theirs", map[string]any{"includedNamespaces": []any{shop}})
		theirs.SetLabels(map[string]string{control.ClusterLabel: "4f1d2f3a-0000-0000-0000-of-another"})
		Expect(elsewhere.Create(ctx, theirs)).To(Succeed())
		_, err := elsewhere.AwaitPhase(ctx, velero.KindBackup, theirs.GetName(), "Completed")
		Expect(err).NotTo(HaveOccurred())
		By("Velero finds the backup in the bucket")
		s.awaitPhase(theirs.GetName(), "Completed")

		s.completes("foreign-ours", shop)
		completed := timeIn(s.awaitPhase("foreign-ours", "Completed"), "completionTimestamp")
		counted := s.evidence().On(shop).Kind(ledger.KindOutcomeChanged).Where(func(e *ledger.Entry) bool { return e.Control == backups && e.To.Outcome == control.Conforming })
		Expect(counted.Want(1)).To(Succeed())
		Expect(counted[0].ObservedAt.Time).To(BeTemporally(">=", completed))
		Expect(s.occurrences(named(theirs.GetName())).Want(0)).To(Succeed())
	})
}

// completes begins a backup of a namespace, and waits until it counts as its recovery
// point, and is recorded: as one is that begins once the control is introduced.
func (s *scene) completes(name, namespace string, edits ...func(*unstructured.Unstructured)) {
	GinkgoHelper()
	s.eventually("the control is introduced", func() error {
		return s.evidence().Kind(ledger.KindControlIntroduced).Where(func(e *ledger.Entry) bool { return e.Control == backups }).Want(1)
	})
	s.byHand(name, namespace, edits...)
	s.awaitState(backups, namespace, control.Conforming, "")
	s.awaitOccurrence(ledger.OccurrenceCompleted, named(name))
}

// sharing installs another Velero on the same bucket, which ends with the spec: that
// of another cluster, but for the objects that it backs up.
func (i *installation) sharing(namespace string) *velero.Server {
	GinkgoHelper()
	tb := newTB()
	server, err := velero.Install(tb.Context(), cluster, velero.Options{Dir: tb.TempDir(), Store: i.store, Namespace: namespace})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
	return server
}

// hookedPod creates a pod that is said to run, with a command that Velero is to run in
// it first. Nothing runs there, and so that fails.
func hookedPod(namespace string) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "hooked", Annotations: map[string]string{
			"pre.hook.backup.velero.io/container": "main",
			"pre.hook.backup.velero.io/command":   `["/bin/true"]`,
			"pre.hook.backup.velero.io/on-error":  "Fail",
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/main"}}},
	}
	harness.Eventually(newTB(), "a pod may be created", func() error {
		return client.IgnoreAlreadyExists(cluster.Create(context.Background(), pod))
	})
	pod.Status.Phase = corev1.PodRunning
	Expect(cluster.Status().Update(context.Background(), pod)).To(Succeed())
	return pod
}
