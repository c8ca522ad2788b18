package networkisolation

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeLifelines returns the finding of rule NP-03, if the control states one.
func judgeLifelines(control.Input) []control.Finding { return nil }
