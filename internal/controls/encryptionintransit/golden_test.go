package encryptionintransit

import (
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/control/controltest"
)

// now is the time of every golden case.
var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// timeZero is what is not stated.
var timeZero time.Time

func goldenCases(t *testing.T) controltest.Suite {
	t.Helper()
	return controltest.Suite{Control: Control{}, Cases: controltest.Folders(t, controltest.Options{Now: now, Scoped: true})}
}

func TestGolden(t *testing.T) { goldenCases(t).TestFindings(t) }

func TestEvaluatorVersion(t *testing.T) { goldenCases(t).TestEvaluatorVersion(t) }

// TestE16FixturesAreGoldenCases: what a process judges itself by is what the
// golden cases are, and has good and bad of each rule, and what cannot be judged.
func TestE16FixturesAreGoldenCases(t *testing.T) {
	rules := []string{RuleCoverage, RuleCertificates, RuleRedirect, RuleGateways, RuleMesh, RuleServices, RuleIssued, RuleAPIServer, RuleHandshake, RuleGuard}
	goldenCases(t).TestFixtures(t, rules, control.Conforming, control.Deviating, control.NotEvaluated)
}
