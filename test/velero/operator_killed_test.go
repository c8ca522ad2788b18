//go:build velero

package velero_test

import (
	"context"
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls/restoretest"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/test/harness"
	"github.com/holdfast-dev/holdfast/test/velero"
)

// death is one death of the operator: at a point of a restore test, when it comes
// there for the n-th time.
type death struct {
	point killpoint.Point
	n     int
}

// deaths follow each other on one ledger: what a process leaves, the next one finds.
// Some therefore die as they remove what the one before them left.
func deaths() []death {
	return []death{
		{killpoint.SentinelWritten, 1},
		{killpoint.RestoreDue, 1},
		{killpoint.ScratchMade, 1},
		{killpoint.ScratchGuarded, 1}, // traffic is denied
		{killpoint.ScratchGuarded, 2}, // the quota is made
		{killpoint.RestoreRequested, 1},
		{killpoint.RestoreAwaited, 1},
		{killpoint.RestoreCompared, 1},
		{killpoint.RestoreDeleted, 1}, // of the one before
		{killpoint.ScratchDeleted, 1}, // likewise
		{killpoint.RestoreDeleted, 1},
		{killpoint.ScratchDeleted, 2}, // after that of the one before
		{killpoint.RestoreRemoved, 1},
		{killpoint.RestoreRecorded, 1},
		{killpoint.SentinelDiscarded, 1}, // of the one before
		{killpoint.SentinelDiscarded, 1},
	}
}

// The operator's process is killed with SIGKILL, and started again on the ledger that it
// left, beside a Velero that is theirs alone.
var _ = Describe("Restore tests of an operator that is killed", Ordered, func() {
	var (
		beside    *installation
		op        *harness.Operator
		steps     *lives
		one, two  string
		sentinels map[string]*corev1.ConfigMap
		others    foreign
	)
	begin := func(name string) *lives {
		GinkgoHelper()
		return &lives{newScene(beside, op, name)}
	}

	BeforeAll(func() {
		beside = install(newTB(), velero.Options{Namespace: "velero-killed"})
		op = newMortal()
		DeferCleanup(func() { GinkgoWriter.Printf("the ledger holds:\n%s\n", op.Evidence(newTB())) })
		steps = begin("killed")
		one, two = steps.namespace("one"), steps.namespace("two")
		steps.apply(steps.tested())
		steps.neighbourhood()
	})

	for i, d := range deaths() {
		It(fmt.Sprintf("go on after death %d, at %s", i+1, d.point), func(ctx context.Context) {
			steps.launch(d)
			if d.point == killpoint.RestoreDue {
				sentinels = steps.awaitSentinels(one, two)
				steps.byHand("killed", steps.name+"-*")
				steps.awaitPhase("killed", "Completed")
				others = steps.neighbours(ctx, "killed", one)
			}
			steps.awaitDeath(d)
			steps.leftByOne()
		})
	}

	It("have a result for each namespace after all, have left nothing, and touched nothing foreign", func() {
		steps.live()
		for _, namespace := range []string{one, two} {
			steps.awaitState(restores, namespace, control.Conforming, "")
		}
		steps.awaitRewritten(sentinels)
		steps.awaitGone()
		others.untouched()
		steps.end()
		Expect(steps.restored()).To(And(HaveLen(2), HaveKey(one), HaveKey(two)))
		Expect(steps.results()).To(And(HaveLen(2), HaveEach(HaveField("Restored", HaveValue(And(
			HaveField("Phase", "Completed"), HaveField("Items", HaveLen(1)), HaveField("Left", "")))))))
	})

	It("leave alone what Velero is at work on, and are made again once that has ended", func(ctx context.Context) {
		l := begin("hung")
		shop := l.namespace("shop")
		l.apply(l.tested())
		l.live()
		hung := l.hang(shop)
		l.op.Kill(newTB())

		mark := cluster.Mark(newTB())
		l.live()
		l.eventually("the next process has looked at the Restore", func() error {
			looked := cluster.Since(newTB(), mark).By(l.op.User).On("restores").In(l.Namespace)
			if len(looked.Where(func(e *auditv1.Event) bool { return e.ObjectRef.Name == hung.GetName() })) == 0 {
				return errors.New("it has not")
			}
			return nil
		})
		Expect(l.namespacesOfTests()).To(HaveExactElements(HaveField("Name", hung.GetName())))
		Expect(l.namespacesOfTests()).To(HaveEach(HaveField("DeletionTimestamp", BeNil())))
		Expect(l.Get(ctx, client.ObjectKeyFromObject(hung), hung)).To(Succeed())
		Expect(hung.GetDeletionTimestamp()).To(BeNil())

		l.resume(ctx)
		l.awaitState(restores, shop, control.Conforming, "")
		l.awaitGone()
		others.untouched()
		l.end()
		Expect(l.results()).To(HaveExactElements(HaveField("Restored.Test", Not(Equal(hung.GetLabels()[control.RestoreTestLabel])))))
	})

	It("deviate where it is Velero that is killed, and leave nothing", func(ctx context.Context) {
		l := begin("halted")
		shop := l.namespace("shop")
		l.apply(l.tested())
		l.live()
		hung := l.hang(shop)
		l.resume(ctx)
		l.awaitState(restores, shop, control.Deviating, restoretest.ReasonRestoreFailed)
		l.awaitGone()
		others.untouched()
		l.end()
		Expect(l.results()).To(HaveExactElements(And(
			HaveField("Restored.Phase", "Failed"), HaveField("Restored.Test", hung.GetLabels()[control.RestoreTestLabel]))))
	})
})
