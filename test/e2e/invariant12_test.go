package e2e

import (
	"encoding/json"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 12: Bounded everywhere", func() {
	It("lists ten of many open episodes in a status that does not grow, and counts all", func() {
		const many = 60
		s := onShared("bounded")
		mark := s.Mark(s.tb)
		first := s.namespaces(many)
		s.Apply(s.tb, s.policy(""))
		policy := s.awaitOpen(many)
		Expect(policy.Status.OpenEpisodes.Longest).To(HaveLen(10))
		Expect(policy.Status.Controls[0].Deviating).To(BeEquivalentTo(many))
		listed := slices.Clone(policy.Status.OpenEpisodes.Longest)
		status, err := json.Marshal(policy.Status)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(status)).To(BeNumerically("<", 8<<10))

		s.Apply(s.tb, s.policy("-too"))
		harness.Each(s.tb, first[many-5:], func(name string) error { return s.Create(s.tb.Context(), denyAll(name)) })
		policy = s.awaitOpen(many - 5)
		Expect(policy.Status.OpenEpisodes.Longest).To(Equal(listed), "the order is stable")
		Expect(s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)).NotTo(BeNil())

		events := s.Since(s.tb, mark).By(s.op.User).On("events").Writes()
		Expect(len(events)).To(BeNumerically("<", many), "events are paced")
	})

	It("keeps every entry within 4 KiB, whatever the names and messages", func() {
		s := onShared("long")
		long := func(n int) string { return s.name + "-" + fmt.Sprintf("%0*d", 63-len(s.name)-1, n) }
		names := []string{long(1), long(2)}
		for _, name := range names {
			s.Namespace(s.tb, name, label, s.name)
			for i := range 12 {
				np := denyAll(name)
				np.Name = fmt.Sprintf("%s-%0200d", "narrow", i)
				np.Spec.PodSelector.MatchLabels = map[string]string{"app": fmt.Sprint(i)}
				Expect(s.Create(s.tb.Context(), np)).To(Succeed())
			}
		}
		s.Apply(s.tb, s.policy("").Control(fmt.Sprintf("N%062d", 1)).Deny(v1alpha1.DirectionIngress, v1alpha1.DirectionEgress))
		s.eventually("every unit is judged", func() error { return s.episodes().Open().Want(4) })
		for _, entry := range s.op.Evidence(s.tb) {
			data, err := entry.Encode()
			Expect(err).NotTo(HaveOccurred())
			Expect(len(data)).To(BeNumerically("<=", ledger.MaxEntrySize))
		}
	})
})

// awaitOpen waits until the status of the scene's policy counts so many open
// episodes.
func (s *scene) awaitOpen(n int) *v1alpha1.ControlPolicy {
	GinkgoHelper()
	var policy *v1alpha1.ControlPolicy
	s.eventually(fmt.Sprintf("%d open episodes are counted", n), func() error {
		policy = s.GetPolicy(s.tb, s.name)
		if open := policy.Status.OpenEpisodes; open == nil || open.Total != int32(n) {
			return fmt.Errorf("there are %+v", open)
		}
		return nil
	})
	return policy
}
