package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/controlplane"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 1: Nothing missing becomes Conforming", func() {
	It("claims no conformity of a policy that selects nothing", func() {
		s := onShared("nothing")
		s.Apply(s.tb, s.policy("").Enforce())
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNoOccurrence)
		Expect(policy.Status.Scope.InScope).To(BeZero())
		s.eventually("the control is introduced", func() error {
			return s.evidence().Kind(ledger.KindControlIntroduced).Want(1)
		})
		Expect(s.evidence().Kind(ledger.KindOutcomeChanged)).To(BeEmpty())
	})

	It("knows nothing while the permission to list and watch is revoked, and all of it afterwards", func() {
		s, proxy := onProxy("revoked")
		names := s.protected(3)
		before := len(s.evidence())

		s.op.Rights.Revoke(s.tb, "networkpolicies", "list", "watch")
		reconnect(proxy)
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)
		Expect(policy.Status.Controls[0].NotEvaluated).To(BeEquivalentTo(len(names)))
		Expect(policy.Status.Controls[0].Conforming).To(BeZero())
		conforming := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionConforming)
		Expect(conforming.Message).To(ContainSubstring("grant {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]}"))
		s.drift(names[0])
		gaps := func() harness.Evidence { return s.op.Evidence(s.tb).Gaps(ledger.CauseForbidden) }
		s.eventually("a gap begins", func() error { return gaps().Want(1) })
		Expect(gaps()[0].Gap.Kind).To(Equal("networkpolicies"))
		Expect(gaps()[0].Gap.To).To(BeNil())
		Expect(s.evidence().After(before).Kind(ledger.KindOutcomeChanged)).To(BeEmpty(), "one gap, and no entry for each subject")

		s.op.Rights.Restore(s.tb)
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		Expect(gaps().Want(2)).To(Succeed())
		Expect(gaps()[1].Gap.Ends).To(Equal(gaps()[0].ID))
		s.awaitEpisodes(1, ledger.OriginAfterGap, ledger.EndingRepaired)
	})

	It("knows nothing for want of a permission it never had", func() {
		s := prepareOwn("newcomer", harness.OperatorOptions{})
		s.op.Rights.Revoke(s.tb, "networkpolicies", "list", "watch")
		s.namespaces(2)
		s.Apply(s.tb, s.policy(""))
		s.op.Start(s.tb)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)
		Expect(s.evidence().Kind(ledger.KindOutcomeChanged)).To(BeEmpty())
		Expect(s.evidence().Kind(ledger.KindControlIntroduced)).To(BeEmpty(), "it was never evaluated")

		s.op.Rights.Restore(s.tb)
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionFalse, v1alpha1.ReasonDeviating)
		Expect(s.op.Evidence(s.tb).Gaps(ledger.CauseForbidden).Want(2)).To(Succeed())
	})

	It("knows nothing of the subjects of a policy that became invalid", func() {
		s := onShared("invalid")
		names := s.protected(2)
		mark := s.Mark(s.tb)

		s.Apply(s.tb, s.policy("").Enforce().OperatingFrom(time.Now().Add(-24*time.Hour)))
		policy := s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOperatingFromInvalid)
		Expect(harness.HasCondition(policy, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated)).To(Succeed())
		Expect(harness.HasCondition(policy, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonOperatingFromInvalid)).To(Succeed())
		s.drift(names[0])
		gaps := func() harness.Evidence { return s.evidence().Gaps(ledger.CauseInvalidPolicy) }
		s.eventually("a gap begins", func() error { return gaps().Want(1) })

		s.Apply(s.tb, s.policy("").Enforce())
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		Expect(gaps().Want(2)).To(Succeed())
		Expect(gaps()[1].Gap.Ends).To(Equal(gaps()[0].ID))
		Expect(s.applies(mark, names...).Want(1)).To(Succeed())
		s.awaitEpisodes(1, ledger.OriginAfterGap, ledger.EndingRepaired)
	})
})

// onProxy returns a scene whose own operator goes through a proxy. It holds no
// lease: what is done to its connections is not to end its process.
func onProxy(name string, args ...string) (*scene, *controlplane.Proxy) {
	proxy, err := apart.Proxy(0)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(proxy.Close)
	return onOwn(name, harness.OperatorOptions{APIServer: proxy.Addr(), Args: append(args, "--leader-elect=false")}), proxy
}

// reconnect breaks every connection, so that open watches have to be asked for
// again.
func reconnect(proxy *controlplane.Proxy) {
	Expect(proxy.Cut()).To(Succeed())
	Expect(proxy.Resume()).To(Succeed())
}
