package render

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// overview is a table of the controls.
func (t *textWriter) overview(r *report.Record) {
	if len(r.Controls) == 0 {
		t.section("No control was declared.")
		return
	}
	t.WriteString("\n")
	instant := r.Query.AsOf != nil
	rows := [][]string{{"CONTROL", "SUBJECTS", "COVERAGE", "EPISODES", "DEVIATION", "INDET.", "PENDING", "WITHIN"}}
	if instant {
		rows = [][]string{{"CONTROL", "SUBJECTS", "CONFORMING", "DEVIATING", "NOT EVALUATED", "NOT APPLICABLE"}}
	}
	for i := range r.Controls {
		c := &r.Controls[i]
		row := []string{name(c), number(len(c.Subjects))}
		if instant {
			row = append(row, finals(c)...)
		} else {
			row = append(row, perMyriad(c.Coverage.PerMyriad), number(c.Counts.Episodes))
			for _, class := range classOrder(nil) {
				row = append(row, number(c.Counts.Classes[class]))
			}
		}
		rows = append(rows, row)
	}
	t.columns("", rows)
}

// finals are the numbers of subjects by their state at the end.
func finals(c *report.Control) []string {
	counts := finalCounts(c)
	var cells []string
	for _, outcome := range outcomeOrder() {
		cells = append(cells, number(counts[outcome]))
	}
	return cells
}

// control is one control's summary.
func (t *textWriter) control(r *report.Record, c *report.Control, o Options) {
	t.section(name(c))
	t.line("  ", c.Statement)
	t.labelled("owner", c.Owner)
	t.labelled("criteria", strings.Join(c.Criteria, ", "))
	t.labelled("nature", natures(c.Definitions))
	t.labelled("rests on", bases(c.Bases))
	for i := range c.Definitions {
		d := &c.Definitions[i]
		text := strings.TrimPrefix(tolerance(d), toleranceLead)
		if len(c.Definitions) > 1 {
			text += "; in force " + between(d.From, d.To)
		}
		t.labelled("tolerance", text)
	}
	for _, i := range c.NotInOperation {
		t.labelled("not operating", intervalText(i))
	}
	if len(c.Subjects) == 0 {
		t.labelled("subjects", noOccurrence)
	}
	if r.Query.AsOf == nil {
		t.labelled("coverage", coverage(c.Coverage)+"; since first evidence "+coverage(c.CoverageSince))
		t.labelled("new subjects", newSubjects(c.NewSubjects))
		t.labelled("episodes", episodesLine(c.Counts))
		t.labelled("longer than", longerLine(c.Counts))
		t.labelled("lengths", lengthsLine(c.Counts))
		t.labelled("repairs", repairsLine(c.Repairs))
		t.labelled("removals", removed(c.Removals))
	}
	for i := range c.Behaviour {
		t.labelled("probed", behaviourLine(&c.Behaviour[i]))
		t.labelled("keys", keysText(c.Behaviour[i].Keys))
	}
	t.backups(r, c)
	t.listed(c, o)
}

// listed lists the first episodes that are no corrections.
func (t *textWriter) listed(c *report.Control, o Options) {
	outside := outsideTolerance(c.Episodes)
	for i, e := range outside {
		if i == summaryRows {
			t.line("    ", fmt.Sprintf("and %s: episodes, -o csv and -o html list them", number(len(outside)-summaryRows)+" more"))
			return
		}
		class := className(e.Class)
		if e.Recurring {
			class += " (recurring)"
		}
		text := fmt.Sprintf("%s %s, %s, %s, %s, by %s", class, clock(firstKnown(e.Started)), e.Subject, span(e.Length), ending(e), e.Actor)
		t.line("  - ", text)
		if response, ok := o.Responses.to(e.ID); ok {
			t.line("    ", Unaudited+": "+responseText(response, true))
		}
	}
}

func (t *textWriter) gaps(r *report.Record) {
	switch {
	case len(r.Gaps) == 0 && r.Query.AsOf != nil:
		t.section("No gap was open.")
		return
	case len(r.Gaps) == 0:
		t.section("No gaps: observation was never absent while it was due.")
		return
	}
	rows := gapRows(r.Gaps)
	t.section(count(len(r.Gaps), "gap") + " in observation")
	for i, g := range rows {
		if i == summaryRows*2 {
			t.line("    ", fmt.Sprintf("and %d more", len(rows)-i))
			return
		}
		t.line("  - ", g.line())
	}
}

func (t *textWriter) slots(slots []report.SlotPopulation) {
	for _, s := range slots {
		t.section("Schedule " + s.Schedule + ": " + slotsLine(s))
	}
}

func (t *textWriter) custody(c report.Custody) {
	t.section("Custody")
	for _, l := range c.Ledgers {
		t.line("  ", fmt.Sprintf("ledger %s (%s), entries %d to %d", l.LedgerID, l.Reason, l.First, l.Last))
	}
	t.line("  ", anchorsLine(c))
}
