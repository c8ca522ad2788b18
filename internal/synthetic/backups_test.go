package synthetic

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/reevaluate"
	"github.com/holdfast-dev/holdfast/internal/report"
)

func writeBackups(t *testing.T, seed uint64) (string, *BackupHistory) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "volume")
	history, err := WriteBackups(context.Background(), dir, BackupOptions{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return dir, history
}

// TestBackupsOfAQuarterReconcile: population, occurrences, recovery points, episodes and
// restore tests of a quarter's record are what really happened, and what follows from
// each other.
func TestBackupsOfAQuarterReconcile(t *testing.T) {
	dir, history := writeBackups(t, 1)
	verifies(t, dir, kept{VerifierKeys: []string{history.VerifierKey}, Held: []string{string(history.Held)}})
	from, to := ledger.At(history.Start), ledger.At(history.End)
	r, err := report.Fold(context.Background(), open(t, dir), report.Query{From: &from, To: &to})
	if err != nil {
		t.Fatal(err)
	}
	q := quarter{t, history, &r.Controls[0], &r.Controls[1]}
	q.slotsAreTrue()
	q.occurrencesAddUp()
	q.pointsAreTrue()
	q.episodesAgree()
	q.planIsTrue()
	q.restoresAreTrue()
	if slices.ContainsFunc(r.Markers, func(m report.Marker) bool { return m.Kind == report.MarkerDisagreement }) {
		t.Errorf("something disagrees: %v", r.Markers)
	}
	judged, err := reevaluate.Ledger(context.Background(), open(t, dir), reevaluate.Options{})
	if err != nil || judged.Entries < 100 || judged.Same != judged.Units {
		t.Errorf("not every verdict is found again: %+v (%v)", judged, err)
	}
	again, _ := writeBackups(t, 1) // the same options give the same entries
	if diff := cmp.Diff(entries(t, open(t, dir)), entries(t, open(t, again))); diff != "" {
		t.Errorf("entries (-one +another):\n%.2000s", diff)
	}
}

// quarter holds the two controls of a record against what happened.
type quarter struct {
	t *testing.T
	*BackupHistory
	backup, restore *report.Control
}

// slotsAreTrue: what came of each slot is what the runs that there were say.
func (q quarter) slotsAreTrue() {
	q.t.Helper()
	var want report.BackupSlots
	slots := map[time.Time]bool{}
	for slot := q.Introduced.Truncate(backupEvery).Add(backupEvery); slot.Before(q.End); slot = slot.Add(backupEvery) {
		slots[slot] = false
	}
	for i := range q.Runs {
		run := &q.Runs[i]
		slot := run.CreatedAt.Truncate(backupEvery)
		taken, due := slots[slot]
		switch {
		case run.CreatedAt.Before(q.Introduced.Truncate(time.Second)):
			continue
		case run.Plan != backupPlan || taken || !due: // the one right after the introduction is of a slot before
			want.Extra++
			continue
		}
		slots[slot] = true
		switch late := run.CreatedAt.Sub(slot) > backupDeadline; {
		case run.Phase == phaseCompleted && late:
			want.Late++
		case run.Phase == phaseCompleted:
			want.Completed++
		case run.Phase == phasePartiallyFailed:
			want.PartiallyFailed++
		default:
			want.Failed++
		}
	}
	for _, taken := range slots {
		want.Expected++
		if !taken {
			want.Missed++
		}
	}
	if diff := cmp.Diff(want, q.backup.Backups.Slots); diff != "" {
		q.t.Errorf("slots (-truth +record):\n%s", diff)
	}
	for name, n := range map[string]int{"completed": want.Completed, "late": want.Late, "partially failed": want.PartiallyFailed,
		"failed": want.Failed, "missed": want.Missed, "extra": want.Extra} {
		if n == 0 {
			q.t.Errorf("nothing is %s in this quarter", name)
		}
	}
}

// occurrencesAddUp: the list is the population, and each run is the ledger's.
func (q quarter) occurrencesAddUp() {
	q.t.Helper()
	var got report.BackupSlots
	runs := map[string]*control.Backup{}
	for i := range q.Runs {
		runs[q.Runs[i].UID] = &q.Runs[i]
	}
	for _, o := range q.backup.Backups.Occurrences {
		if o.Run != nil {
			run := runs[o.Run.UID]
			if run == nil || !run.CreatedAt.Equal(o.Run.BegunAt.Time) || run.Phase != o.Run.Phase || (run.CompletedAt.IsZero() != (o.Run.EndedAt == nil)) {
				q.t.Errorf("the run of %v is %+v, and was %+v", o.Slot, o.Run, run)
			}
			delete(runs, o.Run.UID)
		}
		if o.Extra {
			got.Extra++
			continue
		}
		got.Expected += o.Count
		switch o.State {
		case ledger.OccurrenceCompleted:
			got.Completed += o.Count
		case ledger.OccurrenceLate:
			got.Late += o.Count
		case ledger.OccurrencePartiallyFailed:
			got.PartiallyFailed += o.Count
		case ledger.OccurrenceFailed:
			got.Failed += o.Count
		case ledger.OccurrenceMissed:
			got.Missed += o.Count
		}
	}
	if diff := cmp.Diff(q.backup.Backups.Slots, got); diff != "" {
		q.t.Errorf("occurrences (-population +list):\n%s", diff)
	}
	for _, run := range runs {
		if !run.CreatedAt.Before(q.Introduced) {
			q.t.Errorf("nothing is said of %s", run.Name)
		}
	}
}

// usable are the runs that completed, by when they did.
func (q quarter) usable() []control.Backup {
	of := slices.DeleteFunc(slices.Clone(q.Runs), func(b control.Backup) bool { return b.Phase != phaseCompleted || b.CreatedAt.Before(q.Introduced) })
	slices.SortFunc(of, func(a, b control.Backup) int { return a.CompletedAt.Compare(b.CompletedAt) })
	return of
}

// pointsAreTrue: the data of the points is that of the runs that completed, and the
// intervals beyond the objective begin and end when those say so.
func (q quarter) pointsAreTrue() {
	q.t.Helper()
	var want, got []time.Time
	var beyond, found []Interval
	var newest, longest time.Duration
	var last time.Time
	for _, b := range q.usable() {
		want = append(want, b.StartedAt)
		if late := last.Add(backupObjective); !last.IsZero() && late.Before(b.CompletedAt) {
			beyond = append(beyond, Interval{late, b.CompletedAt})
		}
		if newest = b.StartedAt.Sub(last); !last.IsZero() {
			longest = max(longest, newest)
		}
		last = b.StartedAt
	}
	points := &q.backup.Backups.RecoveryPoints
	for _, p := range points.Points {
		got = append(got, p.DataAt.UTC())
	}
	for _, b := range points.Beyond {
		found = append(found, Interval{b.From.UTC(), b.To.UTC()})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		q.t.Errorf("times of data (-truth +record):\n%s", diff)
	}
	if diff := cmp.Diff(beyond, found); diff != "" || len(beyond) < 4 {
		q.t.Errorf("beyond the objective (-truth +record):\n%s\n%v", diff, beyond)
	}
	if points.Longest == nil || points.Longest.To.Sub(points.Longest.From.Time) != longest || points.Longest.Open {
		q.t.Errorf("longest %+v, want %s", points.Longest, longest)
	}
}

// ofRule are the intervals in which a rule failed on a subject of a kind, as episodes
// have them: from when it was found to when it had ended.
func ofRule(c *report.Control, subject control.Subject, rule string) []Interval {
	var of []Interval
	for _, list := range [][]report.Episode{c.Baseline, c.Episodes} {
		for i := range list {
			e := &list[i]
			if e.Subject == subject && slices.ContainsFunc(e.Rules, func(r control.RuleState) bool { return r.Rule == rule }) && e.Ended.NotAfter != nil {
				of = append(of, Interval{e.Started.NotAfter.UTC(), e.Ended.NotAfter.UTC()})
			}
		}
	}
	return of
}

// episodesAgree: since the plan covers all of them, each namespace had an episode of
// BK-03 exactly while the newest point was beyond the objective, but for when no
// operator ran.
func (q quarter) episodesAgree() {
	q.t.Helper()
	var want []Interval
	unobserved := 0
	for _, b := range q.backup.Backups.RecoveryPoints.Beyond {
		in := Interval{b.From.UTC(), b.To.UTC()}
		for _, blind := range q.Blind {
			if in.From.After(blind.From) && in.From.Before(blind.To) {
				in.From, unobserved = blind.To, unobserved+1 // it is found when observation goes on
			}
		}
		if in.From.Before(in.To) {
			want = append(want, in)
		}
	}
	namespaces := 0
	for _, s := range q.backup.Subjects {
		if s.Kind != "Namespace" {
			continue
		}
		namespaces++
		// What was there when the control was introduced ended with the first run.
		got := slices.DeleteFunc(ofRule(q.backup, s.Subject, "BK-03"), func(i Interval) bool { return !i.From.After(q.Introduced) })
		if len(got) != len(want) {
			q.t.Errorf("%s: episodes %v, beyond the objective %v", s.Subject, got, want)
			continue
		}
		for i := range got {
			if from, to := got[i].From.Sub(want[i].From).Abs(), got[i].To.Sub(want[i].To).Abs(); from > slack || to > 2*slack {
				q.t.Errorf("%s: episode %v, beyond the objective %v", s.Subject, got[i], want[i])
			}
		}
	}
	if namespaces != 4 || unobserved != 1 {
		q.t.Errorf("%d namespaces, %d intervals began while nobody looked", namespaces, unobserved)
	}
}

// planIsTrue: the plan did not hold while it was paused.
func (q quarter) planIsTrue() {
	q.t.Helper()
	var paused, blind time.Duration
	for _, i := range q.Paused {
		paused += i.To.Sub(i.From)
	}
	for _, i := range q.Blind {
		blind += i.To.Sub(i.From)
	}
	plan := q.backup.Backups.Plan
	of := func(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
	if off := of(plan.Deviating) - paused; off.Abs() > slack {
		q.t.Errorf("the plan did not hold for %s, it was paused for %s", of(plan.Deviating), paused)
	}
	if off := of(plan.Gap) - blind; off.Abs() > 3*slack {
		q.t.Errorf("unobserved for %s, want %s", of(plan.Gap), blind)
	}
	if off := of(plan.Due) - q.End.Sub(q.Introduced); off.Abs() > slack || plan.Due != plan.Conforming+plan.Deviating+plan.Gap {
		q.t.Errorf("the plan was due for %+v", plan)
	}
}

// restoresAreTrue: the tests are those that were made, in both controls.
func (q quarter) restoresAreTrue() {
	q.t.Helper()
	tests := q.restore.RestoreTests
	got := map[string]int{restored: tests.Restored, restoreFailed: tests.Failed, restoreNotMade: tests.NotMade}
	if diff := cmp.Diff(q.Restores, got); diff != "" || len(got) != 3 {
		q.t.Errorf("restore tests (-truth +record):\n%s", diff)
	}
	want := []report.RestorePath{{Policy: BackupPolicy, Control: RestoreControl, Restored: tests.Restored, Failed: tests.Failed, NotMade: tests.NotMade}}
	if diff := cmp.Diff(want, q.backup.Backups.Restores); diff != "" {
		q.t.Errorf("the backup control says otherwise (-want +got):\n%s", diff)
	}
	statements := map[string]int{}
	for _, test := range tests.Tests {
		statements[test.Statement]++
	}
	wantStatements := map[string]int{"restore path exercised with sentinel data of 4096 bytes; application data not restored": tests.Restored,
		"ConfigMap came back with other data than was written": 1, "no restore was made: The right to create namespaces is missing": 1}
	if diff := cmp.Diff(wantStatements, statements); diff != "" {
		q.t.Errorf("statements (-want +got):\n%s", diff)
	}
	// A test that failed is an episode of its namespace, until the next one is good.
	if n := len(ofRule(q.restore, subjectOf(q.restore, "checkout"), "BK-08")); n != 1 {
		q.t.Errorf("%d episodes of the namespace whose data differed", n)
	}
}

func subjectOf(c *report.Control, name string) control.Subject {
	for _, s := range c.Subjects {
		if s.Name == name {
			return s.Subject
		}
	}
	return control.Subject{}
}
