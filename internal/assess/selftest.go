package assess

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// maxFailed is the number of failed fixtures that an entry names.
const maxFailed = 16

// noFixtures stands for the fixtures of a type that brings none, or none that
// can be read.
const noFixtures = "(none can be read)"

// SelfTest judges the fixtures of a control type, and says which of them gave
// other findings than they have to (E16). A type without fixtures fails.
func SelfTest(typ controls.Type) ledger.SelfTestBody {
	body := ledger.SelfTestBody{Type: typ.Name, EvaluatorVersion: typ.EvaluatorVersion()}
	fixtures, err := fixturesOf(typ)
	if err != nil {
		body.Failed = []string{noFixtures}
		return body
	}
	body.Fixtures = len(fixtures)
	if o, err := ledger.NewObject(fixtures); err == nil {
		body.Digest = o.Digest
	}
	c := &Control{Kind: typ.Control}
	for i := range fixtures {
		f := &fixtures[i]
		findings, _ := evaluate(c, f.Input())
		switch {
		case f.Expects(findings):
		case len(body.Failed) < maxFailed:
			body.Failed = append(body.Failed, f.Name)
		default:
			body.MoreFailed++
		}
	}
	return body
}

func fixturesOf(typ controls.Type) ([]control.Fixture, error) {
	tester, ok := typ.Control.(control.SelfTester)
	if !ok {
		return nil, fmt.Errorf("control type %s brings no fixtures", typ.Name)
	}
	fixtures, err := control.ReadFixtures(tester.Fixtures())
	if err == nil && len(fixtures) == 0 {
		err = fmt.Errorf("control type %s has no fixture", typ.Name)
	}
	for i := range fixtures {
		if fixtures[i].Snapshot == nil {
			err = fmt.Errorf("fixture %s has no snapshot", fixtures[i].Name)
		}
	}
	return fixtures, err
}

// Distrust makes the unit NotEvaluated: the evaluator of its control's type did
// not find what it has to find in a fixture.
func (u *Unit) Distrust() {
	u.Findings = []control.Finding{{Subject: u.Subject, Outcome: control.NotEvaluated, Basis: control.BasisConfiguration,
		Reason:  control.ReasonSelfTestFailed,
		Message: "the evaluator of " + u.Control.Type + " failed its self-test"}}
	u.State = control.StateOf(u.Findings)
	u.Distrusted = true
}
