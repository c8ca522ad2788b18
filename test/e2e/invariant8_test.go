package e2e

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 8: Do no harm", func() {
	It("changes nothing in Observe mode but its own status, events and head mark", func() {
		s := onShared("observe")
		mark := s.Mark(s.tb)
		names := s.namespaces(3)
		s.Apply(s.tb, s.policy(""))
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly)
		Expect(s.Create(context.Background(), denyAll(names[0]))).To(Succeed())
		s.eventually("the namespace is judged anew", func() error {
			return s.episodes().On(names[0]).Ended(ledger.EndingCorrected).Want(1)
		})
		s.settle()
		Expect(s.Since(s.tb, mark).By(s.op.User).Writes().NotOn("leases", "events", "controlpolicies/status", "configmaps").Want(0)).To(Succeed())
		Expect(s.episodes().Repairs()).To(BeZero())
	})

	It("leaves alone what others wrote, whatever it says", func() {
		s := onShared("foreign")
		names := s.namespaces(1)
		foreign := denyAll(names[0])
		foreign.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		Expect(s.Create(context.Background(), foreign)).To(Succeed())
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce())
		s.AwaitDenied(s.tb, names...)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(enforced(policy).Message).To(Equal("everything wanted is applied; 1 open episode is not Holdfast's to repair"))
		Expect(harness.HasCondition(policy, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)).To(Succeed())
		Expect(policy.Status.OpenEpisodes.Longest[0].Rules).To(Equal([]string{"NP-05"}))
		got := s.NetworkPolicy(s.tb, names[0], foreign.Name)
		Expect(got.Spec).To(Equal(foreign.Spec))
		Expect(got.ResourceVersion).To(Equal(foreign.ResourceVersion))
		Expect(s.applies(mark, names...).Want(1)).To(Succeed())
	})

	It("refuses to deny egress without DNS in Enforce mode, at admission", func() {
		s := onShared("egress")
		_, err := s.TryApply(context.Background(), s.policy("").Enforce().Deny(v1alpha1.DirectionEgress))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("networkIsolation.allow must list type DNS where Egress is denied in Enforce mode")))
		s.Apply(s.tb, s.policy("").Deny(v1alpha1.DirectionEgress))
	})

	It("does not take over an object of that name that somebody else made", func() {
		s := onShared("collision")
		names := s.namespaces(2)
		foreign := denyAll(names[0])
		foreign.Name = harness.Deny
		foreign.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		Expect(s.Create(context.Background(), foreign)).To(Succeed())
		mark := s.Mark(s.tb)
		s.Apply(s.tb, s.policy("").Enforce())
		s.AwaitDenied(s.tb, names[1])
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonNameCollision)
		Expect(enforced(policy).Message).To(ContainSubstring(names[0]))
		Expect(harness.HasCondition(policy, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)).To(Succeed())
		Expect(s.applies(mark, names[0]).Want(0)).To(Succeed())
		Expect(s.NetworkPolicy(s.tb, names[0], harness.Deny).Spec).To(Equal(foreign.Spec))

		s.drift(names[0])
		s.AwaitDenied(s.tb, names...)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})

	It("leaves what it applied when the policy goes", func() {
		s := onShared("withdrawn")
		names := s.protected(2)
		mark := s.Mark(s.tb)
		s.DeletePolicy(s.tb, s.name)
		s.eventually("the control is withdrawn", func() error { return s.evidence().Kind(ledger.KindControlWithdrawn).Want(1) })
		s.drift(names[0])
		s.settle()
		Expect(s.NetworkPolicy(s.tb, names[0], harness.Deny)).To(BeNil(), "nobody states the control any more")
		Expect(harness.DeniesIngress(s.NetworkPolicy(s.tb, names[1], harness.Deny))).To(Succeed())
		Expect(s.applies(mark, names...).Want(0)).To(Succeed())
		Expect(s.episodes().Open().Want(0)).To(Succeed())
	})

	It("repairs nothing during a pause, and everything at its end", func() {
		s := onShared("pause")
		names := s.protected(2)
		s.Apply(s.tb, s.policy("").Enforce().Pause("CHG-881", time.Now().Add(time.Hour)))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonPaused)
		Expect(enforced(policy).Message).To(ContainSubstring("CHG-881"))
		mark := s.Mark(s.tb)
		s.drift(names...)
		s.awaitEpisodes(2, ledger.OriginDrift, "")
		until := time.Now().Add(3 * time.Second).Truncate(time.Second)
		s.Apply(s.tb, s.policy("").Enforce().Pause("CHG-881", until))
		s.AwaitDenied(s.tb, names...)
		for _, apply := range s.applies(mark, names...) {
			Expect(apply.RequestReceivedTimestamp.Time).To(BeTemporally(">=", until))
		}
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	})

	It("backs off when a repair is fought, says by whom, and goes on recording", func() {
		const threshold = 3
		s := onOwn("contested", harness.OperatorOptions{Args: []string{fmt.Sprintf("--contention-threshold=%d", threshold)}})
		names := s.protected(2)
		fight := func() {
			np := s.NetworkPolicy(s.tb, names[0], harness.Deny)
			before := np.DeepCopy()
			np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			Expect(s.Patch(context.Background(), np, client.MergeFrom(before), client.FieldOwner("the-fighter"))).To(Succeed())
		}
		for range threshold {
			fight()
			s.AwaitDenied(s.tb, names...)
		}
		mark := s.Mark(s.tb)
		fight()
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonContested)
		Expect(enforced(policy).Message).To(ContainSubstring("the-fighter"))
		contested := s.evidence().On(names[0]).Kind(ledger.KindContested)
		Expect(contested.Want(1)).To(Succeed())
		Expect(contested[0].Object.Manager).To(Equal("the-fighter"))
		Expect(s.episodes().On(names[0]).Open().Want(1)).To(Succeed())

		Expect(s.Delete(context.Background(), deny(names[0]))).To(Succeed())
		s.eventually("what happens meanwhile is recorded", func() error {
			open := s.episodes().On(names[0]).Open()
			if err := open.Want(1); err != nil {
				return err
			}
			states := s.evidence().On(names[0]).Kind(ledger.KindOutcomeChanged)
			if newest := states[len(states)-1]; newest.To.Rules[0].Reason != "Absent" {
				return fmt.Errorf("the newest state is %+v", newest.To)
			}
			return nil
		})
		s.settle()
		Expect(s.applies(mark, names[0]).Want(0)).To(Succeed())
		s.drift(names[1])
		s.AwaitDenied(s.tb, names[1])
	})

	It("says once that it may not repair, and repairs when it may", func() {
		s := onOwn("unpermitted", harness.OperatorOptions{})
		names := s.protected(2)
		s.op.Rights.Revoke(s.tb, "networkpolicies", "create", "patch")
		mark := s.Mark(s.tb)
		s.drift(names[0])
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRepairFailed)
		Expect(enforced(policy).Message).To(ContainSubstring("set the chart's value enforce.networkIsolation=true, which grants create and patch"))
		s.eventually("it has tried again", func() error {
			if n := len(s.applies(mark, names[0])); n < 5 {
				return fmt.Errorf("%d times", n)
			}
			return nil
		})
		failed := s.evidence().Kind(ledger.KindRepairFailed)
		Expect(failed.Want(1)).To(Succeed())
		Expect(failed[0].Reason).To(Equal("Forbidden"))

		s.op.Rights.Restore(s.tb)
		s.AwaitDenied(s.tb, names...)
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		Expect(s.evidence().Kind(ledger.KindRepairFailed).Want(1)).To(Succeed())
	})

	It("says on both that one policy enforces what the other holds back, and the stricter wins", func() {
		s := onShared("conflict")
		names := s.protected(1)
		s.Apply(s.tb, s.policy("-paused").Enforce().Pause("CHG-882", time.Now().Add(time.Hour)))
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		for _, policy := range []string{s.name, s.name + "-paused"} {
			s.AwaitCondition(s.tb, policy, v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonPolicyConflict)
		}
		s.Apply(s.tb, s.policy("-paused").Enforce())
		for _, policy := range []string{s.name, s.name + "-paused"} {
			s.AwaitCondition(s.tb, policy, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		}
	})

	It("calls the deletion of 200 protected namespaces no deviation", func() {
		s := onShared("removal")
		names := s.protected(200)
		before := len(s.op.Evidence(s.tb))
		harness.Each(s.tb, names, func(name string) error {
			return s.Delete(context.Background(), namespaceOf(name))
		})
		harness.EventuallyWithin(s.tb, 3*harness.Patience, "every subject is deleted in the ledger", func() error {
			return s.evidence().Kind(ledger.KindSubjectDeleted).Want(len(names))
		})
		for _, e := range s.episodes().Where(func(e *harness.Episode) bool { return e.Opened.Seq >= uint64(before) }) {
			i := slices.IndexFunc(e.Opened.SourceTimes, func(t ledger.SourceTime) bool { return t.Field == "metadata.deletionTimestamp" })
			Expect(i).NotTo(Equal(-1), "only a removal opens an episode: %s", harness.Episodes{e})
			Expect(e.Ending).To(Equal(ledger.EndingSubjectDeleted))
		}
		Expect(s.episodes().Open().Want(0)).To(Succeed())
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNoOccurrence)
		Expect(policy.Status.OpenEpisodes.Total).To(BeZero())
		Expect(harness.HasCondition(policy, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)).To(Succeed())
	})
})

// enforced is the condition of that name.
func enforced(policy *v1alpha1.ControlPolicy) *metav1.Condition {
	return meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionEnforced)
}

// denyAll is a user's own NetworkPolicy that denies all ingress.
func denyAll(namespace string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deny-all"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}
}
