package restoretest

import (
	"testing"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

func goldenCases(t *testing.T) controltest.Suite {
	t.Helper()
	return controltest.Suite{Control: Control{}, Cases: controltest.Inputs(t, scenes(t))}
}

func TestGolden(t *testing.T) { goldenCases(t).TestFindings(t) }

func TestEvaluatorVersion(t *testing.T) { goldenCases(t).TestEvaluatorVersion(t) }

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the golden
// cases are, and has good and bad of the rule, and what cannot be judged.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	goldenCases(t).TestFixtures(t, []string{RuleRestored}, control.Conforming, control.Deviating, control.NotEvaluated)
}
