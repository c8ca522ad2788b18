package restoretest

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
)

// newest is the newest backup that may be restored: one that counts, and holds the
// whole namespace as far as is known. Whether the sentinel is in it is for the test to
// find out; one that holds a part of the namespace only, such as a backup by hand, says
// nothing of the plan's.
func newest(in control.Input) *control.Backup {
	spec := in.Backup.Backup
	for _, b := range coverage.NewestFirst(spec, in.Snapshot) {
		switch coverage.Covers(b, in.Snapshot.Namespace, coverage.RulesOf(spec, in.Now)).Extent {
		case coverage.Full, coverage.Unknown:
			return b
		case coverage.Partial, coverage.None:
		}
	}
	return nil
}
