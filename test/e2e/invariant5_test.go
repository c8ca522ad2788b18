package e2e

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// watched are the kinds that are watched in every cluster.
var watched = []string{"apiservices", "customresourcedefinitions", "endpointslices", "ingresses", "mutatingwebhookconfigurations",
	"namespaces", "networkpolicies", "pods", "services", "validatingwebhookconfigurations"}

var _ = Describe("Invariant 5: A gap is a gap", func() {
	It("finds a frozen watch of a healthy process, and what it withheld", func() {
		s, proxy := onProxy("frozen", "--progress-timeout=4s")
		names := s.protected(2)
		// What was just seen to change is not asked for: a look between the freeze and
		// the drift would find nothing withheld, and open the watch anew.
		s.drift(names[1])
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		proxy.Freeze()
		frozen := time.Now()
		s.drift(names[0])
		gaps := func() harness.Evidence {
			return s.op.Evidence(s.tb).Gaps(ledger.CauseWatchStalled).Where(func(e *ledger.Entry) bool { return e.Gap.Kind == "networkpolicies" })
		}
		s.eventually("the gap begins and ends", func() error { return gaps().Want(2) })
		began, ended := gaps()[0].Gap, gaps()[1].Gap
		Expect(began.From.Before(frozen)).To(BeTrue(), "it begins with the last proof of observation")
		Expect(began.To).To(BeNil())
		Expect(ended.Ends).To(Equal(gaps()[0].ID))
		Expect(ended.From).To(Equal(began.From))
		Expect(ended.To.After(frozen)).To(BeTrue())
		s.eventually("the withheld drift is an episode found after the gap", func() error {
			return s.episodes().On(names[0]).From(ledger.OriginAfterGap).Want(1)
		})

		Expect(proxy.Resume()).To(Succeed())
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		s.drift(names[1])
		s.AwaitDenied(s.tb, names...)
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
	})

	It("is one gap for each kind while the API server cannot be reached", func() {
		s, proxy := onProxy("cutoff", "--progress-timeout=2s")
		names := s.protected(2)
		Expect(proxy.Cut()).To(Succeed())
		gaps := func() harness.Evidence { return s.op.Evidence(s.tb).Gaps(ledger.CauseUnreachable) }
		s.eventually("a gap begins for each kind", func() error {
			var kinds []string
			for _, e := range gaps() {
				kinds = append(kinds, e.Gap.Kind)
			}
			slices.Sort(kinds)
			if !slices.Equal(kinds, watched) {
				return fmt.Errorf("gaps of %v", kinds)
			}
			return nil
		})
		before := len(s.op.Evidence(s.tb))
		s.drift(names...)
		Expect(proxy.Resume()).To(Succeed())

		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)
		s.eventually("every gap ends", func() error { return gaps().Want(2 * len(watched)) })
		ends := map[string]bool{}
		for _, e := range gaps()[len(watched):] {
			ends[e.Gap.Ends] = true
		}
		Expect(ends).To(HaveLen(len(watched)), "each ends its own")
		// The status of before is there until the operator has a new one.
		s.awaitEpisodes(2, ledger.OriginAfterGap, ledger.EndingRepaired)
		Expect(s.op.Evidence(s.tb).After(before).Kind(ledger.KindOutcomeChanged).Want(4)).To(Succeed())
	})

	It("is a gap while no operator runs, from the last proof that one did", func() {
		s := onOwn("down", harness.OperatorOptions{})
		names := s.protected(2)
		s.op.Kill(s.tb)
		down := time.Now()
		alive, err := ledger.ReadAlive(s.op.LedgerDir)
		Expect(err).NotTo(HaveOccurred())
		s.drift(names[0])
		s.op.Start(s.tb)
		s.awaitEpisodes(1, ledger.OriginAfterGap, ledger.EndingRepaired)
		gaps := s.op.Evidence(s.tb).Gaps(ledger.CauseNotRunning)
		Expect(gaps.Want(1)).To(Succeed())
		gap := gaps[0].Gap
		Expect(gap.From.Time).To(BeTemporally("<", down))
		Expect(gap.From.Time).To(BeTemporally(">=", alive.Time.Time), "it begins with the last proof")
		Expect(gap.To.After(down)).To(BeTrue())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionTrue, v1alpha1.ReasonAllConforming)
	})
})
