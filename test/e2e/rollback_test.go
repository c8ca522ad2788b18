package e2e

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 8: Do no harm to pods", func() {
	It("takes back what it applied when pods are no longer ready, and enforces nothing new until that is confirmed", func() {
		s := onOwn("rollback", harness.OperatorOptions{})
		name := s.namespace("shop")
		web, worker := pod(name, "web", map[string]string{"app": "web"}), pod(name, "worker", map[string]string{"app": "worker"})
		s.run(web, "10.244.3.1")
		s.run(worker, "10.244.3.2")
		foreign := denyAll(name)
		foreign.Spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
		Expect(s.Create(s.tb.Context(), foreign)).To(Succeed())
		mark := s.Mark(s.tb)
		// The interval is for how long what begins to be enforced is watched.
		s.Apply(s.tb, s.policy("").Enforce().Rollout(10, 10*time.Minute).Allow(v1alpha1.Allowance{Type: v1alpha1.AllowSameNamespace}))
		s.AwaitConforming(s.tb, s.name)
		Expect(s.applied(mark, name)).To(Equal([]string{allowSameNamespace, harness.Deny}))

		mark = s.Mark(s.tb)
		s.setReady(web, false)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
		Expect(enforced(policy).Message).To(ContainSubstring("pods app=web"))
		s.eventually("what was applied is gone", func() error { return s.hasNone(name, harness.Deny, allowSameNamespace) })
		Expect(s.applied(mark, name)).To(Equal([]string{harness.Deny, allowSameNamespace}), "the denial goes first")
		Expect(s.NetworkPolicy(s.tb, name, foreign.Name).Spec).To(Equal(foreign.Spec))
		s.eventually("it is recorded", func() error { return s.evidence().Kind(ledger.KindRolledBack).Want(2) })
		for _, entry := range s.evidence().Kind(ledger.KindRolledBack) {
			Expect(entry.Reason).To(Equal(ledger.RolledBackPodsNotReady))
			Expect(entry.Subject.Name).To(Equal(name))
			Expect(entry.Message).To(ContainSubstring("pods app=web"))
			Expect(entry.Object.After).To(BeNil())
		}
		s.eventually("it is an episode", func() error { return s.episodes().On(name).From(ledger.OriginDrift).Open().Want(1) })

		mark = s.Mark(s.tb)
		s.setReady(web, true)
		other := s.namespace("other")
		s.eventually("the other namespace waits", func() error { return s.episodes().On(other).From(ledger.OriginNewSubject).Open().Want(1) })
		s.settle()
		s.op.Kill(s.tb)
		s.op.Start(s.tb)
		policy = s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
		s.settle()
		Expect(s.applies(mark, name, other).Want(0)).To(Succeed(), "nothing is enforced that was not before")
		Expect(enforced(policy).Message).To(ContainSubstring(fmt.Sprintf("set the annotation %s to %d", v1alpha1.AnnotationConfirmedGeneration, policy.Generation)))

		s.confirm()
		s.AwaitDenied(s.tb, name, other)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.applied(mark, name)).To(Equal([]string{allowSameNamespace, harness.Deny}))
		Expect(s.episodes().Want(3)).To(Succeed())
		Expect(s.episodes().Ended(ledger.EndingRepaired).Want(3)).To(Succeed())
		s.verify()
	})

	It("leaves what it applied where pods of another kind are not ready, or some of a kind still are", func() {
		s := onShared("notbroken")
		name := s.namespace("shop")
		one, two := pod(name, "web-1", map[string]string{"app": "web"}), pod(name, "web-2", map[string]string{"app": "web"})
		never := pod(name, "broken", map[string]string{"app": "broken"})
		selects := denyAll(name) // Pods are told apart by what policies select them by.
		selects.Spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
		Expect(s.Create(s.tb.Context(), selects)).To(Succeed())
		for i, p := range []*corev1.Pod{one, two, never} {
			s.run(p, fmt.Sprintf("10.244.3.%d", 10+i))
		}
		s.setReady(never, false)
		s.Apply(s.tb, s.policy("").Enforce().Rollout(10, 6*time.Second))
		s.AwaitDenied(s.tb, name)
		mark, watched := s.Mark(s.tb), time.Now().Add(6*time.Second)
		s.setReady(one, false)
		s.eventually("the watch is over", func() error {
			if time.Now().Before(watched) {
				return errors.New("it is not")
			}
			return nil
		})
		// What breaks later is no doing of the first enforcement.
		s.setReady(two, false)
		s.settle()
		Expect(s.applies(mark, name).Want(0)).To(Succeed())
		Expect(harness.DeniesIngress(s.NetworkPolicy(s.tb, name, harness.Deny))).To(Succeed())
		Expect(s.evidence().Kind(ledger.KindRolledBack)).To(BeEmpty())
	})
})

// hasNone returns nil if a namespace has none of the NetworkPolicies.
func (s *scene) hasNone(namespace string, names ...string) error {
	for _, name := range names {
		if s.NetworkPolicy(s.tb, namespace, name) != nil {
			return fmt.Errorf("%s is there", name)
		}
	}
	return nil
}
