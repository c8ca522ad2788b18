package networkisolation

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// goldenCases are those of testdata: an input holds one namespace and what else of
// the cluster matters, as objects. Those that every process judges have, together,
// each rule Conforming, and each Deviating, that can be.
func goldenCases(t *testing.T) controltest.Suite {
	t.Helper()
	return controltest.Suite{
		Control: Control{},
		Cases:   controltest.Folders(t, controltest.Options{Snapshot: readSnapshot}),
		SelfTested: []string{"absent", "allow-all", "conforming", "every-rule", "host-network", "inventory-forbidden", "terminating",
			"tiers-overridden", "uncovered", "unreadable"},
	}
}

func TestGolden(t *testing.T) { goldenCases(t).TestFindings(t) }

func TestEvaluatorVersion(t *testing.T) { goldenCases(t).TestEvaluatorVersion(t) }

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the
// golden cases are, and has good and bad of each rule.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	goldenCases(t).TestFixtures(t, []string{RuleDenyIngress, RuleDenyEgress, RuleOpenRules, RuleCoverage, RuleExposure, RuleInventory, RuleTiers},
		control.Conforming, control.Deviating)
}
