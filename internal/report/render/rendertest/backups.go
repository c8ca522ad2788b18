package rendertest

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// Backups is the record of a quarter of backups every six hours: some were late, some
// failed, an object store was away for a day and a half, and two slots are pending. A
// control restores what they made once a week.
func Backups() *report.Record {
	r := base(report.Complete)
	backups := newControl("production-baseline", "BCK-1", 3, "Enforce", 0)
	backups.Type, backups.Bases = "backup", []string{"Configuration"}
	backups.Statement, backups.Criteria = "Namespaces are backed up every six hours, and the newest backup is at most twelve hours old.", []string{"A1.2", "CC7.5"}
	backups.introduce(0, 0)
	tests := newControl("production-baseline", "BCK-2", 3, "Observe", 0)
	tests.Type, tests.Bases = "restoreTest", []string{"Behaviour"}
	tests.Statement, tests.Criteria = "A sentinel of every namespace is restored once a week.", []string{"A1.3"}
	tests.introduce(0, 0)
	tests.RestoreTests = restoreTests()
	backups.Backups = quarter()
	backups.Backups.Restores = []report.RestorePath{{Policy: tests.Policy, Control: tests.ID, Restored: tests.RestoreTests.Restored,
		Failed: tests.RestoreTests.Failed, NotMade: tests.RestoreTests.NotMade}}
	finish(r, backups, tests)
	return r
}

// BackupsAsOf is what an instant of Backups has.
func BackupsAsOf() *report.Record {
	r := Backups()
	r.Title, r.Query = "Control state record as of 2026-03-31T12:00:00Z, Complete", report.Query{AsOf: later(89*day + 12*time.Hour)}
	r.Through = *r.Query.AsOf
	b := r.Controls[0].Backups
	p := &b.RecoveryPoints
	b.Plan, b.Slots, b.Occurrences = report.Time{}, report.BackupSlots{}, []report.BackupOccurrence{}
	p.Points, p.Beyond, p.BeyondTotal, p.Longest = p.Points[len(p.Points)-1:], []report.Interval{}, 0, nil
	return r
}

const slot = 6 * time.Hour

// quarter are the slots of a quarter, and what follows from them.
func quarter() *report.Backups {
	b := &report.Backups{Plan: report.Time{Due: int64(90 * day / subjectUnit), Conforming: int64((90*day - 7*time.Minute - 2*time.Hour) / subjectUnit),
		Deviating: int64(7 * time.Minute / subjectUnit), Gap: int64(2 * time.Hour / subjectUnit)}, Occurrences: []report.BackupOccurrence{}}
	b.RecoveryPoints = report.RecoveryPoints{Points: []report.RecoveryPoint{}, Beyond: []report.Interval{},
		Objectives: []report.Objective{{Interval: report.Interval{From: ledger.At(start), To: ledger.At(end)}, Within: int64(12 * time.Hour)}}}
	for i := range 358 {
		due := time.Duration(i) * slot
		switch {
		case i == 100:
			missed(b, due, 4)
		case i > 100 && i < 104:
		case i%83 == 40:
			ran(b, due, ledger.OccurrencePartiallyFailed, false)
		case i >= 200 && i < 206:
			ran(b, due, ledger.OccurrenceFailed, false)
		case i%60 == 30:
			ran(b, due+25*time.Minute, ledger.OccurrenceLate, false)
		default:
			ran(b, due, ledger.OccurrenceCompleted, false)
		}
		if i == 205 {
			ran(b, due+2*time.Hour, ledger.OccurrenceCompleted, true)
		}
	}
	b.Slots.Pending, b.Slots.Expected = 2, b.Slots.Expected+2
	return b
}

// missed adds so many slots without a run.
func missed(b *report.Backups, due time.Duration, n int) {
	b.Slots.Missed += n
	b.Slots.Expected += n
	b.Occurrences = append(b.Occurrences, report.BackupOccurrence{Slot: later(due), LastSlot: later(due + time.Duration(n-1)*slot), Count: n,
		State: ledger.OccurrenceMissed, Reason: ledger.OccurrenceNoRun, LedgerID: LedgerID, Seq: uint64(1000 + len(b.Occurrences)), Observed: at(due + time.Duration(n)*slot)})
}

// ran adds a run that began at a time, and took four minutes.
func ran(b *report.Backups, begun time.Duration, state string, extra bool) {
	name := "holdfast-production-baseline-bck-1-" + start.Add(begun).Format("20060102150405")
	o := report.BackupOccurrence{State: state, Extra: extra, LedgerID: LedgerID, Seq: uint64(1000 + len(b.Occurrences)), Observed: at(begun + 4*time.Minute),
		Run: &ledger.RunBody{Plan: "holdfast-production-baseline-bck-1", Namespace: "velero", Name: name, UID: digest(name)[:32], BegunAt: at(begun),
			StartedAt: later(begun + time.Second), EndedAt: later(begun + 4*time.Minute), ExpiresAt: later(begun + 30*day), Phase: state, Object: digest("object", name)}}
	if extra {
		b.Slots.Extra++
	} else {
		o.Slot, o.Count = later(begun.Truncate(slot)), 1
		b.Slots.Expected++
	}
	switch state {
	case ledger.OccurrenceCompleted, ledger.OccurrenceLate:
		o.Usable, o.Run.Phase = true, "Completed"
		point(b, &o)
	case ledger.OccurrenceFailed:
		o.Message = "the object store did not answer"
		o.Run.StartedAt, o.Run.EndedAt = nil, nil
	}
	if !extra {
		*map[string]*int{
			ledger.OccurrenceCompleted: &b.Slots.Completed, ledger.OccurrenceLate: &b.Slots.Late,
			ledger.OccurrencePartiallyFailed: &b.Slots.PartiallyFailed, ledger.OccurrenceFailed: &b.Slots.Failed,
		}[state]++
	}
	b.Occurrences = append(b.Occurrences, o)
}

// point adds a recovery point, and measures what lay between it and the one before.
func point(b *report.Backups, o *report.BackupOccurrence) {
	p := &b.RecoveryPoints
	next := report.RecoveryPoint{DataAt: *o.Run.StartedAt, UsableFrom: *o.Run.EndedAt, UsableUntil: o.Run.ExpiresAt, Backup: o.Run.Name, LedgerID: LedgerID, Seq: o.Seq}
	if n := len(p.Points); n > 0 {
		last := p.Points[n-1].DataAt
		between := report.PointInterval{Interval: report.Interval{From: last, To: next.DataAt}}
		next.Since = new(int64(next.DataAt.Sub(last.Time)))
		if p.Longest == nil || next.DataAt.Sub(last.Time) > p.Longest.To.Sub(p.Longest.From.Time) {
			p.Longest = &between
		}
		if late := ledger.At(last.Add(12 * time.Hour)); late.Before(next.UsableFrom.Time) {
			p.Beyond = append(p.Beyond, report.Interval{From: late, To: next.UsableFrom})
			p.BeyondTotal += int64(next.UsableFrom.Sub(late.Time))
		}
	}
	p.Points = append(p.Points, next)
}

// restoreTests are a quarter's: one in a week and namespace, one of which was not
// made, and one of which did not bring everything back.
func restoreTests() *report.RestoreTests {
	t := &report.RestoreTests{Namespaces: 3, Tests: []report.RestoreTest{}}
	for week := range 12 {
		for n := range 3 {
			when := time.Duration(week)*7*day + time.Duration(n)*time.Hour
			test := report.RestoreTest{Namespace: namespace(n).Name, At: at(when), State: report.RestoreRestored, Backup: "holdfast-production-baseline-bck-1-20260101000000",
				DataAt: later(when - 5*time.Hour), Bytes: 4096, Seconds: int64(20 + week + n), DataAge: 5 * 3600, Statement: report.RestoreStatement(4096),
				ValidUntil: at(when + 14*day), LedgerID: LedgerID, Seq: uint64(2000 + len(t.Tests))}
			switch {
			case week == 4 && n == 1:
				test.State, test.Statement, test.Bytes = report.RestoreFailed, "ConfigMap came back with other data than was written", 0
				t.Failed++
			case week == 7 && n == 2:
				test = report.RestoreTest{Namespace: test.Namespace, At: test.At, State: report.RestoreNotMade, ValidUntil: test.ValidUntil,
					Statement: "no restore was made: no backup covers the namespace", LedgerID: LedgerID, Seq: test.Seq}
				t.NotMade++
			default:
				t.Restored++
				t.LongestSeconds, t.OldestSeconds = max(t.LongestSeconds, test.Seconds), test.DataAge
			}
			t.Tests = append(t.Tests, test)
		}
	}
	return t
}
