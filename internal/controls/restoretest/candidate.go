package restoretest

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// newest is the newest backup that may be restored: of this cluster, usable, and of
// the whole namespace. Whether the sentinel is in it is for the test to find out; one
// that holds a part of the namespace only, such as a backup by hand, says nothing of
// the plan's.
func newest(in control.Input) *control.Backup {
	var found *control.Backup
	for i := range in.Snapshot.Backups {
		b := &in.Snapshot.Backups[i]
		if usable(in, b) && whole(b.Filters, in.Snapshot.Namespace.Name) && (found == nil || b.StartedAt.After(found.StartedAt)) {
			found = b
		}
	}
	return found
}

// usable reports whether a backup of this cluster completed, and is there to stay.
func usable(in control.Input, b *control.Backup) bool {
	partly := b.Phase == "PartiallyFailed" && in.Backup.Backup.Velero != nil &&
		in.Backup.Backup.Velero.PartiallyFailed == v1alpha1.PartiallyFailedCounted
	return b.Cluster == control.BackupOfThisCluster && (b.Phase == completed || partly) && !b.Deleting &&
		!b.StartedAt.IsZero() && !b.StartedAt.Before(in.Snapshot.Namespace.CreatedAt) &&
		(b.ExpiresAt.IsZero() || in.Now.Before(b.ExpiresAt))
}

// whole reports whether the filters select the namespace, and in it neither by labels
// nor by a list of kinds.
func whole(f *control.BackupFilters, namespace string) bool {
	return f != nil && f.Selects(namespace) && f.LabelSelector == nil && len(f.OrLabelSelectors) == 0 &&
		all(f.IncludedResources) && all(f.IncludedNamespaceScopedResources)
}

// all reports whether a list of what is included leaves nothing out.
func all(included []string) bool { return len(included) == 0 || slices.Contains(included, "*") }
