package tsc

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Supported returns the criteria that a control supports: those that it states, and
// where it states none, those that controls of its type usually support, the most
// fitting first. It is nil for a control of no known type. The caller owns the slice.
func Supported(c v1alpha1.ControlSpec) []v1alpha1.Criterion {
	switch {
	case len(c.Criteria) > 0:
		return slices.Clone(c.Criteria)
	case c.Backup != nil:
		return []v1alpha1.Criterion{"A1.2", "CC7.5", "CC9.1", "C1.1"}
	case c.EncryptionAtRest != nil:
		return []v1alpha1.Criterion{"CC6.1", "C1.1"}
	case c.EncryptionInTransit != nil:
		return []v1alpha1.Criterion{"CC6.7", "CC6.1", "CC6.6"}
	case c.NetworkIsolation != nil:
		return []v1alpha1.Criterion{"CC6.1", "CC6.6"}
	case c.RestoreTest != nil:
		return []v1alpha1.Criterion{"A1.3", "CC7.5"}
	default:
		return nil
	}
}
