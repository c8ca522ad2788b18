package e2e

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 4: Replay is a no-op", func() {
	It("records a stop and a start as one gap, and nothing else", func() {
		s := onOwn("restart", harness.OperatorOptions{})
		names := s.protected(3)
		s.drift(names...)
		s.awaitEpisodes(3, ledger.OriginDrift, ledger.EndingRepaired)
		s.op.Stop(s.tb)
		before := len(s.op.Evidence(s.tb))
		mark := s.Mark(s.tb)

		s.op.Start(s.tb)
		s.eventually("the operator says that it observes", func() error {
			return s.op.Evidence(s.tb).After(before).Gaps(ledger.CauseNotRunning).Want(1)
		})
		s.eventually("every namespace is judged anew", func() error {
			if n := s.op.Metric(s.tb, "holdfast_evaluation_seconds"); n < float64(len(names)) {
				return fmt.Errorf("%v passes were made", n)
			}
			return nil
		})
		s.settle()
		s.AwaitConforming(s.tb, s.name)
		s.op.Stop(s.tb)
		var kinds []ledger.Kind
		for _, e := range s.op.Evidence(s.tb).After(before) {
			kinds = append(kinds, e.Kind)
		}
		want := []ledger.Kind{ledger.KindOperatorStarted, ledger.KindGap, ledger.KindHeartbeat, ledger.KindOperatorStopped}
		for range controls.All() {
			want = append(want, ledger.KindSelfTested)
		}
		Expect(kinds).To(ConsistOf(want),
			"after the restart:\n%s", s.op.Evidence(s.tb).After(before))
		Expect(s.applies(mark, names...).Want(0)).To(Succeed(), "what conforms is not applied again")
	})

	It("applies nothing at a start that one policy wants and another withholds", func() {
		s := onOwn("together", harness.OperatorOptions{})
		names := s.namespaces(30)
		s.Apply(s.tb, s.policy("-m").Enforce())
		s.AwaitDenied(s.tb, names...)
		for _, suffix := range []string{"-a", "-z"} {
			s.Apply(s.tb, s.policy(suffix).Enforce().Allow(v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}))
			s.AwaitCondition(s.tb, s.name+suffix, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonPolicyConflict)
		}
		s.settle()
		before, mark := len(s.op.Evidence(s.tb).Episodes()), s.Mark(s.tb)
		for range 2 {
			s.op.Stop(s.tb)
			s.op.Start(s.tb)
			s.settle()
		}
		Expect(s.applies(mark, names...).Want(0)).To(Succeed())
		Expect(s.op.Evidence(s.tb).Episodes()).To(HaveLen(before))
	})

	It("records each episode once when it is killed amid repairs, and the down time as one gap", func() {
		s := onOwn("killed", harness.OperatorOptions{})
		names := s.protected(30)
		s.drift(names...)
		s.op.Kill(s.tb)
		runs := len(s.op.Evidence(s.tb).Kind(ledger.KindOperatorStarted))

		s.op.Start(s.tb)
		s.AwaitDenied(s.tb, names...)
		// The status of before is there until the operator has a new one.
		s.eventually("every episode ends", func() error { return s.episodes().Open().Want(0) })
		s.AwaitConforming(s.tb, s.name)
		s.eventually("the down time is one gap", func() error { return s.op.Evidence(s.tb).Gaps(ledger.CauseNotRunning).Want(1) })
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindOperatorStarted)).To(HaveLen(runs + 1))
		// A ledger that takes its time to open has what was seen meanwhile after the gap.
		s.eventually("each namespace drifted once", func() error {
			drifts := s.episodes().Where(func(e *harness.Episode) bool {
				return e.Origin == ledger.OriginDrift || e.Origin == ledger.OriginAfterGap
			})
			for _, name := range names {
				if err := drifts.On(name).Want(1); err != nil {
					return fmt.Errorf("namespace %s: %w", name, err)
				}
			}
			return s.episodes().Open().Want(0)
		})
		s.op.Stop(s.tb)
		report := s.op.Verify(s.tb)
		Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
	})
})
