package networkisolation

import (
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeAllowances returns the finding of rule NP-04, if the control states one.
func judgeAllowances(control.Input) []control.Finding { return nil }

// asWanted reports whether a policy of ours is exactly what the control wants.
func asWanted(control.Input, control.NetworkPolicy) bool { return false }
