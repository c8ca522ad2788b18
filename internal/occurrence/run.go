package occurrence

import (
	"cmp"

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
		BegunAt: ledger.At(b.CreatedAt), StartedAt: timeOf(b.StartedAt), EndedAt: timeOf(b.CompletedAt), ExpiresAt: timeOf(b.ExpiresAt)}
}

func compareRuns(a, b *control.Backup) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}
