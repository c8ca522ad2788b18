package e2e

import (
	"errors"
	"fmt"
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

		mark, entries := s.settle(s.name, s.name+"-observe")
		harness.During(s.tb, quiet, "nothing is written", func() error {
			return errors.Join(
				s.Since(s.tb, mark).By(s.op.User).Writes().NotOn("leases").Where(s.ownEvent).Want(0),
				news(s.op.Evidence(s.tb).After(entries)).Want(0))
		})
	})

	It("names in a status a checkpoint over what it tells, and no newer one because time passes", func() {
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{{
			File: "controllers/liveness.go",
			Old:  "heartbeatEvery = 5 * time.Minute",
			New:  "heartbeatEvery = time.Second",
		}}})
		s := onOwn("covered", harness.OperatorOptions{Binary: binary})
		names := s.protected(1)
		s.drift(names[0])
		s.awaitEpisodes(1, ledger.OriginDrift, ledger.EndingRepaired)
		s.eventually("the status names a checkpoint over the episode", func() error { return s.covered(s.name, s.evidence()) })

		beats := func() int { return len(s.op.Evidence(s.tb).Kind(ledger.KindHeartbeat)) }
		mark, before := s.Mark(s.tb), beats()
		s.eventually("there are heartbeats, and no status", func() error {
			if err := s.Since(s.tb, mark).By(s.op.User).Writes().On("controlpolicies/status").Want(0); err != nil {
				mark, before = s.Mark(s.tb), beats()
				return err
			}
			if n := beats() - before; n < 4 {
				return fmt.Errorf("%d heartbeats", n)
			}
			return nil
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

// covered returns nil if a policy's status names a checkpoint over what the
// evidence has about the policy.
func (s *scene) covered(policy string, evidence harness.Evidence) error {
	of, status := evidence.Of(policy), s.GetPolicy(s.tb, policy).Status
	if last := of[len(of)-1]; status.Evidence == nil || status.Evidence.Checkpoint == nil || status.Evidence.Checkpoint.Size <= int64(last.Seq) {
		return fmt.Errorf("policy %s: entry %d is not covered by %+v", policy, last.Seq, status.Evidence)
	}
	return nil
}

// settle waits until the operator has written nothing for a while, and has
// nothing left to say of the policies. It returns the end of the audit log and the
// number of entries then.
func (s *scene) settle(policies ...string) (harness.AuditMark, int) {
	mark, entries, since := s.Mark(s.tb), len(s.op.Evidence(s.tb)), time.Now()
	s.eventually("things settle", func() error {
		written, evidence := s.Since(s.tb, mark).By(s.op.User).Writes().NotOn("leases"), s.op.Evidence(s.tb)
		err := errors.Join(written.Want(0), evidence.After(entries).Want(0))
		for _, policy := range policies {
			err = errors.Join(err, s.covered(policy, evidence))
		}
		if err != nil {
			mark, entries, since = s.Mark(s.tb), len(evidence), time.Now()
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
