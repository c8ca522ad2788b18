package networkisolation

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Wants returns every NetworkPolicy that the control wants in the namespace.
func (Control) Wants(control.Input) ([]control.Change, error) { return nil, nil }
