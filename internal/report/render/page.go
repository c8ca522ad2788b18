package render

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// matrixColumns is up to how many controls the matrix has a column for each;
// with more it lists their names.
const matrixColumns = 8

// page is what the page's templates show: the record, and what they cannot
// derive from it themselves.
type page struct {
	*report.Record
	// Style is the page's style, Sheets that of what stands on each printed sheet.
	Style, Sheets template.CSS
	// Instant is true for a record as of an instant: it has no counts over time.
	Instant bool
	// Heading is the title without dates and status, About says of when it is.
	Heading, About string
	Selection      string
	Controls       []*controlPage
	// Matrix has a column per control, unless there are too many.
	Matrix      []matrixRow
	Wide        bool
	Collections limited[report.Collection]
	// Shown are the parts of the record's lists that the page shows.
	ShownGaps    limited[gapRow]
	ShownChanges limited[report.Change]
	ShownAnchors limited[report.Anchored]
	ShownRuns    limited[report.Run]
	Bare         limited[report.Interval]
	Permissions  limited[report.Because]
	Access       limited[report.Access]
	SelfTests    limited[report.SelfTest]
	Skipped      limited[report.Unobserved]
	Markers      limited[report.Marker]
	Command      string
}

// matrixRow says which controls support a criterion.
type matrixRow struct {
	report.Criterion
	Supports []bool
}

func newPage(r *report.Record, o Options, style template.CSS) *page {
	p := &page{
		Record: r, Style: style, Sheets: sheets(r), Instant: r.Query.AsOf != nil, Heading: "Control operation record",
		Selection: queryTitle(r.Query), Wide: len(r.Controls) > matrixColumns,
		Collections: limit(notable(r.Collections), o.rows()), Command: command(r.Query),
		Bare: limit(r.Custody.Unanchored, o.rows()), Permissions: limit(r.Tool.Permissions, o.rows()), Access: limit(r.Tool.Access, accessTables),
		SelfTests: limit(r.Tool.SelfTests, o.rows()), Skipped: limit(r.Tool.Unobserved, o.rows()), Markers: limit(r.Markers, o.rows()),
		ShownGaps: limit(gapRows(r.Gaps), o.rows()), ShownChanges: limit(r.Changes, o.rows()), ShownAnchors: limit(r.Custody.Anchors, o.rows()),
		ShownRuns: limit(r.Tool.Runs, o.rows()),
	}
	p.About = fmt.Sprintf("%s to %s, the end excluded", moment(r.Query.From), moment(r.Query.To))
	if p.Instant {
		p.Heading, p.About = "Control state record", "As of "+moment(r.Query.AsOf)
	}
	rows := o.rows()
	if n := len(r.Controls); n > 0 {
		rows = min(rows, max(pageRows/n, leastRows))
	}
	for i := range r.Controls {
		p.Controls = append(p.Controls, newControlPage(r, i, rows, o))
	}
	p.Matrix = matrixRows(r)
	return p
}

// The rows that tables have are shared out among many controls, so that the page
// stays one that a browser opens at once.
const (
	pageRows  = 2000
	leastRows = 20
	// accessTables is how many observations of access the page has a table for.
	accessTables = 12
)

// limited is the part of a list that the page shows.
type limited[T any] struct {
	Rows []T
	// All is how many there are, More how many are not shown.
	All, More int
}

func limit[T any](list []T, n int) limited[T] {
	return limited[T]{Rows: list[:min(len(list), n)], All: len(list), More: max(len(list)-n, 0)}
}

// notable are the collections that are not simply completed and in agreement,
// and the first and last: the others are counted.
func notable(list []report.Collection) []report.Collection {
	var kept []report.Collection
	for i, c := range list {
		if i == 0 || i == len(list)-1 || c.State != "Completed" || c.Discrepancies > 0 || !c.Agrees {
			kept = append(kept, c)
		}
	}
	return kept
}

func matrixRows(r *report.Record) []matrixRow {
	var rows []matrixRow
	for _, criterion := range r.Matrix {
		row := matrixRow{Criterion: criterion}
		for i := range r.Controls {
			row.Supports = append(row.Supports, slices.Contains(criterion.Controls, name(&r.Controls[i])))
		}
		rows = append(rows, row)
	}
	return rows
}

// command is the command line that makes the same record again.
func command(q report.Query) string {
	text := "kubectl holdfast report LEDGER"
	if q.AsOf != nil {
		text += " --as-of " + brief(q.AsOf)
	} else {
		text += " --from " + brief(q.From) + " --to " + brief(q.To)
	}
	for _, policy := range q.Policies {
		text += " --policy " + policy
	}
	for _, id := range q.Controls {
		text += " --control " + id
	}
	return text + " -o json"
}

// brief writes a time as commands take it, without digits that say nothing.
func brief(t *ledger.Time) string {
	if t == nil {
		return "…"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// controlPage is one control's part of the page.
type controlPage struct {
	*report.Control
	Name    string
	Instant bool
	// Anchor is its id in the page, Path its place in the record in JSON.
	Anchor, Path string
	Plot         *plotFigure
	Calendar     *calendar
	Classes      []classRow
	Groups       limited[groupRow]
	Outside      limited[episodeRow]
	Within       int
	Baseline     limited[episodeRow]
	Left         limited[report.Left]
	Idle         limited[report.Because]
	Lost         limited[report.Loss]
	Final        []outcomeCount
	Responses    []responseRow
	// Strip, Runs, Beyond and Restores are of controls about backups.
	Strip    *backupFigure
	Runs     limited[report.BackupOccurrence]
	Beyond   limited[report.Interval]
	Restores limited[report.RestoreTest]
	AsOf     *ledger.Time
}

// classRow counts the episodes of a class.
type classRow struct {
	Class    string
	Episodes int
}

// outcomeCount counts the subjects by their state at the end.
type outcomeCount struct {
	Outcome control.Outcome
	Count   int
}

// episodeRow and groupRow are rows with what management replied.
type episodeRow struct {
	*report.Episode
	Response string
}

type groupRow struct {
	report.Group
	Response string
}

// responseRow is a reply with what it is about.
type responseRow struct {
	About, ID string
	Response
}

func newControlPage(r *report.Record, i, rows int, o Options) *controlPage {
	c := &r.Controls[i]
	p := &controlPage{
		Control: c, Name: name(c), Instant: r.Query.AsOf != nil, Anchor: fmt.Sprintf("control-%d", i+1), Path: fmt.Sprintf("/controls/%d", i),
		Plot: newPlotFigure(r, c), Calendar: newCalendar(r, c), Within: c.Counts.Classes[report.ClassWithinTolerance], Left: limit(c.Left, rows),
		Idle: limit(c.NotCorrecting, rows), Lost: limit(c.EvidenceLost, rows),
	}
	for _, class := range classOrder(c.Counts.Classes) {
		p.Classes = append(p.Classes, classRow{class, c.Counts.Classes[class]})
	}
	counts := finalCounts(c)
	for _, outcome := range outcomeOrder() {
		p.Final = append(p.Final, outcomeCount{outcome, counts[outcome]})
	}
	p.groups(rows, o)
	p.episodes(rows, o)
	p.backups(r, rows)
	return p
}

// backups are what only controls about backups have.
func (p *controlPage) backups(r *report.Record, rows int) {
	p.AsOf = r.Query.AsOf
	if b := p.Control.Backups; b != nil {
		p.Strip = newBackupFigure(r, p.Control)
		p.Runs, p.Beyond = limit(notableRuns(b.Occurrences), rows), limit(b.RecoveryPoints.Beyond, rows)
	}
	if t := p.Control.RestoreTests; t != nil {
		p.Restores = limit(t.Tests, rows)
	}
}

// groups are ordered by class, then as in the record.
func (p *controlPage) groups(rows int, o Options) {
	order := classOrder(p.Counts.Classes)
	sorted := slices.Clone(p.Control.Groups)
	slices.SortStableFunc(sorted, func(a, b report.Group) int { return slices.Index(order, a.Class) - slices.Index(order, b.Class) })
	var list []groupRow
	for _, g := range sorted {
		response, ok := o.Responses.to(g.ID)
		list = append(list, groupRow{g, responseText(response, ok)})
		if ok {
			p.Responses = append(p.Responses, responseRow{fmt.Sprintf("Group %s of %s", short(g.ID), count(g.Episodes, "episode")), g.ID, response})
		}
	}
	p.Groups = limit(list, rows)
}

func (p *controlPage) episodes(rows int, o Options) {
	row := func(e *report.Episode) episodeRow {
		response, ok := o.Responses.to(e.ID)
		if ok {
			p.Responses = append(p.Responses, responseRow{fmt.Sprintf("Episode %s of %s", short(e.ID), e.Subject), e.ID, response})
		}
		return episodeRow{e, responseText(response, ok)}
	}
	var outside, baseline []episodeRow
	for _, e := range outsideTolerance(p.Control.Episodes) {
		outside = append(outside, row(e))
	}
	for i := range p.Control.Baseline {
		baseline = append(baseline, row(&p.Control.Baseline[i]))
	}
	for i := range p.Control.Episodes {
		if e := &p.Control.Episodes[i]; within(e.Class) {
			row(e)
		}
	}
	p.Outside, p.Baseline = limit(outside, rows), limit(baseline, rows)
}
