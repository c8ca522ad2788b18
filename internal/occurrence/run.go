package occurrence

import (
	"cmp"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The phases of Velero's that a backup ends in, and the one in which it is deleted.
const (
	phaseCompleted        = "Completed"
	phasePartiallyFailed  = "PartiallyFailed"
	phaseFailed           = "Failed"
	phaseFailedValidation = "FailedValidation"
	phaseDeleting         = "Deleting"
)

// Begun is when a run was begun: when the Backup was created or, where Velero found it
// in the store and made the object anew, when it started.
func Begun(b *control.Backup) time.Time { return control.Earlier(b.CreatedAt, b.StartedAt) }

// recorded reports whether a run is one that the ledger has: the same object or, where
// Velero found it in the store, the same backup.
func recorded(r *ledger.BackupRecord, b *control.Backup) bool {
	return r.Remembers(func(run ledger.RecordedRun) bool {
		return run.UID == b.UID || run.Name == b.Name && run.StartedAt != nil && run.StartedAt.Equal(b.StartedAt)
	})
}

// Ended reports whether a backup has ended. One that is being deleted had, where it
// says when.
func Ended(b *control.Backup) bool {
	switch b.Phase {
	case phaseCompleted, phasePartiallyFailed, phaseFailed, phaseFailedValidation:
		return true
	case phaseDeleting:
		return !b.CompletedAt.IsZero()
	default:
		return false
	}
}

// stateOf is what came of a backup that has ended, whenever it was due.
func stateOf(b *control.Backup) string {
	switch {
	case b.Phase == phaseCompleted:
		return ledger.OccurrenceCompleted
	case b.Phase == phasePartiallyFailed:
		return ledger.OccurrencePartiallyFailed
	case b.Phase != phaseDeleting || b.Failure != "":
		return ledger.OccurrenceFailed
	case b.Errors > 0:
		return ledger.OccurrencePartiallyFailed
	default:
		return ledger.OccurrenceCompleted
	}
}

// runBody is a run as the ledger states it, without its object.
func runBody(b *control.Backup) *ledger.RunBody {
	return &ledger.RunBody{Plan: b.Plan, Namespace: b.Namespace, Name: b.Name, UID: b.UID, Phase: b.Phase,
		BegunAt: ledger.At(Begun(b)), StartedAt: timeOf(b.StartedAt), EndedAt: timeOf(b.CompletedAt), ExpiresAt: timeOf(b.ExpiresAt)}
}

func compareRuns(a, b *control.Backup) int {
	return cmp.Or(Begun(a).Compare(Begun(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}
