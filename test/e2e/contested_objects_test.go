package e2e

import (
	"context"
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/backup"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/crds"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// What holds of NetworkPolicies holds of what is in another namespace than its
// subject, and of what is in none.
var _ = Describe("Invariant 8: Do no harm to objects of other kinds", func() {
	It("takes over no plan that somebody else made, and backs off where a plan and a class are fought over", func() {
		v := prepareVelero("objects", harness.OperatorOptions{Args: []string{"--contention-threshold=3"}})
		const plan, vault = "holdfast-objects-bck-1", "objects-vault"
		v.storageClass(vault, "true", true)
		Expect(v.Create(context.Background(), v.object("Schedule", plan, map[string]any{"schedule": "0 3 * * 0", "template": map[string]any{}}))).To(Succeed())
		v.op.Start(v.tb)
		v.Apply(v.tb, v.policy("").IncludeCluster().Controls(v.control(v1alpha1.Backup{}), v1alpha1.ControlSpec{
			ID: atRest, EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v1alpha1.VolumeEncryption{DefaultClass: vault}},
		}).Enforce())
		policy := v.AwaitCondition(v.tb, v.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonNameCollision)
		Expect(enforced(policy).Message).To(ContainSubstring(plan))
		v.awaitState(backups, "the cluster", control.Deviating, "")
		v.awaitPlan(plan, func(spec map[string]any) error { return wantField(spec, "schedule", "0 3 * * 0") })

		Expect(v.Delete(context.Background(), v.object("Schedule", plan, nil))).To(Succeed())
		v.awaitPlan(plan, func(spec map[string]any) error { return wantField(spec, "schedule", "0 */6 * * *") })
		v.AwaitCondition(v.tb, v.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)

		v.inALoop("patch", "schedules.velero.io", plan, "--namespace", v.namespace, "--type", "merge",
			"--field-manager", "other-tool", "--patch", `{"spec":{"paused":true}}`)
		v.inALoop("patch", "storageclass", vault, "--type", "merge",
			"--field-manager", "other-tool", "--patch", `{"metadata":{"annotations":{"`+defaultClass+`":"false"}}}`)
		v.awaitContested("Schedule", v.namespace, plan)
		v.awaitContested("StorageClass", "", vault)
		policy = v.AwaitCondition(v.tb, v.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonContested)
		Expect(enforced(policy).Message).To(ContainSubstring(`field manager "other-tool"`))
	})

	It("says that Velero is not installed where its kinds are removed while the plan is repaired, and plans again once they are back", func() {
		v := prepareVelero("removed", harness.OperatorOptions{})
		const plan = "holdfast-removed-bck-1"
		v.op.Start(v.tb)
		v.Apply(v.tb, v.stated(v1alpha1.Backup{}).Enforce())
		v.awaitPlan(plan, func(map[string]any) error { return nil })

		// What is stored of a kind goes before its definition: each Schedule that goes is a drift.
		crds.Remove(v.tb, published, crds.Velero)
		v.awaitState(backups, "the cluster", control.Deviating, backup.ReasonProviderNotInstalled)
		v.eventually("no repair is said to fail", func() error {
			if c := enforced(v.GetPolicy(v.tb, v.name)); c.Reason == v1alpha1.ReasonRepairFailed {
				return errors.New(c.Message)
			}
			return nil
		})
		failed := v.evidence().Kind(ledger.KindRepairFailed)
		Expect(len(failed)).To(BeNumerically("<=", 2), "it is said once for each reason: %v", failed)

		crds.Install(v.tb, published, crds.Velero)
		v.awaitPlan(plan, func(map[string]any) error { return nil })
		v.AwaitCondition(v.tb, v.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})
})

// awaitContested waits until the ledger says that the other tool fights over an
// object.
func (s *scene) awaitContested(kind, namespace, name string) {
	GinkgoHelper()
	s.eventually(fmt.Sprintf("%s %s is contested", kind, name), func() error {
		contested := s.evidence().Kind(ledger.KindContested).Where(func(e *ledger.Entry) bool {
			return e.Object.Kind == kind && e.Object.Namespace == namespace && e.Object.Name == name && e.Object.Manager == "other-tool"
		})
		if len(contested) == 0 { // each time that it backs off there is another
			return errors.New("the ledger does not say so")
		}
		return nil
	})
}
