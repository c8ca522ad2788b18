package backup

import (
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
)

// provider is what makes backups, as it shows in a snapshot. Its methods are pure.
type provider interface {
	// kinds are those without which it is not installed, as the names of their
	// CustomResourceDefinitions.
	kinds() []string
	// needs are what is to be observed of it, for a control of this spec.
	needs(spec *v1alpha1.Backup) []control.Need
	// needsOfPoints are those of them that the other methods look at.
	needsOfPoints() []control.Need
	// points are the backups that the namespace could be restored from, or could not.
	points(in control.Input) recovery
	// volumes says what became of the data of each bound claim of the namespace, of
	// which there is one at least.
	volumes(in control.Input) volumeData
}

// planner is a provider that runs plans, which are judged and applied.
type planner interface {
	judge(in control.Input) []control.Finding
	wants(in control.Input) ([]control.Change, error)
	targets(in control.Input) []control.Target
}

func providerOf(spec *v1alpha1.Backup) provider {
	if spec.Provider == v1alpha1.BackupByVolumeSnapshot {
		return volumeSnapshots{}
	}
	return velero{}
}

// point is one backup, as a point that a namespace could be restored to.
type point struct {
	// ref names it.
	ref string
	// at is the time of the data in it, expires when it is deleted; zero if never.
	at, expires time.Time
	// by is what is to be looked at where it does not count, such as its plan.
	by string
	coverage.Coverage
}

// recovery is which points a namespace could be restored to.
type recovery struct {
	// points are newest first: at least down to the newest that counts.
	points []point
	// nothing is whether there is nothing in the namespace that this provider backs
	// up.
	nothing bool
	// until is when this may change by time alone, but for the age of points; zero
	// if never.
	until time.Time
}

// What became of the data of a claim.
const (
	// copied: it was copied out of the storage that it lies in.
	copied = "Copied"
	// snapshotted: there is a snapshot of it, in that storage.
	snapshotted = "Snapshotted"
	// uncopied: there is nothing of it.
	uncopied = "Uncopied"
	// undetermined: what is observed does not tell.
	undetermined = "Undetermined"
	// notDue: no backup can hold it yet.
	notDue = "NotDue"
)

// volumeData is what became of the data of claims.
type volumeData struct {
	copies []volumeCopy
	// nothing is whether there is no backup that could hold it.
	nothing bool
	// until is when this may change by time alone, zero if never.
	until time.Time
}

// volumeCopy is what became of the data of one claim.
type volumeCopy struct {
	claim string
	state string
	// how is the method where there is a copy, and otherwise why there is none.
	how string
}
