package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Edits in flight", func() {
	DescribeTable("write nothing after the edit that forbids it", func(name string, edited func(*scene) *harness.PolicyBuilder) {
		const many = 80
		s := onShared(name)
		names := s.protected(many)
		s.slowly(names[0], 100*time.Millisecond)
		mark := s.Mark(s.tb)
		var drifting sync.WaitGroup
		drifting.Go(func() {
			defer GinkgoRecover()
			s.drift(names...)
		})
		s.eventually("repairs are in flight", func() error {
			if n := len(s.applies(mark, names...)); n < 5 {
				return fmt.Errorf("%d were sent", n)
			}
			return nil
		})
		policy := s.Apply(s.tb, edited(s))
		drifting.Wait()
		s.settle()

		var edit *ledger.Entry
		for _, e := range s.evidence().Kind(ledger.KindPolicyChanged) {
			if e.Policy.Generation == policy.Generation {
				edit = e
			}
		}
		Expect(edit).NotTo(BeNil())
		applies := s.applies(mark, names...)
		Expect(len(applies)).To(BeNumerically("<", many), "the edit came amid the repairs")
		for _, apply := range applies {
			Expect(apply.RequestReceivedTimestamp.Time).To(BeTemporally("<", edit.ObservedAt.Time), "no write after entry %d", edit.Seq)
		}
		repairs := s.evidence().Kind(ledger.KindRepaired)
		Expect(repairs[len(repairs)-1].Seq).To(BeNumerically("<", edit.Seq), "every repair is recorded in the name of the generation it was made by")
	},
		Entry("when the mode becomes Observe", "inflightmode", func(s *scene) *harness.PolicyBuilder { return s.policy("") }),
		Entry("when the selector takes the namespaces out", "inflightselector", func(s *scene) *harness.PolicyBuilder {
			return s.policy("").Enforce().Select(label, "elsewhere")
		}),
	)

	It("leave no namespace behind that comes while a policy is put in force", func() {
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{{
			File: "controllers/policy.go",
			Old:  "	r.intros.await(next, reached)\n",
			New:  "	r.intros.await(next, reached)\n	<-time.After(3 * time.Second)\n",
		}}})
		s := onOwn("midway", harness.OperatorOptions{Binary: binary})
		s.observed()
		s.Apply(s.tb, s.policy("").Enforce())
		name := s.namespace("late")
		s.AwaitDenied(s.tb, name)
		s.eventually("it was an episode", func() error { return s.episodes().On(name).Ended(ledger.EndingRepaired).Want(1) })
	})

	It("leave no namespace behind when the policy is edited many times", func() {
		s := onShared("edited")
		names := s.protected(10)
		for i := range 10 {
			s.drift(names[i])
			policy := s.policy("").Enforce()
			if i%2 == 0 {
				policy.Exclude(fmt.Sprintf("RISK-%d", i), "nowhere")
			}
			_, err := s.TryApply(context.Background(), policy)
			Expect(err).NotTo(HaveOccurred())
		}
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		s.awaitEpisodes(10, ledger.OriginDrift, ledger.EndingRepaired)
	})
})
