// Package kill kills the operator's process at every kill point, and judges
// what its ledger says after a restart.
package kill

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// Case is one row of the matrix: the deaths that follow each other on one
// ledger, and what then has to be so.
type Case struct {
	Name   string
	Deaths []Death
	// Prepare makes what is there before the first process. May be nil.
	Prepare func(*run)
	// Policy begins the policy; nil means the one that denies ingress.
	Policy func(*run) *harness.PolicyBuilder
	// Env is the environment of all the processes.
	Env []string
	// Bystander is whether there is a second namespace, in no policy's scope.
	Bystander bool
	// Cut is the number of episodes that end with their control or their scope.
	Cut int
	// Lost says that the volume is lost between two processes.
	Lost bool
	// Restarted is what happens once the last process has started. May be nil.
	Restarted func(*run)
	// Writes are what has to be written in each namespace, in its order, and
	// Episodes the number of episodes, where an episode takes more than one write.
	Writes   func(*run) map[string][]string
	Episodes int
	// Settled is what the ledger has to hold in the end, beside what is common
	// to all cases. May be nil.
	Settled func(*run, harness.Evidence) error
}

// Death is one death of the process.
type Death struct {
	Point killpoint.Point
	// After is at which hit of the point it dies; 0 is the first.
	After int
	// First happens in a process that is at rest, before it is about to die. May be nil.
	First func(*run)
	// Act provokes it in a process that is at rest. A process without one dies
	// as it starts.
	Act func(*run)
	// Down is what happens before the next process starts. May be nil.
	Down func(*run)
	// Left is what the process must have left behind of the newest drift.
	Left Left
}

// Left is how far a process came with a drift before it died.
type Left string

const (
	leftAny Left = "" // it depends on what was faster
	// leftNothing: the drift is not in the ledger.
	leftNothing Left = "nothing"
	// leftOpen: its episode is, and no repair was sent.
	leftOpen Left = "open episode"
	// leftUnlogged: it was repaired, and the ledger does not say so.
	leftUnlogged Left = "unlogged repair"
	// leftRepaired: the ledger has the repair and the episode's end.
	leftRepaired Left = "repaired"
)

// matrix is fixed: what is not in it is not claimed.
func matrix() []Case {
	var cases []Case
	for _, group := range [][]Case{drifts(), repeated(), openings(), successors(), policies(), scopes(), allowances(), rollouts(), stops()} {
		cases = append(cases, group...)
	}
	return cases
}

// drifts die between a drift and the status that tells of its repair.
func drifts() []Case {
	return []Case{
		{Name: "judged", Deaths: []Death{{Point: killpoint.ScopeJudged, Act: deleted, Left: leftNothing}}},
		{Name: "recorded", Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: deleted}}},
		{Name: "recorded-opened", Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: opened}}},
		{Name: "written", Deaths: []Death{{Point: killpoint.JournalWritten, Act: deleted, Left: leftOpen}}},
		{Name: "synced", Deaths: []Death{{Point: killpoint.JournalSynced, Act: deleted, Left: leftOpen}}},
		{Name: "due", Deaths: []Death{{Point: killpoint.RepairDue, Act: deleted, Left: leftOpen}}},
		{Name: "due-opened", Deaths: []Death{{Point: killpoint.RepairDue, Act: opened, Left: leftOpen}}},
		{Name: "answered", Deaths: []Death{{Point: killpoint.RepairAnswered, Act: deleted, Left: leftUnlogged}}},
		{Name: "answered-opened", Deaths: []Death{{Point: killpoint.RepairAnswered, Act: opened, Left: leftUnlogged}}},
		{Name: "answered-again", Deaths: []Death{{Point: killpoint.RepairAnswered, Act: deleted, Down: again, Left: leftUnlogged}}},
		{Name: "noted", Deaths: []Death{{Point: killpoint.RepairNoted, Act: deleted, Left: leftUnlogged}}},
		{Name: "noted-again", Deaths: []Death{{Point: killpoint.RepairNoted, Act: deleted, Down: again, Left: leftUnlogged}}},
		{Name: "repaired", Deaths: []Death{{Point: killpoint.RepairRecorded, Act: deleted}}},
		{Name: "repaired-again", Deaths: []Death{{Point: killpoint.RepairRecorded, Act: deleted, Down: again}}},
		{Name: "repair-written-again", Deaths: []Death{{Point: killpoint.JournalWritten, After: 2, Act: deleted, Down: again, Left: leftRepaired}}},
		{Name: "repair-synced", Deaths: []Death{{Point: killpoint.JournalSynced, After: 2, Act: deleted, Left: leftRepaired}}},
		{Name: "repair-synced-again", Deaths: []Death{{Point: killpoint.JournalSynced, After: 2, Act: deleted, Down: again, Left: leftRepaired}}},
		{Name: "commit-due", Deaths: []Death{{Point: killpoint.CommitDue, Act: deleted}}},
		{Name: "commit-due-again", Deaths: []Death{{Point: killpoint.CommitDue, Act: deleted, Down: again}}},
		{Name: "commit-added", Deaths: []Death{{Point: killpoint.CommitAdded, Act: deleted}}},
		{Name: "commit-added-again", Deaths: []Death{{Point: killpoint.CommitAdded, Act: deleted, Down: again}}},
		{Name: "commit-indexed", Deaths: []Death{{Point: killpoint.CommitIndexed, Act: deleted}}},
		{Name: "commit-objects-again", Deaths: []Death{{Point: killpoint.CommitObjects, Act: opened, Down: again}}},
		{Name: "replacing", Deaths: []Death{{Point: killpoint.FileReplacing, Act: deleted}}},
		{Name: "status-due", Deaths: []Death{{Point: killpoint.StatusDue, Act: deleted}}},
		{Name: "status-patched-again", Deaths: []Death{{Point: killpoint.StatusPatched, Act: deleted, Down: again}}},
	}
}

// repeated die at what happens once in many entries only.
func repeated() []Case {
	segments, snapshots := []string{killpoint.EnvSegmentSize + "=9"}, []string{killpoint.EnvSnapshotEvery + "=4"}
	return []Case{
		{Name: "roll-recorded", Env: segments, Deaths: []Death{{Point: killpoint.RollRecorded, Act: deletedUntilDead}}},
		{Name: "roll-published", Env: segments, Deaths: []Death{{Point: killpoint.RollPublished, Act: deletedUntilDead, Down: again}}},
		{Name: "roll-closed", Env: segments, Deaths: []Death{{Point: killpoint.RollClosed, Act: deletedUntilDead}}},
		{Name: "segment-made", Env: segments, Deaths: []Death{{Point: killpoint.SegmentMade, Act: deletedUntilDead}}},
		{Name: "roll-created", Env: segments, Deaths: []Death{{Point: killpoint.RollCreated, Act: deletedUntilDead, Down: again}}},
		{Name: "snapshot-temporary", Env: snapshots, Deaths: []Death{{Point: killpoint.FileWriting, Act: deletedUntilDead}}},
		{Name: "snapshot-written", Env: snapshots, Deaths: []Death{{Point: killpoint.SnapshotWritten, Act: deletedUntilDead, Down: again}}},
	}
}

// openings die as the ledger is opened after a death that left entries in the
// journal that are not in the log.
func openings() []Case {
	var cases []Case
	for _, p := range []killpoint.Point{
		killpoint.OpenLocked, killpoint.OpenReplayed, killpoint.OpenEmptied, killpoint.JournalBegun,
		killpoint.HeadDue, killpoint.HeadSaved, killpoint.Attached, killpoint.GapRecorded,
	} {
		cases = append(cases, Case{Name: "opening-" + dashed(p), Deaths: []Death{
			{Point: killpoint.CommitDue, Act: deleted}, {Point: p, Down: again},
		}})
	}
	return append(cases, Case{Name: "opening-replay-indexed", Deaths: []Death{
		{Point: killpoint.CommitDue, Act: deleted}, {Point: killpoint.CommitAdded},
	}}, Case{Name: "opening-gap-synced", Deaths: []Death{
		{Point: killpoint.CommitDue, Act: deleted}, {Point: killpoint.JournalSynced, After: 2},
	}}, Case{Name: "opening-roll", Env: []string{killpoint.EnvSegmentSize + "=9"}, Deaths: []Death{
		{Point: killpoint.RollPublished, Act: deletedUntilDead}, {Point: killpoint.RollClosed}, {Point: killpoint.RollCreated},
	}})
}

// successors die as a ledger is begun: the first, or one after a lost volume.
func successors() []Case {
	var cases []Case
	for _, p := range []killpoint.Point{killpoint.LedgerMade, killpoint.LedgerBegun, killpoint.HeadSaved, killpoint.Attached} {
		cases = append(cases,
			Case{Name: "first-" + dashed(p), Deaths: []Death{{Point: p}}},
			Case{Name: "lost-" + dashed(p), Lost: true, Settled: succeeded, Deaths: []Death{
				{Point: killpoint.CommitDue, Act: deleted, Down: lostVolume}, {Point: p},
			}})
	}
	return cases
}

// policies die as a policy comes into force, is edited, or goes.
func policies() []Case {
	return []Case{
		{Name: "new-policy-recorded", Bystander: true, Settled: introduced, Deaths: []Death{{Point: killpoint.PolicyRecorded, Act: secondPolicy}}},
		{Name: "new-policy-swapped", Bystander: true, Settled: introduced, Deaths: []Death{{Point: killpoint.PolicySwapped, Act: secondPolicy}}},
		{Name: "new-policy-judged", Bystander: true, Settled: introduced, Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: secondPolicy}}},
		{Name: "new-policy-introduced", Bystander: true, Settled: introduced, Deaths: []Death{{Point: killpoint.ControlIntroduced, Act: secondPolicy}}},
		{Name: "edited-policy-recorded", Settled: replaced, Deaths: []Death{{Point: killpoint.PolicyRecorded, Act: otherControl}}},
		{Name: "edited-policy-swapped", Settled: replaced, Deaths: []Death{{Point: killpoint.PolicySwapped, Act: otherControl}}},
		{Name: "edited-policy-introduced", Settled: replaced, Deaths: []Death{{Point: killpoint.ControlIntroduced, Act: otherControl}}},
		{Name: "edited-while-down", Cut: 1, Settled: replaced, Deaths: []Death{{Point: killpoint.RepairDue, Act: deleted, Down: otherControl, Left: leftOpen}}},
		{Name: "policy-withdrawn", Settled: withdrawn, Deaths: []Death{{Point: killpoint.PolicyWithdrawn, Act: noPolicy}}},
		{Name: "withdrawn-while-down", Cut: 1, Settled: withdrawn, Deaths: []Death{{Point: killpoint.RepairDue, Act: deleted, Down: noPolicy, Left: leftOpen}}},
	}
}

// scopes die as a namespace comes into, or leaves, a policy's scope.
func scopes() []Case {
	return []Case{
		{Name: "entered-judged", Bystander: true, Settled: entered, Deaths: []Death{{Point: killpoint.ScopeJudged, Act: labelled}}},
		{Name: "entered-recorded", Bystander: true, Settled: entered, Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: labelled}}},
		{Name: "created-recorded", Settled: created, Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: newcomer}}},
		{Name: "created-synced", Settled: created, Deaths: []Death{{Point: killpoint.JournalSynced, Act: newcomer}}},
		{Name: "created-while-down", Settled: created, Deaths: []Death{{Point: killpoint.RepairDue, Act: deleted, Down: newcomer, Left: leftOpen}}},
		{Name: "left-recorded", Settled: departed, Deaths: []Death{{Point: killpoint.ScopeRecorded, Act: unlabelled}}},
		{Name: "left-while-down", Cut: 1, Settled: departed, Deaths: []Death{{Point: killpoint.RepairDue, Act: deleted, Down: unlabelled, Left: leftOpen}}},
	}
}

// stops die as the process stops in order.
func stops() []Case {
	var cases []Case
	for _, p := range []killpoint.Point{killpoint.StopRecorded, killpoint.StopPublished, killpoint.StopReleased} {
		cases = append(cases, Case{Name: dashed(p), Deaths: []Death{{Point: p, Act: terminated, Down: again}}})
	}
	return cases
}

// dashed is a point as part of an object's name.
func dashed(p killpoint.Point) string { return strings.ReplaceAll(string(p), ".", "-") }

// TestMatrixCoversEachPoint: a kill point at which nothing is killed is of no use.
func TestMatrixCoversEachPoint(t *testing.T) {
	covered := map[killpoint.Point]bool{}
	for _, c := range matrix() {
		for _, d := range c.Deaths {
			covered[d.Point] = true
		}
	}
	want := map[killpoint.Point]bool{}
	for _, p := range killpoint.All() {
		want[p] = true
	}
	if diff := cmp.Diff(want, covered); diff != "" {
		t.Errorf("kill points that the matrix covers (-want +got):\n%s", diff)
	}
}
