package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 8: Do no harm with an edit", func() {
	It("holds a selector that would add 400 of 500 namespaces, until the edit is confirmed", func() {
		const meant, all, fleet = 100, 500, "e2e-fleet"
		s := onOwn("typo", harness.OperatorOptions{})
		names := s.fleet(fleet, meant, all)
		before, added := names[:meant], names[meant:]
		s.Apply(s.tb, s.policy("").Enforce())
		s.AwaitDenied(s.tb, before...)
		s.AwaitConforming(s.tb, s.name)
		mark := s.Mark(s.tb)

		s.Apply(s.tb, s.policy("").Enforce().Select(fleet, s.name))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolloutHeld)
		Expect(enforced(policy).Message).To(ContainSubstring("the edit adds %d namespaces", all-meant))
		s.eventually("what the edit adds is judged", func() error {
			return s.episodes().From(ledger.OriginEnteredScope).Open().Want(all - meant)
		})
		s.drift(before[0])
		s.AwaitDenied(s.tb, before[0])
		s.settle()

		s.op.Kill(s.tb)
		s.drift(before[1])
		s.op.Start(s.tb)
		s.AwaitDenied(s.tb, before[1])
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRolloutHeld)
		s.settle()
		Expect(s.applies(mark, added...).Want(0)).To(Succeed(), "nothing that the edit adds is touched")
		Expect(s.applies(mark, before...).Want(2)).To(Succeed(), "what was enforced is restored")

		s.confirm()
		s.AwaitDenied(s.tb, added...)
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.applies(mark, added...).Want(all - meant)).To(Succeed())
		Expect(s.episodes().From(ledger.OriginEnteredScope).Ended(ledger.EndingRepaired).Want(all - meant)).To(Succeed())
		Expect(s.episodes().Want(all + 2)).To(Succeed())
		s.verify()
	})

	It("begins to enforce few namespaces with pods at a time, and restores what it enforces at once", func() {
		const most, interval = 3, 4 * time.Second
		s := onShared("paced")
		var busy, empty []string
		for i := range 12 {
			busy = append(busy, s.namespace(fmt.Sprintf("busy-%02d", i)))
			s.run(pod(busy[i], "main", nil), fmt.Sprintf("10.244.2.%d", i+1))
		}
		for i := range 5 {
			empty = append(empty, s.namespace(fmt.Sprintf("empty-%d", i)))
		}
		s.observed()
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce().Rollout(most, time.Hour))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRollingOut)
		Expect(enforced(policy).Message).To(ContainSubstring("3 such namespaces begin to be enforced in 1h0m0s"))
		s.AwaitDenied(s.tb, empty...)
		s.eventually("the first begin", func() error { return s.applies(mark, busy...).Succeeded().Want(most) })
		first := s.applies(mark, busy...)[0].ObjectRef.Namespace
		s.drift(first)
		s.AwaitDenied(s.tb, first)
		s.settle()
		begun, restored := s.beginnings(mark, busy...)
		Expect(begun).To(HaveLen(most), "all others wait, which what is enforced does not")
		Expect(restored).To(HaveLen(1))

		s.Apply(s.tb, s.policy("").Enforce().Rollout(most, interval))
		s.AwaitConforming(s.tb, s.name)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)

		begun, restored = s.beginnings(mark, busy...)
		Expect(begun).To(HaveLen(len(busy)))
		Expect(restored).To(HaveLen(1))
		// Between the decision to begin and the write lies what the machine is busy with.
		const slack = interval * 3 / 4
		for i := most; i < len(begun); i++ {
			Expect(begun[i].Sub(begun[i-most])).To(BeNumerically(">=", interval-slack), "%d namespaces begin in one interval", most+1)
		}
		Expect(s.episodes().From(ledger.OriginBaseline).Ended(ledger.EndingRepaired).Want(len(busy) + len(empty))).To(Succeed())
		Expect(s.episodes().From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(1)).To(Succeed())
	})

	It("enforces nothing new during a pause, records it, and begins by itself at the end", func() {
		s := onShared("paused")
		name := s.namespace("first")
		s.observed()
		until := time.Now().Add(time.Hour).Truncate(time.Second)
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce().Pause("CHG-990", until))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonPaused)
		Expect(enforced(policy).Message).To(Equal(fmt.Sprintf("paused until %s: CHG-990", until.UTC().Format(time.RFC3339))))
		s.eventually("what deviates meanwhile is recorded", func() error {
			return s.episodes().On(name).From(ledger.OriginBaseline).Want(1)
		})
		late := s.namespace("late")
		s.awaitEpisodes(1, ledger.OriginNewSubject, "")
		until = time.Now().Add(3 * time.Second).Truncate(time.Second)
		stored := s.Apply(s.tb, s.policy("").Enforce().Pause("CHG-990", until))
		s.AwaitDenied(s.tb, name, late)
		for _, apply := range s.applies(mark, name, late) {
			Expect(apply.RequestReceivedTimestamp.Time).To(BeTemporally(">=", until))
		}
		policy = s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(policy.Generation).To(Equal(stored.Generation), "nobody touched the policy")
		s.awaitEpisodes(1, ledger.OriginNewSubject, ledger.EndingRepaired)
		Expect(s.episodes().Want(2)).To(Succeed())
	})
})

// fleet creates namespaces that all bear a label, of which the first bear the
// scene's as well.
func (s *scene) fleet(key string, own, all int) []string {
	names := make([]string, all)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d", s.name, i)
	}
	harness.Each(s.tb, names, func(name string) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{key: s.name}}}
		if slices.Index(names, name) < own {
			ns.Labels[label] = s.name
		}
		return s.Create(context.Background(), ns)
	})
	return names
}

// confirm confirms the generation of the scene's policy.
func (s *scene) confirm() {
	GinkgoHelper()
	policy := s.GetPolicy(s.tb, s.name)
	before := policy.DeepCopy()
	if policy.Annotations == nil {
		policy.Annotations = map[string]string{}
	}
	policy.Annotations[v1alpha1.AnnotationConfirmedGeneration] = strconv.FormatInt(policy.Generation, 10)
	Expect(s.Patch(context.Background(), policy, client.MergeFrom(before))).To(Succeed())
}

// beginnings are the times, sorted, at which the API server was first asked to
// write in each of the namespaces, and those at which it was asked again.
func (s *scene) beginnings(mark harness.AuditMark, namespaces ...string) (first, again []time.Time) {
	seen := map[string]bool{}
	for _, apply := range s.applies(mark, namespaces...) {
		at := apply.RequestReceivedTimestamp.Time
		if seen[apply.ObjectRef.Namespace] {
			again = append(again, at)
			continue
		}
		seen[apply.ObjectRef.Namespace] = true
		first = append(first, at)
	}
	slices.SortFunc(first, time.Time.Compare)
	return first, again
}

// verify stops the scene's own operator, and verifies what it wrote.
func (s *scene) verify() {
	GinkgoHelper()
	s.op.Stop(s.tb)
	report := s.op.Verify(s.tb)
	Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)
}
