package backup

import (
	"cmp"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
)

// volumes implements provider, by the newest backup that holds the namespace, or may.
// That it completed says nothing of volumes: Velero leaves out, without an error,
// what nothing can back up.
func (velero) volumes(in control.Input) volumeData {
	b := holding(in)
	if b == nil {
		return volumeData{nothing: true}
	}
	due, young, next := dueClaims(in, b.StartedAt)
	var copies []volumeCopy
	var rest []string
	for _, c := range due {
		if made, found := copyOf(b, &c); found {
			copies = append(copies, made)
		} else {
			rest = append(rest, c.Name)
		}
	}
	state, how := snapshotsOf(in, b, len(rest))
	for _, name := range rest {
		copies = append(copies, volumeCopy{name, state, how})
	}
	return volumeData{copies: append(copies, awaiting(young)...), until: next}
}

// holding is the newest backup that counts and holds the whole namespace, or of which
// it is not known whether it does.
func holding(in control.Input) *control.Backup {
	for _, b := range coverage.NewestFirst(in.Control.Backup, in.Snapshot) {
		switch coverage.Covers(b, in.Snapshot.Namespace, coverage.RulesOf(in.Control.Backup, in.Now)).Extent {
		case coverage.Full, coverage.Unknown:
			return b
		}
	}
	return nil
}

// copyOf says what became of a claim's data that was copied to the object store, or
// was tried to be. It reports false where it was not.
func copyOf(b *control.Backup, c *control.Claim) (made volumeCopy, found bool) {
	for _, v := range b.Volumes {
		if v.ClaimUID != c.UID {
			continue
		}
		if v.Phase == phaseCompleted {
			how := v.Method
			if coverage.LeavesVolumesOut(b.Filters) {
				return volumeCopy{c.Name, uncopied, how + ", and its volume was left out"}, true
			}
			return volumeCopy{c.Name, copied, how}, true
		}
		made, found = volumeCopy{c.Name, uncopied, v.Method + " is " + cmp.Or(v.Phase, "New")}, true
	}
	return made, found
}

// snapshotsOf says what the counts of a backup tell of the snapshots of so many
// claims. They are counts of the whole backup: that there are too few tells of a
// claim without one, and only where the backup is of this namespace alone, and there
// are as many as claims, do they tell that each has one.
func snapshotsOf(in control.Input, b *control.Backup, claims int) (state, how string) {
	s := b.Snapshots
	attempted, completed := s.CSIAttempted+s.NativeAttempted, s.CSICompleted+s.NativeCompleted
	names, only := b.Filters.Named()
	alone := only && len(names) == 1 && names[0] == in.Snapshot.Namespace.Name
	switch counts := fmt.Sprintf("%d of %d snapshots completed", completed, attempted); {
	case completed == 0, coverage.LeavesVolumesOut(b.Filters):
		return uncopied, "no snapshot"
	case completed < claims:
		return uncopied, counts
	case alone && completed == attempted && s.OperationsFailed == 0 && completed == claims:
		return snapshotted, "Snapshot"
	case in.Control.Backup.Copies == v1alpha1.CopiesOffCluster:
		return snapshotted, "Snapshot at best"
	default:
		return undetermined, counts
	}
}

// awaiting are claims that need not be in a backup yet.
func awaiting(young []control.Claim) []volumeCopy {
	var copies []volumeCopy
	for _, c := range young {
		copies = append(copies, volumeCopy{c.Name, notDue, "awaits its first backup"})
	}
	return copies
}
