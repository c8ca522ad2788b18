package report

import "github.com/holdfast-dev/holdfast/internal/ledger"

// Backups are the three facts about a control of type backup that has a plan: that
// the plan existed, that its runs succeeded, and that what they made was restored.
// None of them says another one.
type Backups struct {
	// Plan is the time of the cluster by whether the rule BK-01 failed there. In
	// Conforming a state was known, and BK-01 was not among what failed: a plan
	// existed, was enabled, and was not paused.
	Plan Time `json:"plan"`
	// Slots counts the slots that the declared cron expected in the period.
	Slots BackupSlots `json:"slots"`
	// Restores are the controls of the policy that restore these backups, with what
	// they did in the period.
	Restores []RestorePath `json:"restores"`
	// Occurrences are what became of the slots, and the runs that no slot expected,
	// by time.
	Occurrences []BackupOccurrence `json:"occurrences"`
	// RecoveryPoints is the time line of the usable runs.
	RecoveryPoints RecoveryPoints `json:"recoveryPoints"`
}

// BackupSlots count the declared slots of backups within the period, while the
// control was in operation.
type BackupSlots struct {
	Expected  int `json:"expected"`
	Completed int `json:"completed"`
	// Late is the number of those that were begun after their starting deadline, and completed.
	Late            int `json:"late"`
	PartiallyFailed int `json:"partiallyFailed"`
	Failed          int `json:"failed"`
	Missed          int `json:"missed"`
	// Pending is the number of those of which the entries do not say yet what
	// became of them. Expected is the sum of all.
	Pending int `json:"pending"`
	// Extra is the number of runs that no slot expected. They are no part of the
	// population.
	Extra int `json:"extra"`
}

// BackupOccurrence is what became of a slot, of successive slots that were missed,
// or a run that no slot expected.
type BackupOccurrence struct {
	// Slot is the declared time, and LastSlot that of the last where Count is more
	// than one. Both are absent, and Count is 0, where Extra.
	Slot     *ledger.Time `json:"slot,omitempty"`
	LastSlot *ledger.Time `json:"lastSlot,omitempty"`
	Count    int          `json:"count"`
	Extra    bool         `json:"extra,omitempty"`
	// State is Completed, Late, PartiallyFailed, Failed or Missed.
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Usable is true where the run counts as a recovery point.
	Usable bool `json:"usable,omitempty"`
	// Run is the backup; absent where Missed.
	Run *ledger.RunBody `json:"run,omitempty"`
	// LedgerID and Seq are the entry's, Observed is when it was made, ExistedBy when
	// a party outside the cluster had acknowledged it.
	LedgerID  string       `json:"ledgerID"`
	Seq       uint64       `json:"seq"`
	Observed  ledger.Time  `json:"observed"`
	ExistedBy *ledger.Time `json:"existedBy,omitempty"`
}

// RecoveryPoints are the times to which data could have been brought back, by the
// runs that the ledger knows. A run is usable once it has completed, and until it
// expires; one that failed partially is where the control says so. That an object
// of it was lost or deleted earlier does not show here, nor what a namespace is
// left out of: BK-03 judges that, namespace by namespace.
type RecoveryPoints struct {
	// Points are the usable runs of the period, by the time of their data, after the
	// one that was the newest when the period began.
	Points []RecoveryPoint `json:"points"`
	// Objectives are those in force in the period, in order.
	Objectives []Objective `json:"objectives"`
	// Longest is the longest interval between the data of one point and that of the
	// next, or the end of the record; absent where there is no point.
	Longest *PointInterval `json:"longest,omitempty"`
	// Beyond are the intervals in which the newest usable point was older than the
	// objective in force, or there was none any more. BeyondTotal is their sum, in
	// nanoseconds.
	Beyond      []Interval `json:"beyond"`
	BeyondTotal int64      `json:"beyondTotal"`
	// Unknown is the part of the period, up to the first usable run that the ledger
	// knows, for which no recovery point is known.
	Unknown *Interval `json:"unknown,omitempty"`
}

// Objective is how old the newest usable backup may be, in nanoseconds, for an interval.
type Objective struct {
	Interval
	Within int64 `json:"within"`
}

// RecoveryPoint is a usable run.
type RecoveryPoint struct {
	// DataAt is the time of its data: when it began to read.
	DataAt ledger.Time `json:"dataAt"`
	// UsableFrom is when it had completed, UsableUntil when it expires.
	UsableFrom  ledger.Time  `json:"usableFrom"`
	UsableUntil *ledger.Time `json:"usableUntil,omitempty"`
	// Since is the time since the data of the point before, in nanoseconds; absent
	// on the first that the ledger knows.
	Since *int64 `json:"since,omitempty"`
	// Backup is the run's name.
	Backup   string `json:"backup"`
	LedgerID string `json:"ledgerID"`
	Seq      uint64 `json:"seq"`
}

// PointInterval is the interval between the data of two recovery points.
type PointInterval struct {
	Interval
	// Open is true where no point followed: To is then the record's end.
	Open bool `json:"open,omitempty"`
}

// RestorePath is what a control of type restoreTest did for a backup control.
type RestorePath struct {
	Policy   string `json:"policy"`
	Control  string `json:"control"`
	Restored int    `json:"restored"`
	Failed   int    `json:"failed"`
	NotMade  int    `json:"notMade"`
}

// The states of a RestoreTest.
const (
	// RestoreRestored: everything of the sentinel came back as it was written.
	RestoreRestored = "Restored"
	// RestoreFailed: a restore was made, and not everything came back.
	RestoreFailed = "Failed"
	// RestoreNotMade: there was none to make, or it could not be made.
	RestoreNotMade = "NotMade"
)

// RestoreTests are the restores that a control of type restoreTest made.
type RestoreTests struct {
	// Namespaces is in how many namespaces there was one.
	Namespaces int `json:"namespaces"`
	Restored   int `json:"restored"`
	Failed     int `json:"failed"`
	NotMade    int `json:"notMade"`
	// LongestSeconds is the longest that data took to come back, OldestSeconds the
	// greatest age of the data that did, of those that were restored.
	LongestSeconds int64 `json:"longestSeconds"`
	OldestSeconds  int64 `json:"oldestSeconds"`
	// Tests are all of them, by time; in a record of an instant, the newest of each
	// namespace.
	Tests []RestoreTest `json:"tests"`
}

// RestoreTest is one restore of the sentinel of one namespace.
type RestoreTest struct {
	Namespace string      `json:"namespace"`
	At        ledger.Time `json:"at"`
	// State is Restored, Failed or NotMade.
	State string `json:"state"`
	// Backup is what was restored, DataAt the time of its data.
	Backup string       `json:"backup,omitempty"`
	DataAt *ledger.Time `json:"dataAt,omitempty"`
	// Bytes is the size of the sentinel's data that came back as it was written.
	Bytes int64 `json:"bytes"`
	// Seconds is how long it took until the data was there (the recovery time), and
	// DataAge how old the data was when it was asked for (the recovery point), in seconds.
	Seconds int64 `json:"seconds"`
	DataAge int64 `json:"dataAge"`
	// Statement says in one sentence what was shown, or what went wrong.
	Statement string `json:"statement"`
	// Left says what was not cleaned up, and why.
	Left string `json:"left,omitempty"`
	// ValidUntil is until when it counts.
	ValidUntil ledger.Time  `json:"validUntil"`
	LedgerID   string       `json:"ledgerID"`
	Seq        uint64       `json:"seq"`
	ExistedBy  *ledger.Time `json:"existedBy,omitempty"`
}
