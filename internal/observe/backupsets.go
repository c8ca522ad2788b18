package observe

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The phases of a Backup that has ended.
const (
	backupCompleted        = "Completed"
	backupPartiallyFailed  = "PartiallyFailed"
	backupFailed           = "Failed"
	backupFailedValidation = "FailedValidation"
	backupDeleting         = "Deleting"
)

// hasEnded reports whether a backup in a phase will not run any more.
func hasEnded(phase string) bool {
	switch phase {
	case backupCompleted, backupPartiallyFailed, backupFailed, backupFailedValidation, backupDeleting:
		return true
	}
	return false
}

// keptBackup is a Backup. Of which cluster it is, and which volumes are in it, is
// filled in for those who read it.
type keptBackup struct {
	control.Backup
	// label is the value of control.ClusterLabel, empty where it has none.
	label string
	// goes is what the object itself says of Deleting, and extra whether Holdfast
	// started it besides the runs of a plan.
	goes, extra bool
	set         *backupSet
}

// begun is the time of what is in the backup: when it started, or was created
// where it did not start. Velero creates backups anew that it finds in a bucket.
func (b *keptBackup) begun() time.Time {
	if b.StartedAt.IsZero() {
		return b.CreatedAt
	}
	return b.StartedAt
}

// compareBackups orders backups from the oldest to the newest.
func compareBackups(a, b *keptBackup) int {
	return cmp.Or(a.begun().Compare(b.begun()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
}

// usable reports whether the backup may be one that counts, and by which list.
func (b *keptBackup) usable() (list int, usable bool) {
	switch {
	case b.Deleting:
		return 0, false
	case b.Phase == backupCompleted:
		return 0, true
	case b.Phase == backupPartiallyFailed:
		return 1, true
	}
	return 0, false
}

// supersedes reports whether nobody needs another backup of the same kind and set,
// now or later: this one is newer, and is kept for as long.
func (b *keptBackup) supersedes(other *keptBackup) bool {
	return compareBackups(b, other) > 0 && b.ExpiresAt.IsZero() == other.ExpiresAt.IsZero() && !b.ExpiresAt.Before(other.ExpiresAt)
}

// sameBackup reports whether evaluators see no difference between two states of a
// backup.
func sameBackup(a, b *keptBackup) bool {
	if a.label != b.label {
		return false
	}
	x, y := a.Backup, b.Backup
	x.Identity, y.Identity = control.Identity{}, control.Identity{}
	return semantic.DeepEqual(x, y)
}

// insertBackup puts a backup into a list, which is ordered.
func insertBackup(list []*keptBackup, b *keptBackup) []*keptBackup {
	i, _ := slices.BinarySearchFunc(list, b, compareBackups)
	return slices.Insert(list, i, b)
}

// dropBackup takes a backup out of a list.
func dropBackup(list []*keptBackup, b *keptBackup) []*keptBackup {
	i, found := slices.BinarySearchFunc(list, b, compareBackups)
	if !found {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// setKey is what the backups of a set have in common: where Velero runs, of which
// cluster they say to be, and the text of their filters.
type setKey struct{ namespace, label, filters string }

// backupSet are the backups that select the same, oldest first.
type backupSet struct {
	key     setKey
	filters *control.BackupFilters
	backups []*keptBackup
	// best are those that no other supersedes, oldest first: of those that
	// completed, and of those that partially failed.
	best [2][]*keptBackup
}

func (s *backupSet) insert(b *keptBackup) {
	s.backups = insertBackup(s.backups, b)
	s.admit(b)
}

// admit adds a backup to the best, if it is one of them.
func (s *backupSet) admit(b *keptBackup) {
	list, usable := b.usable()
	if !usable || slices.ContainsFunc(s.best[list], func(o *keptBackup) bool { return o.supersedes(b) }) {
		return
	}
	s.best[list] = insertBackup(slices.DeleteFunc(s.best[list], b.supersedes), b)
}

func (s *backupSet) drop(b *keptBackup) {
	s.backups = dropBackup(s.backups, b)
	list, usable := b.usable()
	if !usable || !slices.Contains(s.best[list], b) {
		return
	}
	s.best[list] = nil
	for _, o := range s.backups {
		if l, _ := o.usable(); l == list {
			s.admit(o)
		}
	}
}

// shown are the backups of the set that namespaces see, oldest first: the best, and
// the newest of all that ended.
func (s *backupSet) shown() []*keptBackup {
	shown := slices.Concat(s.best[0], s.best[1], newestEnded(s.backups))
	slices.SortFunc(shown, compareBackups)
	return slices.Compact(shown)
}

// holdsAll reports whether the filters leave nothing of a namespace out, but for
// what they exclude by its kind.
func (s *backupSet) holdsAll() bool {
	f := s.filters
	everything := func(list []string) bool { return len(list) == 0 || slices.Contains(list, "*") }
	return f.LabelSelector == nil && len(f.OrLabelSelectors) == 0 && f.ResourcePolicy == "" &&
		everything(f.IncludedResources) && everything(f.IncludedNamespaceScopedResources)
}

// filtersOf returns filters as they are compared, and the text that equal ones
// have in common: the order in which something is listed says nothing.
func filtersOf(f control.BackupFilters) (filters *control.BackupFilters, text string, err error) {
	for _, list := range []*[]string{
		&f.IncludedNamespaces, &f.ExcludedNamespaces, &f.IncludedResources, &f.ExcludedResources,
		&f.IncludedClusterScopedResources, &f.ExcludedClusterScopedResources,
		&f.IncludedNamespaceScopedResources, &f.ExcludedNamespaceScopedResources,
	} {
		*list = sorted(*list)
	}
	content, err := json.Marshal(f)
	return &f, string(content), err
}
