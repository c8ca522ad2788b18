package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

var _ = Describe("Invariant 7: Work is proportional to the scopes whose verdict inputs changed", func() {
	It("judges one namespace when one of many drifts, and none when pods come and go elsewhere", func() {
		const drifts = 5
		s := onShared("proportional")
		names := s.protected(60)
		s.settle()
		judged := func() float64 { return s.op.Metric(s.tb, "holdfast_evaluation_seconds") }

		before, mark := judged(), s.Mark(s.tb)
		for range drifts {
			s.drift(names[7])
			s.AwaitDenied(s.tb, names[7])
		}
		s.awaitEpisodes(drifts, ledger.OriginDrift, ledger.EndingRepaired)
		s.settle()
		// The drift, the repair seen by the watch, and room for one event in between.
		Expect(judged() - before).To(BeNumerically("<=", 3*drifts))
		// Each watch is asked for anew after some minutes, whatever happens.
		requests := s.Since(s.tb, mark).By(s.op.User).NotOn("leases", "controlpolicies/status", "events").
			Where(func(e *auditv1.Event) bool { return e.Verb != "watch" })
		Expect(requests.Want(drifts)).To(Succeed(), "one request for each drift, status and events apart")

		// Classes of pods matter, and those that come and go are of classes that stay.
		Expect(s.stormAccount(names[8])).To(Succeed())
		for _, hostNetwork := range []bool{false, true} {
			resident := stormPod(names[8], fmt.Sprintf("resident-%t", hostNetwork), hostNetwork)
			Expect(s.Create(context.Background(), resident)).To(Succeed())
		}
		s.settle()
		before = judged()
		ctx, cancel := context.WithCancel(context.Background())
		stormed := make(chan error, 1)
		go func() { stormed <- s.storm(ctx, names[8]) }()
		mark = s.Mark(s.tb)
		s.eventually("pods come and go", func() error {
			if n := len(s.Since(s.tb, mark).On("pods").In(names[8]).Writes()); n < 60 {
				return s.Since(s.tb, mark).On("pods").In(names[8]).Writes().Want(60)
			}
			return nil
		})
		cancel()
		Expect(<-stormed).To(Succeed())
		s.settle()
		Expect(judged()-before).To(BeNumerically("<=", 4), "no policy speaks of these pods' labels")
	})
})
