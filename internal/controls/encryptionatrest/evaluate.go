package encryptionatrest

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// evaluatorVersion is bumped whenever the same input gives other findings.
const evaluatorVersion = 1

// Control is the control type.
type Control struct{}

// EvaluatorVersion implements control.Control.
func (Control) EvaluatorVersion() int { return evaluatorVersion }

// Needs implements control.Control.
func (Control) Needs(v1alpha1.ControlSpec) []control.Need { return nil }

// Evaluate implements control.Control.
func (Control) Evaluate(control.Input) []control.Finding { return nil }
