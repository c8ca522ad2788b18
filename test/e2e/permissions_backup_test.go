package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Issue 7: A permission of backups that is missing is named, with what to do", func() {
	It("says which value lets it read, repair, look at a password and restore, one after the other", func() {
		const plan = "holdfast-unbacked-bck-1"
		v := prepareVelero("unbacked", harness.OperatorOptions{Binary: impatient, Values: []string{"observe.velero=Disabled", "enforce.backup=false"}})
		v.repositoryPassword("none that everybody knows")
		namespace := v.scene.namespace("shop")
		v.op.Start(v.tb)
		policy := v.stated(v1alpha1.Backup{Velero: &v1alpha1.VeleroBackup{VolumeMethod: v1alpha1.VolumesByFileSystem}}).Enforce()
		v.Apply(v.tb, policy)
		v.saysItIsNotEvaluated("set the chart's value observe.velero=Enabled")

		v.op.Upgrade(v.tb, "observe.velero=Auto")
		refused := v.AwaitCondition(v.tb, v.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
		Expect(enforced(refused).Message).To(ContainSubstring("set the chart's value enforce.backup=true"))

		v.op.Upgrade(v.tb, "enforce.backup=true")
		v.awaitPlan(plan, func(map[string]any) error { return nil })
		v.enable(plan)
		v.awaitAge(namespace, time.Second)
		v.backup(run{plan: plan, started: time.Now(), phase: "Completed"})
		v.saysItIsNotEvaluated("set the chart's value veleroRepository.read=true")

		v.op.Upgrade(v.tb, "veleroRepository.read=true")
		v.awaitProbedAgain()

		v.Apply(v.tb, policy.Controls(v1alpha1.ControlSpec{ID: restores, RestoreTest: &v1alpha1.RestoreTest{
			BackupControl: backups, Every: metav1.Duration{Duration: time.Hour}}}))
		v.saysItIsNotEvaluated("set the chart's values probe.enabled=true and probe.restoreTests=true")

		v.op.Upgrade(v.tb, "probe.restoreTests=true")
		v.awaitSentinel(namespace)
		v.awaitState(restores, namespace, control.NotEvaluated, control.ReasonInconclusive)
	})
})
