package e2e

import (
	"context"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Collections", func() {
	It("E11: find no discrepancy in a cluster that never holds still", func() {
		binary := harness.Build(newTB(), harness.BuildOptions{Patches: []harness.Patch{harness.Hasty(int(slot.Seconds()))}})
		s := onOwn("restless", harness.OperatorOptions{Binary: binary, Args: []string{"-contention-threshold=100000"}})
		names := s.protected(10)
		s.ApplySchedule(s.tb, harness.EachMinute(s.name))
		ctx, cancel := context.WithCancel(context.Background())
		var restless sync.WaitGroup
		rest := func() { cancel(); restless.Wait() }
		DeferCleanup(rest) // no other spec is to be disturbed, however this one ends
		until := func(turn func(i int)) {
			restless.Go(func() {
				defer GinkgoRecover()
				for i := 0; ctx.Err() == nil; i++ {
					turn(i)
				}
			})
		}
		// A drift that is repaired, a namespace that leaves the scope and comes
		// back, and namespaces that come and go.
		until(func(i int) {
			name := names[i%5]
			s.drift(name)
			s.AwaitDenied(s.tb, name)
		})
		until(func(i int) { s.Label(s.tb, names[5+i%5], label, []string{"elsewhere", s.name}[i/5%2]) })
		until(func(i int) {
			name := s.namespace(fmt.Sprintf("passing-%d", i))
			s.DeleteNamespace(s.tb, name)
		})
		// The churn takes all the processors that there are: slots are missed.
		harness.EventuallyWithin(s.tb, 3*harness.Patience, "ten collections are made", func() error {
			if n := len(s.op.Evidence(s.tb).Kind(ledger.KindCollected)); n < 10 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
		rest()

		superseded, compared := 0, 0
		for _, x := range s.slots() {
			if x.Entry.Kind == ledger.KindCollected {
				superseded, compared = superseded+x.Entry.Collection.Superseded, compared+x.Entry.Collection.Compared
				Expect(x.State).NotTo(Equal(ledger.CollectionFailed), x.Entry.Message)
			}
		}
		Expect(s.op.Evidence(s.tb).Kind(ledger.KindDiscrepancy).Want(0)).To(Succeed())
		Expect(compared).To(BeNumerically(">=", 50))
		GinkgoWriter.Printf("%d units were compared, and %d of them superseded\n", compared, superseded)
		for _, p := range s.op.Verify(s.tb).Problems {
			Fail(p.String())
		}
	})
})
