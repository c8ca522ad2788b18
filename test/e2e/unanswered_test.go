package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 3: Repair never erases an episode, nor the answer's loss a repair", func() {
	It("records a repair that took effect although no answer came, once, as its own", func() {
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{{
			File: "internal/enforce/apply.go",
			Old:  "	case failure == nil:\n		result, err := object.result(change)\n		result.Taken = taken\n		return result, err\n",
			New:  "	case failure == nil:\n		_ = object\n		return Result{}, unanswered(errors.New(\"the answer was lost\"), target)\n",
		}}})
		s := onOwn("unanswered", harness.OperatorOptions{Binary: binary})
		names := s.protected(2)
		s.eventually("their first enforcement is recorded", func() error { return s.episodes().Ended(ledger.EndingRepaired).Want(2) })
		mark := s.Mark(s.tb)
		s.drift(names[0])
		s.EditNetworkPolicy(s.tb, names[1], harness.Deny, func(np *networkingv1.NetworkPolicy) {
			np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		})
		s.AwaitDenied(s.tb, names...)
		episodes := s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		for _, e := range episodes {
			Expect(e.Repairs).To(HaveLen(1), "episode %s", e.ID)
			Expect(e.Failures).To(HaveLen(1), "episode %s", e.ID)
			Expect(e.Failures[0].Reason).To(Equal("Unknown"))
			np := s.NetworkPolicy(s.tb, e.Subject.Name, harness.Deny)
			Expect(e.Repairs[0].Object.After.ResourceVersion).To(Equal(np.ResourceVersion), "what was read back")
		}
		Expect(s.applies(mark, names...).Want(2)).To(Succeed())
		s.verify()
	})
})
