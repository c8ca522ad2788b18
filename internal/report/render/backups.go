package render

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// noSlot is what is said of a control of which no backup was due.
const noSlot = "no occurrence in the period: no backup was due"

// backupSlots reconciles the slots of a control.
func backupSlots(s report.BackupSlots) string {
	text := noSlot
	if s.Expected > 0 {
		text = fmt.Sprintf("%s expected = %d completed + %d late + %d partially failed + %d failed + %d missed + %d pending",
			count(s.Expected, "slot"), s.Completed, s.Late, s.PartiallyFailed, s.Failed, s.Missed, s.Pending)
	}
	if s.Extra > 0 {
		text += "; beside them " + count(s.Extra, "extra run")
	}
	return text
}

// planTime says for how long the plan existed.
func planTime(t report.Time) string {
	if t.Due == 0 {
		return "not judged: the cluster was no subject"
	}
	text := fmt.Sprintf("it existed, was enabled and was not paused for %s of %s", microTime(t.Conforming), microTime(t.Due))
	for _, part := range []struct {
		of   int64
		what string
	}{{t.Deviating, "it did not for"}, {t.NotApplicable, "it was none to judge for"}, {t.NotEvaluated, "not evaluated for"}, {t.Gap, "unobserved for"}} {
		if part.of > 0 {
			text += "; " + part.what + " " + microTime(part.of)
		}
	}
	return text
}

// microTime writes a time in microseconds.
func microTime(us int64) string { return duration(us*1000, down) }

// restorePaths says what exercised the restore.
func restorePaths(list []report.RestorePath) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, fmt.Sprintf("%s/%s: %s", p.Policy, p.Control, restoreCounts(p.Restored, p.Failed, p.NotMade)))
	}
	if len(parts) == 0 {
		return "not exercised: no control of the policy restores these backups"
	}
	return strings.Join(parts, "; ")
}

func restoreCounts(restored, failed, notMade int) string {
	if restored+failed+notMade == 0 {
		return "no occurrence in the period"
	}
	return fmt.Sprintf("%s = %d restored + %d failed + %d not made", count(restored+failed+notMade, "restore test"), restored, failed, notMade)
}

// restoreTests is the line about the tests of a control.
func restoreTests(t *report.RestoreTests) string {
	text := restoreCounts(t.Restored, t.Failed, t.NotMade)
	if t.Restored == 0 {
		return text
	}
	return fmt.Sprintf("%s, in %s; data came back within %s, and was at most %s old; application data was not restored",
		text, count(t.Namespaces, "namespace"), wholeSeconds(t.LongestSeconds), wholeSeconds(t.OldestSeconds))
}

// wholeSeconds writes a duration in seconds.
func wholeSeconds(s int64) string { return duration(s*1e9, up) }

// recoveryLine is the line about the usable runs of a control.
func recoveryLine(p report.RecoveryPoints) string {
	parts := []string{count(len(p.Points), "usable recovery point")}
	if p.Longest != nil {
		parts = append(parts, "longest between the data of two: "+pointInterval(p.Longest))
	}
	if len(p.Beyond) == 0 {
		parts = append(parts, "never beyond the objective")
	} else {
		parts = append(parts, fmt.Sprintf("%s beyond the objective, %s in all", count(len(p.Beyond), "interval"), duration(p.BeyondTotal, up)))
	}
	if p.Unknown != nil {
		parts = append(parts, "not known "+intervalText(*p.Unknown))
	}
	return strings.Join(parts, "; ")
}

// pointInterval writes the interval between two recovery points.
func pointInterval(i *report.PointInterval) string {
	text := intervalText(i.Interval)
	if i.Open {
		text += ", and no further one"
	}
	return text
}

// newestPoint is the line about the newest usable run before an instant.
func newestPoint(p report.RecoveryPoints, at *ledger.Time) string {
	if len(p.Points) == 0 || at == nil {
		return "none is known"
	}
	newest := p.Points[len(p.Points)-1]
	text := fmt.Sprintf("newest recovery point: data of %s, %s old (backup %s)", clock(newest.DataAt), duration(int64(at.Sub(newest.DataAt.Time)), up), newest.Backup)
	if newest.UsableUntil != nil && !newest.UsableUntil.After(at.Time) {
		text += ", which had expired"
	}
	return text
}

// occurrenceSlots is the slot of an occurrence, or the first and the last of those that passed.
func occurrenceSlots(o *report.BackupOccurrence) string {
	switch {
	case o.Slot == nil:
		return "begun " + clock(o.Run.BegunAt)
	case o.LastSlot == nil:
		return clock(*o.Slot)
	default:
		return fmt.Sprintf("%s (%s)", between(*o.Slot, *o.LastSlot), count(o.Count, "slot"))
	}
}

// notableRuns are the occurrences that are not simply completed.
func notableRuns(list []report.BackupOccurrence) []report.BackupOccurrence {
	var kept []report.BackupOccurrence
	for i := range list {
		if list[i].State != ledger.OccurrenceCompleted || list[i].Extra {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// backups writes what controls about backups have.
func (t *textWriter) backups(r *report.Record, c *report.Control) {
	if tests := c.RestoreTests; tests != nil {
		t.labelled("restores", restoreTests(tests))
		if n := len(tests.Tests); n > 0 {
			newest := tests.Tests[n-1]
			t.labelled("newest", fmt.Sprintf("%s, namespace %s: %s", clock(newest.At), newest.Namespace, newest.Statement))
		}
	}
	b := c.Backups
	switch {
	case b == nil:
		return
	case r.Query.AsOf != nil:
		t.labelled("data", newestPoint(b.RecoveryPoints, r.Query.AsOf))
		return
	}
	t.labelled("plan", planTime(b.Plan))
	t.labelled("runs", backupSlots(b.Slots))
	t.labelled("restored", restorePaths(b.Restores))
	t.labelled("data", recoveryLine(b.RecoveryPoints))
}
