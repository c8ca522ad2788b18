package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The origins Drift and AfterGap, and the ending Repaired, are in the specs of
// invariants 3 to 5.
var _ = Describe("Origins and endings of episodes", func() {
	It("begins at the Baseline, and ends Corrected by others", func() {
		s := onShared("baseline")
		names := s.namespaces(1)
		s.observed()
		s.Apply(s.tb, s.policy(""))
		s.awaitEpisodes(1, ledger.OriginBaseline, "")
		Expect(s.Create(context.Background(), denyAll(names[0]))).To(Succeed())
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingCorrected)
		s.AwaitConforming(s.tb, s.name)
	})

	It("begins with a NewSubject, and ends as SubjectDeleted", func() {
		s := onShared("newsubject")
		s.Apply(s.tb, s.policy(""))
		s.introduced()
		name := s.namespace("late")
		s.awaitEpisodes(1, ledger.OriginNewSubject, "")
		Expect(s.evidence().On(name).Kind(ledger.KindSubjectAdded).Want(1)).To(Succeed())
		s.DeleteNamespace(s.tb, name)
		s.awaitEpisodes(1, ledger.OriginNewSubject, ledger.EndingSubjectDeleted)
		s.eventually("it is gone", func() error { return s.gone(name) })
	})

	It("gives a namespace that was deleted and made again a life of its own", func() {
		s := onShared("again")
		s.Apply(s.tb, s.policy("").Enforce())
		s.introduced()
		for i := range 2 {
			name := s.namespace("twice")
			s.AwaitDenied(s.tb, name)
			// Until the repair is seen, the deletion would be what ends the episode.
			s.awaitEpisodes(i+1, ledger.OriginNewSubject, ledger.EndingRepaired)
			s.DeleteNamespace(s.tb, name)
			s.eventually("it is gone", func() error { return s.gone(name) })
			// Until that is seen, the next one would be taken for it.
			s.eventually("it is deleted in the ledger", func() error { return s.evidence().Kind(ledger.KindSubjectDeleted).Want(i + 1) })
		}
		Expect(s.episodes().From(ledger.OriginNewSubject).Want(2)).To(Succeed())
		Expect(s.episodes().Ended(ledger.EndingRepaired).Want(2)).To(Succeed())
		// Namespaces and what is in them are watched side by side: what goes with one may
		// be missed before it is seen that the namespace goes.
		removals := s.episodes().From(ledger.OriginDrift)
		Expect(removals.Ended(ledger.EndingSubjectDeleted)).To(Equal(removals))
	})

	It("begins as EnteredScope and ends as LeftScope when a namespace is relabelled", func() {
		s := onShared("relabelled")
		s.Apply(s.tb, s.policy(""))
		s.introduced()
		name := s.name + "-ns"
		s.Namespace(s.tb, name)
		// One that was never seen outside the scope would be a new subject.
		s.observed()
		s.Label(s.tb, name, label, s.name)
		s.awaitEpisodes(1, ledger.OriginEnteredScope, "")
		Expect(s.evidence().On(name).Kind(ledger.KindScopeEntered).Want(1)).To(Succeed())
		s.Label(s.tb, name, label, "elsewhere")
		s.awaitEpisodes(1, ledger.OriginEnteredScope, ledger.EndingLeftScope)
		Expect(s.evidence().On(name).Kind(ledger.KindScopeLeft).Want(1)).To(Succeed())
		s.AwaitCondition(s.tb, s.name, v1alpha1.ConditionConforming, metav1.ConditionUnknown, v1alpha1.ReasonNoOccurrence)
	})

	It("ends as LeftScope when an exclusion takes the namespace out", func() {
		s := onShared("excluded")
		names := s.namespaces(2)
		s.observed()
		s.Apply(s.tb, s.policy(""))
		s.awaitEpisodes(2, ledger.OriginBaseline, "")
		s.Apply(s.tb, s.policy("").Exclude("RISK-112", names[0]))
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingLeftScope)
		s.eventually("the exclusion is counted", func() error {
			scope := s.GetPolicy(s.tb, s.name).Status.Scope
			if scope.InScope == 1 && scope.Excluded == 1 {
				return nil
			}
			return fmt.Errorf("the scope is %+v", scope)
		})
	})

	It("begins and ends with DefinitionChanged when the control is defined anew", func() {
		s := onShared("redefined")
		names := s.namespaces(1)
		Expect(s.Create(context.Background(), denyAll(names[0]))).To(Succeed())
		s.Apply(s.tb, s.policy(""))
		s.AwaitConforming(s.tb, s.name)
		s.Apply(s.tb, s.policy("").Deny(v1alpha1.DirectionEgress))
		s.awaitEpisodes(1, ledger.OriginDefinitionChanged, "")
		s.Apply(s.tb, s.policy(""))
		s.awaitEpisodes(1, ledger.OriginDefinitionChanged, ledger.EndingDefinitionChanged)
		s.AwaitConforming(s.tb, s.name)
	})

	It("ends as ControlWithdrawn when the control, or the policy, goes", func() {
		s := onShared("goes")
		s.namespaces(1)
		s.observed()
		s.Apply(s.tb, s.policy("").Control("NET-2").Deny(v1alpha1.DirectionEgress))
		s.awaitEpisodes(2, ledger.OriginBaseline, "")
		s.Apply(s.tb, s.policy(""))
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingControlWithdrawn)
		s.DeletePolicy(s.tb, s.name)
		s.awaitEpisodes(2, ledger.OriginBaseline, ledger.EndingControlWithdrawn)
	})

	It("begins a second episode, and no second Baseline, when a control comes back", func() {
		s := onShared("comesback")
		s.namespaces(1)
		s.observed()
		s.Apply(s.tb, s.policy(""))
		s.introduced()
		s.DeletePolicy(s.tb, s.name)
		s.awaitEpisodes(1, ledger.OriginBaseline, ledger.EndingControlWithdrawn)
		s.Apply(s.tb, s.policy(""))
		s.eventually("there is a second episode", func() error { return s.episodes().Want(2) })
		Expect(s.episodes().From(ledger.OriginBaseline).Want(1)).To(Succeed())
	})

	It("begins a second episode when a namespace comes back into scope", func() {
		s := onShared("returns")
		s.Apply(s.tb, s.policy(""))
		s.introduced()
		name := s.namespace("ns")
		s.awaitEpisodes(1, ledger.OriginNewSubject, "")
		s.Label(s.tb, name, label, "elsewhere")
		s.awaitEpisodes(1, ledger.OriginNewSubject, ledger.EndingLeftScope)
		s.Label(s.tb, name, label, s.name)
		s.awaitEpisodes(1, ledger.OriginEnteredScope, "")
	})
})

// introduced waits until the scene's first control is introduced.
func (s *scene) introduced() {
	GinkgoHelper()
	s.eventually("the control is introduced", func() error {
		return s.evidence().Kind(ledger.KindControlIntroduced).Want(1)
	})
}
