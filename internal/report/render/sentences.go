package render

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// noOccurrence is what is said of a control without subjects.
const noOccurrence = "No occurrence: no subject was in scope in the period."

// toleranceLead is how the sentence about a tolerance begins.
const toleranceLead = "Stated tolerance: "

// tolerance is the sentence about what a definition states.
func tolerance(d *report.Definition) string {
	var parts []string
	if d.CorrectionWithin != nil {
		parts = append(parts, "corrected within "+stated(*d.CorrectionWithin))
	}
	if d.NewSubjectWithin != nil {
		parts = append(parts, "new subjects conform within "+stated(*d.NewSubjectWithin))
	}
	if len(parts) == 0 {
		return toleranceLead + "none; no episode counts as a correction"
	}
	by := d.SetBy
	if by == "" {
		by = "unknown"
	}
	return toleranceLead + strings.Join(parts, "; ") + "; set by " + by + " at " + clock(d.SetAt)
}

// natures are the natures of the definitions, in order, each named once where it stays.
func natures(definitions []report.Definition) string {
	var parts []string
	for _, d := range definitions {
		if part := d.Nature + " (mode " + d.Mode + ")"; len(parts) == 0 || parts[len(parts)-1] != part {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; then ")
}

// bases says what a control's states rested on.
func bases(of []string) string {
	words := map[string]string{
		string(control.BasisConfiguration): "declared configuration",
		string(control.BasisBehaviour):     "observed behaviour",
		string(control.BasisAttestation):   "attestation by a person",
	}
	parts := make([]string, 0, len(of))
	for _, basis := range of {
		parts = append(parts, cmp.Or(words[basis], basis))
	}
	if len(parts) == 0 {
		return "nothing: no state was recorded"
	}
	return strings.Join(parts, "; ")
}

// removed is the line about what was found missing because its subject was deleted.
func removed(list []report.Episode) string {
	if len(list) == 0 {
		return ""
	}
	return count(len(list), "state") + " found while the subject was being deleted; removals are no episodes"
}

// slotsLine reconciles the slots of a schedule.
func slotsLine(s report.SlotPopulation) string {
	return fmt.Sprintf("%s expected = %d completed + %d late + %d partial + %d failed + %d missed + %d pending",
		count(s.Expected, "slot"), s.Completed, s.Late, s.Partial, s.Failed, s.Missed, s.Pending)
}

// slotsText is the slot of a collection, or the first and the last of those that passed.
func slotsText(c report.Collection) string {
	if c.LastSlot == nil || c.Count < 2 {
		return clock(c.Slot)
	}
	return fmt.Sprintf("%s (%s)", between(c.Slot, *c.LastSlot), count(c.Count, "slot"))
}

// newSubjects is the line about how fast new subjects came to conform.
func newSubjects(n report.NewSubjects) string {
	if n.Added == 0 {
		return "none added"
	}
	text := count(n.Added, "subject") + " added"
	if n.Deviated == 0 {
		return text + "; none began with an episode"
	}
	text += fmt.Sprintf("; %s began with an episode", number(n.Deviated))
	if n.Median != nil {
		text += fmt.Sprintf("; time to conformity p50 %s, p99 %s, max %s", atMost(n.Median), atMost(n.P99), atMost(n.Longest))
	}
	text += fmt.Sprintf("; %s of %s came to conform", number(n.Conformed), number(n.Deviated))
	if n.Within != nil {
		text += fmt.Sprintf(", %s of %s within the tolerance", number(*n.Within), number(n.Deviated))
	}
	return text
}

// episodesLine reconciles episodes, groups and classes.
func episodesLine(c report.Counts) string {
	if c.Episodes == 0 {
		return "none"
	}
	var parts []string
	for _, class := range classOrder(c.Classes) {
		if n := c.Classes[class]; n > 0 {
			parts = append(parts, classCount(n, class))
		}
	}
	return fmt.Sprintf("%s in %s = %s", count(c.Episodes, "episode"), count(c.Groups, "group"), strings.Join(parts, " + "))
}

// classCount is a number of episodes of a class.
func classCount(n int, class string) string {
	if class == report.ClassDeviation {
		return count(n, "deviation")
	}
	return number(n) + " " + strings.ToLower(className(class))
}

// longerLine counts episodes by length.
func longerLine(c report.Counts) string {
	if c.Episodes == 0 {
		return ""
	}
	var parts []string
	for _, l := range c.LongerThan {
		parts = append(parts, thresholdName(l.Than)+": "+surelyPossibly(l))
	}
	return strings.Join(parts, ", ")
}

// surelyPossibly is a number of episodes, or the numbers between which it lies.
func surelyPossibly(l report.Longer) string {
	if l.Surely == l.Possibly {
		return number(l.Surely)
	}
	return number(l.Surely) + " to " + number(l.Possibly)
}

func lengthsLine(c report.Counts) string {
	if c.Longest == nil {
		return ""
	}
	return fmt.Sprintf("of those that ended, at most: median %s, p95 %s, longest %s", atMost(c.Median), atMost(c.P95), atMost(c.Longest))
}

func repairsLine(r report.Repairs) string {
	if r == (report.Repairs{}) {
		return ""
	}
	return fmt.Sprintf("%s repaired (declared configuration restored and read back), %d failed, %d contested, %d rolled back",
		number(r.Repaired), r.Failed, r.Contested, r.RolledBack)
}

// ending says how an episode ended.
func ending(e *report.Episode) string {
	if e.Ending == endingOpen {
		return "open"
	}
	return e.Ending
}

// firstKnown is when something was detected, or the next best.
func firstKnown(b report.Bounds) ledger.Time {
	switch {
	case b.NotAfter != nil:
		return *b.NotAfter
	case b.NotBefore != nil:
		return *b.NotBefore
	default:
		return ledger.Time{}
	}
}

// outsideTolerance are the episodes that are no corrections, in their order.
func outsideTolerance(episodes []report.Episode) []*report.Episode {
	var list []*report.Episode
	for _, class := range []bool{true, false} {
		for i := range episodes {
			if e := &episodes[i]; !within(e.Class) && (e.Class == report.ClassDeviation) == class {
				list = append(list, e)
			}
		}
	}
	return list
}

// intervalText writes an interval with its length.
func intervalText(i report.Interval) string {
	return between(i.From, i.To) + " (" + duration(int64(i.To.Sub(i.From.Time)), up) + ")"
}

// anchorsLine says which part of the ledger others hold receipts for.
func anchorsLine(c report.Custody) string {
	receipts := 0
	for _, a := range c.Anchors {
		if a.Failed == "" {
			receipts++
		}
	}
	text := count(receipts, "anchored checkpoint")
	if len(c.Unanchored) == 0 {
		return text
	}
	return fmt.Sprintf("%s; %s without, the longest of %s", text, count(len(c.Unanchored), "interval"), duration(c.LongestUnanchored, up))
}

// outcomeOrder are the outcomes in the order of tables.
func outcomeOrder() []control.Outcome {
	return []control.Outcome{control.Conforming, control.Deviating, control.NotEvaluated, control.NotApplicable}
}

// finalCounts count subjects by their state at the end.
func finalCounts(c *report.Control) map[control.Outcome]int {
	counts := map[control.Outcome]int{}
	for i := range c.Subjects {
		if s := c.Subjects[i].Final; s != nil {
			counts[s.Outcome]++
		}
	}
	return counts
}
