package render

import (
	"strings"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// gapRow is a gap, or gaps of several kinds that began, ended and came about
// together.
type gapRow struct {
	report.Gap
	// Kinds are the kinds that were not observed; none means that it is not about kinds.
	Kinds []string
	// Last is the entry of the last of them.
	Last uint64
}

// gapRows puts together what follows each other in the record and differs in the
// kind only.
func gapRows(gaps []report.Gap) []gapRow {
	var rows []gapRow
	for _, g := range gaps {
		if n := len(rows); n > 0 && g.Kind != "" && together(&rows[n-1].Gap, &g) {
			rows[n-1].Kinds = append(rows[n-1].Kinds, g.Kind)
			rows[n-1].Last = max(rows[n-1].Last, g.Seq)
			continue
		}
		row := gapRow{Gap: g, Last: g.Seq}
		if g.Kind != "" {
			row.Kinds = []string{g.Kind}
		}
		rows = append(rows, row)
	}
	return rows
}

// together is whether two gaps differ in the kind only.
func together(a, b *report.Gap) bool {
	return a.Kind != "" && a.From == b.From && a.To == b.To && a.Open == b.Open && a.Cause == b.Cause && a.Policy == b.Policy && a.Message == b.Message
}

// What says what was not observed.
func (g gapRow) What() string {
	switch {
	case len(g.Kinds) > 1:
		return "kinds " + strings.Join(g.Kinds, ", ")
	case len(g.Kinds) == 1:
		return "kind " + g.Kinds[0]
	case g.Policy != "":
		return "policy " + g.Policy
	default:
		return "everything"
	}
}

// line says when, why and what was not observed.
func (g gapRow) line() string {
	text := intervalText(g.Interval) + ", " + g.Cause + ", " + g.What()
	if g.Message != "" {
		text += ": " + g.Message
	}
	return text
}

// gapMeaning says what a cause of a gap means.
func gapMeaning(cause string) string {
	switch cause {
	case ledger.CauseNotRunning:
		return "No operator was observing: it was stopped, killed, cut off, or not yet elected."
	case ledger.CauseWatchStalled:
		return "The watch of this kind delivered nothing while the process lived; what happened meanwhile was not seen."
	case ledger.CauseWatchRestarted:
		return "The watch of this kind began again with a complete list; what came and went in between was not seen."
	case ledger.CauseForbidden:
		return "A permission to observe this kind was missing."
	case ledger.CauseUnreachable:
		return "The API server did not answer."
	case ledger.CauseClockStepped:
		return "The wall clock jumped against the monotonic one; times in this interval cannot be relied on."
	case ledger.CauseInvalidPolicy:
		return "The policy's spec could not be used, so that nothing was judged by it."
	case "LedgerBreak":
		return "The ledger was lost, regressed or inconsistent, and a successor was opened; what the old one held of this interval is missing."
	default:
		return "Observation was due and absent."
	}
}
