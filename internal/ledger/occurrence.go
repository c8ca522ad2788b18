package ledger

import "time"

// What an Occurrence is of, and its state.
const (
	// OccurrenceOfCollection is of the entry's schedule.
	OccurrenceOfCollection = "Collection"
	// OccurrenceOfBackup is of the entry's control, of type backup; its subject is
	// the cluster.
	OccurrenceOfBackup = "Backup"

	// OccurrenceMissed: what was due did not happen.
	OccurrenceMissed = "Missed"
	// OccurrenceCompleted, and OccurrenceLate: it did, and in the latter case began
	// after its starting deadline.
	OccurrenceCompleted = "Completed"
	OccurrenceLate      = "Late"
	// OccurrencePartiallyFailed, and OccurrenceFailed: it did not end as it should.
	OccurrencePartiallyFailed = "PartiallyFailed"
	OccurrenceFailed          = "Failed"
)

// OccurrenceStates are all states of an Occurrence.
func OccurrenceStates() []string {
	return []string{OccurrenceCompleted, OccurrenceLate, OccurrencePartiallyFailed, OccurrenceFailed, OccurrenceMissed}
}

// Reasons of an Occurrence of a backup.
const (
	// OccurrenceNoRun: it is Missed, for no backup was found that was begun in the
	// slot and ended.
	OccurrenceNoRun = "NoRun"
	// OccurrenceNotObserved: the same, and nobody was looking in a part of the slot.
	OccurrenceNotObserved = "NotObserved"
	// OccurrenceNotEnded: it is Failed, for it had not ended when MaxWaiting later
	// slots waited too.
	OccurrenceNotEnded = "NotEnded"
)

// MaxWaiting is of how many slots of one control at most nothing is said while
// something is said of a later one.
const MaxWaiting = 16

// RunTolerance is how far before its slot a run may have been begun: the clock that
// says when it is due, and the one that says when it was, are two.
const RunTolerance = 10 * time.Second

// OccurrenceBody is what Occurrence states: Count successive slots of a cron,
// First to Last, and what came of them. Of a collection it is that what was due did
// not happen. The entry's Reason says why. A run that no slot expected is Extra,
// and has no slots: First and Last are when it was begun, and Count is 0.
type OccurrenceBody struct {
	// Of says what was due: Collection, of the entry's schedule, or Backup, of its
	// control. Later versions know more; a reader passes over what it does not know.
	Of string `json:"of"`
	// State is Missed; of a backup also Completed, Late (completed, but begun after
	// its starting deadline), PartiallyFailed or Failed.
	State string `json:"state"`
	First Time   `json:"first"`
	Last  Time   `json:"last"`
	Count int    `json:"count"`
	// Next is the first slot of which nothing is said, and nothing of any later one;
	// absent where the cron has no more, and on what is Extra.
	Next *Time `json:"next,omitempty"`
	// Waiting are, of a backup, all slots before Next of which nothing is said yet,
	// since the run has not ended: at most MaxWaiting, by time.
	Waiting []WaitingSlot `json:"waiting,omitempty"`
	// Extra is true of a run that no slot expected, such as one that was begun by hand.
	Extra bool `json:"extra,omitempty"`
	// Run is the backup; absent where State is Missed.
	Run *RunBody `json:"run,omitempty"`
}

// WaitingSlot is a slot of which nothing is said yet. Its run is the first of the
// plan that was begun from Slot on, and before Until, each less RunTolerance.
type WaitingSlot struct {
	Slot  Time `json:"slot"`
	Until Time `json:"until"`
}

// SlotsBody is, on ControlIntroduced of a backup by Velero, when runs are due, and
// which runs count: so the ledger itself says what is expected.
type SlotsBody struct {
	// Cron is a cron expression of five fields, TimeZone a name of the IANA database.
	Cron     string `json:"cron"`
	TimeZone string `json:"timeZone"`
	// StartingDeadline is how long after its slot a run may begin before it is Late,
	// in nanoseconds.
	StartingDeadline int64 `json:"startingDeadline"`
	// Namespace is Velero's, and Plan the name of its Schedule.
	Namespace string `json:"namespace"`
	Plan      string `json:"plan"`
	// Next is the first slot that is due by it; absent where the cron has none. The
	// slots of the definition before that nothing is said of, and that are no later
	// than the entry, are in Waiting.
	Next    *Time         `json:"next,omitempty"`
	Waiting []WaitingSlot `json:"waiting,omitempty"`
}

// SameCron reports whether the slots of both are the same ones.
func (s *SlotsBody) SameCron(o *SlotsBody) bool { return s.Cron == o.Cron && s.TimeZone == o.TimeZone }

// RunBody is one run of a backup, as it ended.
type RunBody struct {
	// Plan is the Schedule that it was a run of, empty for none; Namespace, Name and
	// UID are the Backup's.
	Plan      string `json:"plan,omitempty"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	// BegunAt is when the Backup was created or, where Velero found it in the store and
	// made the object anew, StartedAt; StartedAt is when it began to read, which is
	// the time of its data; EndedAt when it was complete: both absent where it does
	// not say. Resolution: one second.
	BegunAt   Time  `json:"begunAt"`
	StartedAt *Time `json:"startedAt,omitempty"`
	EndedAt   *Time `json:"endedAt,omitempty"`
	// ExpiresAt is until when it is kept.
	ExpiresAt *Time `json:"expiresAt,omitempty"`
	// Phase is the Backup's last.
	Phase string `json:"phase"`
	// Object is the digest of the Backup as evaluators see it.
	Object string `json:"object"`
}

// valid checks what holds for every Occurrence, whatever came before.
func (b *OccurrenceBody) valid() bool {
	if b.Of != OccurrenceOfBackup {
		return true
	}
	switch {
	case b.State == "" || (b.Run == nil) != (b.State == OccurrenceMissed):
		return false
	case b.Run != nil && (b.Run.UID == "" || !b.First.Equal(b.Last.Time)):
		return false
	case b.Extra:
		return b.Run != nil && b.Count == 0 && b.Next == nil && len(b.Waiting) == 0
	case b.Run != nil:
		return b.Count == 1
	default:
		return b.Count >= 1 && !b.Last.Before(b.First.Time) && (b.Count == 1) == b.First.Equal(b.Last.Time)
	}
}
