package e2e

import (
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

const (
	// settled is how long nothing was written when things count as settled.
	settled = 3 * time.Second
	// quiet is how long nothing may be written then.
	quiet = 17 * time.Second
)

var _ = Describe("Invariant 6: Quiet when nothing happens", func() {
	It("writes nothing but its lease, to the cluster or to the ledger", func() {
		s := onShared("quiet")
		names := s.protected(5)
		s.Apply(s.tb, s.policy("-observe"))
		s.AwaitConforming(s.tb, s.name+"-observe")
		s.drift(names[0])
		s.AwaitDenied(s.tb, names...)
		s.AwaitConforming(s.tb, s.name)

		mark, entries := s.settle()
		harness.During(s.tb, quiet, "nothing is written", func() error {
			return errors.Join(
				s.Since(s.tb, mark).By(s.op.User).Writes().NotOn("leases").Where(s.ownEvent).Want(0),
				news(s.op.Evidence(s.tb).After(entries)).Want(0))
		})
	})

	It("does not flap between two enforcing policies over one namespace", func() {
		s := onShared("both")
		names := s.protected(2)
		s.Apply(s.tb, s.policy("-too").Enforce())
		s.AwaitConforming(s.tb, s.name+"-too")
		mark := s.Mark(s.tb)
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		for _, policy := range []string{s.name, s.name + "-too"} {
			s.eventually("each policy has its own episodes", func() error {
				return s.op.Evidence(s.tb).Episodes().Of(policy).From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(2)
			})
			s.AwaitCondition(s.tb, policy, v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
		}
		s.settle()
		Expect(s.applies(mark, names...).Want(2)).To(Succeed(), "one apply for each drift, whoever wants it")
	})

	It("does not flap between a policy that enforces and one that observes", func() {
		s := onShared("mixed")
		names := s.protected(2)
		s.Apply(s.tb, s.policy("-observe"))
		s.AwaitConforming(s.tb, s.name+"-observe")
		mark := s.Mark(s.tb)
		s.drift(names...)
		s.AwaitDenied(s.tb, names...)
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		s.eventually("the observing policy has the same episodes", func() error {
			return s.op.Evidence(s.tb).Episodes().Of(s.name + "-observe").From(ledger.OriginDrift).Ended(ledger.EndingRepaired).Want(2)
		})
		Expect(s.op.Evidence(s.tb).Episodes().Of(s.name+"-observe").Repairs()).To(BeZero(), "it repairs nothing itself")
		s.AwaitCondition(s.tb, s.name+"-observe", v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly)
		s.settle()
		Expect(s.applies(mark, names...).Want(2)).To(Succeed())
	})
})

// ownEvent is false for requests about events of earlier specs: a client that
// found two writes of its own in each other's way tries again much later.
func (s *scene) ownEvent(e *auditv1.Event) bool {
	return e.ObjectRef == nil || e.ObjectRef.Resource != "events" || strings.HasPrefix(e.ObjectRef.Name, s.name)
}

// settle waits until the operator has written nothing for a while, and returns
// the end of the audit log and the number of entries then.
func (s *scene) settle() (harness.AuditMark, int) {
	mark, entries, since := s.Mark(s.tb), len(s.op.Evidence(s.tb)), time.Now()
	s.eventually("things settle", func() error {
		written := s.Since(s.tb, mark).By(s.op.User).Writes().NotOn("leases")
		if err := errors.Join(written.Want(0), s.op.Evidence(s.tb).After(entries).Want(0)); err != nil {
			mark, entries, since = s.Mark(s.tb), len(s.op.Evidence(s.tb)), time.Now()
			return err
		}
		if time.Since(since) < settled {
			return errors.New("not for long enough")
		}
		return nil
	})
	return mark, entries
}

// news are the entries that say more than that the operator lives.
func news(e harness.Evidence) harness.Evidence {
	return e.Where(func(entry *ledger.Entry) bool { return entry.Kind != ledger.KindHeartbeat })
}
