// Package killpoint marks the places at which a test kills the operator, to
// show that a crash there loses nothing and says nothing twice.
//
// In a normal build Hit is empty and inlined away, and Setting is zero. With
// the build tag killpoints the process kills itself, with SIGKILL and not by an
// exit that would run deferred calls, at the place that its environment names.
package killpoint

// Point is a place in the code. Each is placed once.
type Point string

// The points, in the order in which a drift, and then the ledger, passes them.
const (
	// ScopeJudged: a deviation was found, and nothing was recorded.
	ScopeJudged Point = "scope.judged"
	// ScopeRecorded: what was found was recorded, and may not be durable.
	ScopeRecorded Point = "scope.recorded"
	// ControlIntroduced: a control's introduction was recorded.
	ControlIntroduced Point = "control.introduced"
	// RepairDue: the deviation is durable, and the repair was not sent.
	RepairDue Point = "repair.due"
	// RepairAnswered: the API server answered the repair, and nothing was noted.
	RepairAnswered Point = "repair.answered"
	// RepairNoted: the answer was noted and compared, and not recorded.
	RepairNoted Point = "repair.noted"
	// ActRecorded: one of several changes was recorded, and the next was not sent.
	ActRecorded Point = "act.recorded"
	// RollbackRecorded: what is taken back was recorded, and is in place still.
	RollbackRecorded Point = "rollback.recorded"
	// RepairRecorded: the repair was recorded, and may not be durable.
	RepairRecorded Point = "repair.recorded"
	// StatusDue: a status was computed, and what it says is durable.
	StatusDue Point = "status.due"
	// StatusPatched: the status was patched.
	StatusPatched Point = "status.patched"

	// PolicyRecorded: a policy's edit was recorded, and is not in force.
	PolicyRecorded Point = "policy.recorded"
	// PolicySwapped: the edit is in force, and no namespace was judged by it.
	PolicySwapped Point = "policy.swapped"
	// RolloutConfirmed: a confirmation was recorded, and no namespace was judged by it.
	RolloutConfirmed Point = "rollout.confirmed"
	// PolicyWithdrawn: a policy's end was recorded, and it is in force still.
	PolicyWithdrawn Point = "policy.withdrawn"

	// JournalWritten: a frame was written, and not synced.
	JournalWritten Point = "journal.written"
	// JournalSynced: a frame is durable, and nobody knows.
	JournalSynced Point = "journal.synced"
	// JournalBegun: a file of the journal was made, and holds no frame.
	JournalBegun Point = "journal.begun"
	// CommitDue: a batch is about to be added to the log.
	CommitDue Point = "commit.due"
	// CommitAdded: the batch is in the log, and not in the index.
	CommitAdded Point = "commit.added"
	// CommitIndexed: the batch is in log and index, and in the journal still.
	CommitIndexed Point = "commit.indexed"
	// CommitObjects: the objects that the journal holds have files of their own.
	CommitObjects Point = "commit.objects"
	// FileReplacing: a file that may be missing after a loss of power (an
	// object, the alive file) is complete under its temporary name.
	FileReplacing Point = "file.replacing"
	// FileWriting: any other file is complete under its temporary name.
	FileWriting Point = "file.writing"

	// RollRecorded: the first entry of a new segment was recorded.
	RollRecorded Point = "roll.recorded"
	// RollPublished: a full segment has its last checkpoint, and is open.
	RollPublished Point = "roll.published"
	// RollClosed: it is closed, and there is no new one.
	RollClosed Point = "roll.closed"
	// SegmentMade: a new segment is complete under its temporary name.
	SegmentMade Point = "segment.made"
	// RollCreated: the new segment is in its place, and not open.
	RollCreated Point = "roll.created"
	// SnapshotWritten: a state snapshot was written, and no old one removed.
	SnapshotWritten Point = "snapshot.written"

	// OpenLocked: the volume is locked.
	OpenLocked Point = "open.locked"
	// LedgerMade: a new ledger is complete under its temporary name.
	LedgerMade Point = "ledger.made"
	// LedgerBegun: it is in its place, and the old one was not made read-only.
	LedgerBegun Point = "ledger.begun"
	// OpenReplayed: the journal's entries are in the log, and in the journal still.
	OpenReplayed Point = "open.replayed"
	// OpenEmptied: the journal is empty, and a new one was not begun.
	OpenEmptied Point = "open.emptied"
	// HeadDue: the ledger is open, and the head mark does not say so.
	HeadDue Point = "head.due"
	// HeadSaved: the head mark was written.
	HeadSaved Point = "head.saved"
	// Attached: the process stated that it started, and observes nothing yet.
	Attached Point = "attached"
	// GapRecorded: the time in which nobody observed was recorded, and no
	// namespace was judged.
	GapRecorded Point = "gap.recorded"

	// StopRecorded: the process stated that it stops.
	StopRecorded Point = "stop.recorded"
	// StopPublished: everything is in the log and covered by a checkpoint, and in
	// the journal still.
	StopPublished Point = "stop.published"
	// StopReleased: the volume is released, and the head mark is that of the start.
	StopReleased Point = "stop.released"
)

// The points of a restore test, in the order in which it passes them. Those of its
// removal are passed by the next process, too, where one left something.
const (
	// SentinelWritten: a sentinel is whole, and nobody knows.
	SentinelWritten Point = "sentinel.written"
	// RestoreDue: a backup was chosen, and nothing was made.
	RestoreDue Point = "restore.due"
	// ScratchMade: the namespace of the test was made, and is open.
	ScratchMade Point = "scratch.made"
	// ScratchGuarded: one of its guards was made. The first denies traffic, the second
	// is the quota.
	ScratchGuarded Point = "scratch.guarded"
	// RestoreRequested: the Restore was made.
	RestoreRequested Point = "restore.requested"
	// RestoreAwaited: it was looked at, and had not ended.
	RestoreAwaited Point = "restore.awaited"
	// RestoreCompared: what came back was compared, and nothing removed.
	RestoreCompared Point = "restore.compared"
	// RestoreDeleted: the Restore was deleted, and its namespace is there.
	RestoreDeleted Point = "restore.deleted"
	// ScratchDeleted: the namespace was deleted, and may not be gone.
	ScratchDeleted Point = "scratch.deleted"
	// RestoreRemoved: nothing is left, and nothing was recorded.
	RestoreRemoved Point = "restore.removed"
	// RestoreRecorded: the result was recorded, and the sentinel is the old one.
	RestoreRecorded Point = "restore.recorded"
	// SentinelDiscarded: the old sentinel was deleted, and there is no new one.
	SentinelDiscarded Point = "sentinel.discarded"
)

// OfRestoreTests are the points of a restore test.
func OfRestoreTests() []Point {
	return []Point{
		SentinelWritten, RestoreDue, ScratchMade, ScratchGuarded, RestoreRequested, RestoreAwaited, RestoreCompared,
		RestoreDeleted, ScratchDeleted, RestoreRemoved, RestoreRecorded, SentinelDiscarded,
	}
}

// All are the points, but those of restore tests.
func All() []Point {
	return []Point{
		ScopeJudged, ScopeRecorded, ControlIntroduced, RepairDue, RepairAnswered, RepairNoted, ActRecorded, RollbackRecorded, RepairRecorded,
		StatusDue, StatusPatched, PolicyRecorded, PolicySwapped, RolloutConfirmed, PolicyWithdrawn,
		JournalWritten, JournalSynced, JournalBegun, CommitDue, CommitAdded, CommitIndexed, CommitObjects,
		FileReplacing, FileWriting,
		RollRecorded, RollPublished, RollClosed, SegmentMade, RollCreated, SnapshotWritten,
		OpenLocked, LedgerMade, LedgerBegun, OpenReplayed, OpenEmptied, HeadDue, HeadSaved, Attached, GapRecorded,
		StopRecorded, StopPublished, StopReleased,
	}
}

// The environment of a build with the tag killpoints.
const (
	// EnvPoint names the point at which the process dies.
	EnvPoint = "HOLDFAST_KILLPOINT"
	// EnvAfter is at which hit of the point it dies (default 1).
	EnvAfter = "HOLDFAST_KILLPOINT_AFTER"
	// EnvArmed is a file without which no hit counts. Empty: all count.
	EnvArmed = "HOLDFAST_KILLPOINT_ARMED"
	// EnvMark is the file to which the process writes the point it dies at.
	EnvMark = "HOLDFAST_KILLPOINT_MARK"
	// EnvSegmentSize and EnvSnapshotEvery are the ledger's options of that name.
	EnvSegmentSize   = "HOLDFAST_SEGMENT_SIZE"
	EnvSnapshotEvery = "HOLDFAST_SNAPSHOT_EVERY"
)
