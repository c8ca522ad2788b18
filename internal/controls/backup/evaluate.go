// Package backup is the control type of the same name.
package backup

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Control evaluates controls of this type.
type Control struct{}

var _ control.Control = Control{}

// EvaluatorVersion is bumped whenever the same input gives other findings.
func (Control) EvaluatorVersion() int { return 1 }

// Needs returns what is looked at.
func (Control) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{control.NeedNamespaces}
}

// Evaluate returns the findings.
func (Control) Evaluate(control.Input) []control.Finding { return nil }
