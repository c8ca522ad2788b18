package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
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
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// The shortest objective is a minute: specs about what is older than that take
// namespaces that the suite made when it began.
const (
	objective = time.Minute
	agedShop  = "recovery-shop"
	agedData  = "snapshots-data"
)

// prepareAged makes the namespaces that specs find to be old.
func prepareAged(tb testing.TB) {
	tb.Helper()
	published.Namespace(tb, agedShop)
	published.Namespace(tb, agedData)
	claimBound(tb, agedData, "data")
}

var _ = Describe("Backup", func() {
	It("applies the plan, gives it back where it drifts or is paused, and starts a further backup on a missed objective", func() {
		v := prepareVelero("plan", harness.OperatorOptions{Values: []string{"veleroRepository.read=true"}})
		v.repositoryPassword("none that everybody knows")
		v.op.Start(v.tb)
		stated := v1alpha1.Backup{TimeZone: "Europe/Berlin", Retention: &metav1.Duration{Duration: 720 * time.Hour},
			Velero: &v1alpha1.VeleroBackup{VolumeMethod: v1alpha1.VolumesByFileSystem}}
		v.Apply(v.tb, v.stated(stated).Enforce())
		const name = "holdfast-plan-bck-1"
		spec := v.awaitPlan(name, func(map[string]any) error { return nil })
		Expect(spec).To(HaveKeyWithValue("schedule", "CRON_TZ=Europe/Berlin 0 */6 * * *"))
		template := spec["template"].(map[string]any)
		Expect(template).To(HaveKeyWithValue("ttl", "720h0m0s"))
		Expect(template).To(HaveKeyWithValue("metadata", map[string]any{"labels": map[string]any{control.ClusterLabel: v.clusterUID()}}))
		Expect(template).To(HaveKeyWithValue("defaultVolumesToFsBackup", true))
		v.enable(name)
		v.backup(run{plan: name, started: time.Now().Add(-objective), phase: "Completed"})
		v.awaitState(backups, "the cluster", control.Conforming, "")

		v.merge("Schedule", name, "somebody", map[string]any{"spec": map[string]any{"paused": true}})
		v.awaitDrifts(1)
		v.awaitPlan(name, func(spec map[string]any) error { return wantField(spec, "paused", false) })
		v.awaitState(backups, "the cluster", control.Conforming, "")
		v.merge("Schedule", name, "somebody", map[string]any{"spec": map[string]any{"template": map[string]any{"includedNamespaces": []string{"shop"}, "ttl": "1h0m0s"}}})
		v.awaitDrifts(2)
		v.awaitPlan(name, func(spec map[string]any) error {
			return wantField(spec["template"].(map[string]any), "ttl", "720h0m0s")
		})
		v.awaitState(backups, "the cluster", control.Conforming, "")
		Expect(v.Delete(context.Background(), v.object("Schedule", name, nil))).To(Succeed())
		v.awaitDrifts(3)
		v.awaitPlan(name, func(map[string]any) error { return nil })
		v.enable(name)
		v.awaitState(backups, "the cluster", control.Conforming, "")
		Expect(v.episodesOf(backups, "the cluster").From(ledger.OriginDrift).Repairs()).To(Equal(3))

		stated.RecoveryPointObjective.Duration = objective
		v.Apply(v.tb, v.stated(stated).Enforce())
		extra := v.awaitExtra(name)
		Expect(extra.GetLabels()).To(And(HaveKeyWithValue(control.ClusterLabel, v.clusterUID()), HaveKeyWithValue("holdfast.dev/extra", "true")))
		v.status("Backup", extra.GetName(), ended("Completed", time.Now()))
		v.awaitState(backups, "the cluster", control.Conforming, "")
	})

	It("judges a plan of the user's own, and never changes it; follows its storage, and its runs", func() {
		const name = "nightly"
		v := prepareVelero("own-plan", harness.OperatorOptions{})
		v.op.Start(v.tb)
		mark := v.Mark(v.tb)
		template := map[string]any{"includedNamespaces": []any{"*"}, "ttl": "720h0m0s"}
		v.create(v.object("Schedule", name, map[string]any{"schedule": "0 */6 * * *", "paused": true, "template": template}), map[string]any{"phase": "Enabled"})
		v.Apply(v.tb, v.stated(v1alpha1.Backup{Velero: &v1alpha1.VeleroBackup{Plan: name}}).Enforce())
		found := v.awaitState(backups, "the cluster", control.Deviating, backup.ReasonPlanPaused)
		Expect(fmt.Sprint(found.Rules)).To(ContainSubstring("does not label its backups"))

		labels := map[string]any{control.ClusterLabel: v.clusterUID()}
		v.merge("Schedule", name, "somebody", map[string]any{"spec": map[string]any{"paused": false, "template": map[string]any{"metadata": map[string]any{"labels": labels}}}})
		v.backup(run{plan: name, started: time.Now().Add(-time.Second), phase: "Completed"})
		v.awaitState(backups, "the cluster", control.Conforming, "")

		v.status("BackupStorageLocation", defaultLocation, map[string]any{"phase": "Unavailable", "message": "the bucket is gone"})
		v.awaitState(backups, "the cluster", control.Deviating, backup.ReasonLocationUnavailable)
		v.status("BackupStorageLocation", defaultLocation, map[string]any{"phase": "Available", "message": nil, "lastValidationTime": stamp(time.Now())})
		v.awaitState(backups, "the cluster", control.Conforming, "")
		v.backup(run{plan: name, started: time.Now(), phase: "PartiallyFailed", status: map[string]any{"errors": 1}})
		v.awaitState(backups, "the cluster", control.Deviating, backup.ReasonRunFailed)
		v.backup(run{plan: name, started: time.Now().Add(time.Second), phase: "Completed"})
		v.awaitState(backups, "the cluster", control.Conforming, "")
		Expect(v.episodesOf(backups, "the cluster").Want(3)).To(Succeed(), "%v", v.evidence().On("cluster"))
		Expect(v.Since(v.tb, mark).By(v.op.User).Writes().On("schedules").Want(0)).To(Succeed())
	})

	It("breaches the objective at the second, and counts no backup of another cluster", func() {
		const plan = "nightly"
		v := prepareVelero("recovery", harness.OperatorOptions{})
		v.take(agedShop)
		v.awaitAge(agedShop, objective)
		v.op.Start(v.tb)
		v.Apply(v.tb, v.stated(v1alpha1.Backup{RecoveryPointObjective: metav1.Duration{Duration: objective}, Velero: &v1alpha1.VeleroBackup{Plan: plan}}))
		v.awaitState(backups, agedShop, control.Deviating, backup.ReasonNoRecoveryPoint)

		started := time.Now().Add(-objective + 20*time.Second).Truncate(time.Second)
		v.backup(run{plan: plan, started: started.Add(3 * time.Second), phase: "Completed", labels: map[string]string{control.ClusterLabel: "of-another-cluster"}})
		v.backup(run{plan: plan, started: started.Add(2 * time.Second), phase: "PartiallyFailed"})
		v.backup(run{plan: plan, started: started.Add(time.Second), phase: "Completed", spec: map[string]any{"includedNamespaces": []any{"elsewhere"}}})
		v.backup(run{plan: plan, started: started, phase: "Completed"})
		v.awaitState(backups, agedShop, control.Conforming, "")
		v.awaitState(backups, agedShop, control.Deviating, backup.ReasonTooOld)
		breaches := v.episodesOf(backups, agedShop).Open()
		Expect(breaches.Want(1)).To(Succeed())
		Expect(breaches[0].Opened.ObservedAt.Time).To(And(BeTemporally(">=", started.Add(objective)), BeTemporally("~", started.Add(objective), 20*time.Second)), "not with the next change, or a look at everything")

		next := v.backup(run{plan: plan, started: time.Now(), phase: "Completed"})
		v.awaitState(backups, agedShop, control.Conforming, "")
		Expect(v.episodesOf(backups, agedShop).Ended(ledger.EndingCorrected).Want(2)).To(Succeed())
		v.create(v.object("DeleteBackupRequest", next, map[string]any{"backupName": next}), map[string]any{"phase": "New"})
		v.awaitState(backups, agedShop, control.Deviating, backup.ReasonTooOld)
	})

	It("E34: records each run that was due, before it is deleted, and each that never came, once", func() {
		const plan = "minutely"
		v := prepareVelero("due", harness.OperatorOptions{Binary: impatient})
		v.op.Start(v.tb)
		v.Apply(v.tb, v.stated(v1alpha1.Backup{Schedule: "* * * * *", Velero: &v1alpha1.VeleroBackup{Plan: plan}}))
		v.eventually("the control is introduced", func() error {
			return v.evidence().Kind(ledger.KindControlIntroduced).Where(func(e *ledger.Entry) bool { return e.Control == backups }).Want(1)
		})
		completed := v.backup(run{plan: plan, started: time.Now(), phase: "Completed"})
		v.awaitOccurrence(completed, ledger.OccurrenceCompleted, false)
		Expect(v.Delete(context.Background(), v.object("Backup", completed, nil))).To(Succeed())
		failed := v.backup(run{plan: plan, started: time.Now(), phase: "FailedValidation"})
		v.awaitOccurrence(failed, ledger.OccurrenceFailed, false)
		byHand := v.backup(run{plan: "by-hand", started: time.Now(), phase: "Completed", labels: map[string]string{"velero.io/schedule-name": ""}})
		v.awaitOccurrence(byHand, ledger.OccurrenceCompleted, true)
		v.awaitMissed()

		v.op.Kill(v.tb)
		v.op.Start(v.tb)
		late := v.backup(run{plan: plan, started: time.Now(), phase: "Completed"})
		v.awaitOccurrence(late, ledger.OccurrenceCompleted, false)
		for _, name := range []string{completed, failed, byHand, late} {
			Expect(v.occurrences(name).Want(1)).To(Succeed())
		}
		Expect(contiguous(v.occurrences(""))).To(Succeed())
		v.op.Stop(v.tb)
		report := v.op.Verify(v.tb)
		Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
	})

	It("says so where Velero is uninstalled, and judges again once it is back", func() {
		v := prepareVelero("uninstalled", harness.OperatorOptions{})
		namespace := v.scene.namespace("shop")
		v.op.Start(v.tb)
		v.Apply(v.tb, v.stated(v1alpha1.Backup{}))
		v.awaitState(backups, namespace, control.Deviating, backup.ReasonNoRecoveryPoint)
		crds.Remove(v.tb, published, crds.Velero)
		v.awaitState(backups, namespace, control.Deviating, backup.ReasonProviderNotInstalled)
		v.awaitState(backups, "the cluster", control.Deviating, backup.ReasonProviderNotInstalled)
		crds.Install(v.tb, published, crds.Velero)
		v.awaitState(backups, namespace, control.Deviating, backup.ReasonNoRecoveryPoint)
		v.awaitAge(namespace, time.Second)
		v.backup(run{plan: "holdfast-uninstalled-bck-1", started: time.Now(), phase: "Completed"})
		v.awaitState(backups, namespace, control.Conforming, "")
	})
})

// repositoryPassword makes the Secret that Velero keeps the password of its
// repositories in.
func (v *scriptedVelero) repositoryPassword(password string) {
	GinkgoHelper()
	v.make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace, Name: "velero-repo-credentials"},
		Data: map[string][]byte{"repository-password": []byte(password)}})
}

// enable has Velero take up a Schedule.
func (v *scriptedVelero) enable(name string) {
	GinkgoHelper()
	v.merge("Schedule", name, "velero-server", map[string]any{"spec": map[string]any{"skipImmediately": false}, "status": map[string]any{"phase": "Enabled"}})
}

// awaitPlan waits until there is a Schedule as wanted, and returns its spec.
func (v *scriptedVelero) awaitPlan(name string, want func(spec map[string]any) error) map[string]any {
	GinkgoHelper()
	var spec map[string]any
	v.eventually("the plan is as wanted", func() error {
		o, err := v.get("Schedule", name)
		if err != nil {
			return err
		}
		spec, _, err = unstructured.NestedMap(o.Object, "spec")
		return errors.Join(err, want(spec))
	})
	return spec
}

func wantField(object map[string]any, name string, want any) error {
	if object[name] != want {
		return fmt.Errorf("%s is %v", name, object[name])
	}
	return nil
}

// awaitDrifts waits until the cluster has had so many episodes of drift.
func (v *scriptedVelero) awaitDrifts(n int) {
	GinkgoHelper()
	v.eventually(fmt.Sprintf("there are %d drifts", n), func() error {
		return v.episodesOf(backups, "the cluster").From(ledger.OriginDrift).Want(n)
	})
}

// awaitExtra waits for the backup that is started besides those of a plan.
func (v *scriptedVelero) awaitExtra(plan string) *unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("velero.io/v1")
	list.SetKind("BackupList")
	v.eventually("a further backup is started", func() error {
		if err := v.List(context.Background(), list, client.InNamespace(v.namespace), client.HasLabels{"holdfast.dev/extra"}); err != nil {
			return err
		}
		if len(list.Items) != 1 || !strings.HasPrefix(list.Items[0].GetName(), plan+"-extra-") {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
	return &list.Items[0]
}

// occurrences are the entries about a run, or about everything that was due.
func (v *scriptedVelero) occurrences(name string) harness.Evidence {
	return v.evidence().Kind(ledger.KindOccurrence).Where(func(e *ledger.Entry) bool {
		return e.Control == backups && (name == "" || e.Occurrence.Run != nil && e.Occurrence.Run.Name == name)
	})
}

// awaitOccurrence waits until a run is recorded so.
func (v *scriptedVelero) awaitOccurrence(name, state string, extra bool) {
	GinkgoHelper()
	v.eventually(fmt.Sprintf("run %s is recorded as %s", name, state), func() error {
		found := v.occurrences(name)
		if len(found) != 1 || found[0].Occurrence.State != state || found[0].Occurrence.Extra != extra {
			return fmt.Errorf("it is recorded as:\n%s", found)
		}
		return nil
	})
}

// awaitMissed waits until a slot is recorded as missed.
func (v *scriptedVelero) awaitMissed() {
	GinkgoHelper()
	v.eventually("a slot is missed", func() error {
		missed := v.occurrences("").Where(func(e *ledger.Entry) bool { return e.Occurrence.State == ledger.OccurrenceMissed })
		if len(missed) == 0 {
			return errors.New("none is")
		}
		return nil
	})
}

// contiguous returns an error unless the slots of which something is said follow one
// another.
func contiguous(occurrences harness.Evidence) error {
	var next *ledger.Time
	for _, e := range occurrences {
		o := e.Occurrence
		if o.Extra {
			continue
		}
		if next != nil && !o.First.Equal(next.Time) {
			return fmt.Errorf("entry %d is of %s, and what is due next is of %s:\n%s", e.Seq, o.First, next, occurrences)
		}
		next = o.Next
	}
	return nil
}

// ended is the status of a backup that ended at a time.
func ended(phase string, at time.Time) map[string]any {
	return map[string]any{"phase": phase, "startTimestamp": stamp(at), "completionTimestamp": stamp(at), "expiration": stamp(at.Add(720 * time.Hour))}
}
