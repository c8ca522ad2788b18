package coverage

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// RulesOf are those of a backup control.
func RulesOf(spec *v1alpha1.Backup, now time.Time) Rules {
	rules := Rules{Now: now}
	if spec.Velero != nil {
		rules.PartiallyFailed = spec.Velero.PartiallyFailed
	}
	return rules
}

// NewestFirst are the backups of a snapshot by the Velero of a backup control, in the
// order of the time of their data.
func NewestFirst(spec *v1alpha1.Backup, s *control.Snapshot) []*control.Backup {
	var backups []*control.Backup
	for i := range s.Backups {
		if s.Backups[i].Namespace == control.VeleroNamespace(spec) {
			backups = append(backups, &s.Backups[i])
		}
	}
	slices.SortFunc(backups, func(a, b *control.Backup) int {
		return cmp.Or(DataTime(b).Compare(DataTime(a)), cmp.Compare(b.Name, a.Name))
	})
	return backups
}

// DataTime is the time of the data in a backup: when it started, or, where it did
// not, was created.
func DataTime(b *control.Backup) time.Time {
	if b.StartedAt.IsZero() {
		return b.CreatedAt
	}
	return b.StartedAt
}
