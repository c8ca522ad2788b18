package harness_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// TestHarness shows what the helpers are for, and that a killed operator can be
// started again.
func TestHarness(t *testing.T) {
	cluster := harness.StartCluster(t, harness.ClusterOptions{})
	op := cluster.StartOperator(t, harness.OperatorOptions{})

	cluster.Namespace(t, "shop", "tier", "production")
	cluster.Apply(t, harness.Policy("baseline").Enforce().Select("tier", "production").Deny("Ingress"))
	cluster.AwaitDenied(t, "shop")
	cluster.AwaitConforming(t, "baseline")

	op.Kill(t)
	cluster.DeleteNetworkPolicy(t, "shop", harness.Deny)
	op.Start(t)
	harness.Eventually(t, "the drift while the operator was down is an episode", func() error {
		return op.Evidence(t).Episodes().Of("baseline").From(ledger.OriginAfterGap).Ended(ledger.EndingRepaired).Want(1)
	})
	cluster.AwaitDenied(t, "shop")
	op.Stop(t)
	if err := op.Evidence(t).Gaps(ledger.CauseNotRunning).Want(1); err != nil {
		t.Error(err)
	}
}
