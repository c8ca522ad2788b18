package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

const (
	// oscalVersion is the version of OSCAL that is written.
	oscalVersion = "1.2.2"
	// oscalNamespace is that of the properties that are Holdfast's own.
	oscalNamespace = "https://holdfast.dev/ns/oscal"
	// oscalPlan stands where OSCAL wants an assessment plan: that is the auditor's.
	oscalPlan = "#assessment-plan-of-the-assessor"
)

// OSCAL writes the record as OSCAL assessment results with observations only:
// one per control, per episode and per gap. What an assessor concludes from them
// is not theirs. Ids are derived from the ledger's id and the ids in it.
func OSCAL(w io.Writer, r *report.Record, o Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(newOSCAL(r, o)); err != nil {
		return fmt.Errorf("write the assessment results: %w", err)
	}
	return nil
}

// oscalWriter makes the parts of a document.
type oscalWriter struct {
	*report.Record
	options Options
	space   uuid.UUID
	items   map[control.Subject]string
}

func newOSCAL(r *report.Record, o Options) oscalDocument {
	w := &oscalWriter{Record: r, options: o, space: uuid.NewSHA1(uuid.NameSpaceURL, []byte(oscalNamespace+"/"+firstLedger(r))), items: map[control.Subject]string{}}
	query := strings.Join(append(periodCells(r), queryText(r.Query)), " ")
	return oscalDocument{oscalAssessmentResults{
		UUID: w.id("record", query, exact(&r.Through)),
		Metadata: oscalMetadata{
			Title: line(r.Title), LastModified: exact(&r.Through), Version: line(r.Status), OSCALVersion: oscalVersion,
			Props: w.props("status", r.Status, "schema", r.Schema), Remarks: strings.Join(append(slices.Clone(r.Statements), r.Banners...), "\n\n"),
		},
		ImportAP: oscalImport{Href: oscalPlan, Remarks: "The assessment plan is the assessor's own; this software has none."},
		Results:  []oscalResult{w.result(query)},
	}}
}

// firstLedger is the id of the ledger that all others continue: it stays.
func firstLedger(r *report.Record) string {
	if len(r.Custody.Ledgers) == 0 {
		return ""
	}
	return r.Custody.Ledgers[0].LedgerID
}

// id is a UUID of version 5 within the chain of ledgers.
func (w *oscalWriter) id(parts ...string) string {
	return uuid.NewSHA1(w.space, []byte(strings.Join(parts, "\x00"))).String()
}

// props are properties, of names and values in turn; those without a value are
// left out.
func (w *oscalWriter) props(pairs ...string) []oscalProp {
	var list []oscalProp
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := line(pairs[i+1]); value != "" {
			list = append(list, oscalProp{pairs[i], oscalNamespace, value})
		}
	}
	return list
}

// line is text in one line, without spaces at its ends.
func line(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

func (w *oscalWriter) result(query string) oscalResult {
	result := oscalResult{
		UUID: w.id("result", query, exact(&w.Through)), Title: line(w.Title),
		Description: "Observations of Holdfast. They hold no conclusion: what follows from them for a criterion is the assessor's judgement.",
		Start:       exact(cmp.Or(w.Query.AsOf, w.Query.From, &w.Through)), End: exact(&w.Through),
		ReviewedControls: oscalReviewed{[]oscalSelection{w.selection()}},
		Props:            w.props("ledgers", ledgerText(w.Custody), "entries", strconv.FormatUint(w.Entries.Folded, 10)),
	}
	for i := range w.Controls {
		c := &w.Controls[i]
		result.Observations = append(result.Observations, w.control(c))
		for _, e := range allEpisodes(c) {
			result.Observations = append(result.Observations, w.episode(c, &e))
		}
	}
	for i := range w.Gaps {
		result.Observations = append(result.Observations, w.gap(&w.Gaps[i]))
	}
	if items := w.inventory(); len(items) > 0 {
		result.LocalDefinitions = &oscalDefinitions{items}
	}
	return result
}

// selection names the controls, by the ids that the company gave them.
func (w *oscalWriter) selection() oscalSelection {
	s := oscalSelection{Description: "Controls as management declares them; the ids are the company's own."}
	for i := range w.Controls {
		if id := (oscalControl{w.Controls[i].ID}); !slices.Contains(s.Controls, id) {
			s.Controls = append(s.Controls, id)
		}
	}
	if len(s.Controls) == 0 {
		s.All = &struct{}{}
	}
	return s
}

// inventory are the subjects that observations name, sorted.
func (w *oscalWriter) inventory() []oscalItem {
	var items []oscalItem
	for subject, id := range w.items {
		items = append(items, oscalItem{UUID: id, Description: subject.String(), Props: w.props("unit-id", ledger.UnitID(subject), "uid", subject.UID)})
	}
	slices.SortFunc(items, func(a, b oscalItem) int {
		return cmp.Or(cmp.Compare(a.Description, b.Description), cmp.Compare(a.UUID, b.UUID))
	})
	return items
}

func (w *oscalWriter) subject(s control.Subject) []oscalSubject {
	id, ok := w.items[s]
	if !ok {
		id = w.id("subject", ledger.UnitID(s))
		w.items[s] = id
	}
	return []oscalSubject{{UUID: id, Type: "inventory-item", Title: line(s.String())}}
}

// control is the observation about a control as a whole.
func (w *oscalWriter) control(c *report.Control) oscalObservation {
	text := []string{line(c.Statement)}
	for i := range c.Definitions {
		text = append(text, tolerance(&c.Definitions[i])+".")
	}
	if len(c.Subjects) == 0 {
		text = append(text, noOccurrence)
	}
	if w.Query.AsOf == nil {
		text = append(text, "Coverage "+coverage(c.Coverage)+".", "Episodes: "+episodesLine(c.Counts)+".")
	}
	props := w.props("control", name(c), "owner", c.Owner, "criteria", strings.Join(c.Criteria, " "), "subjects", strconv.Itoa(len(c.Subjects)),
		"episodes", strconv.Itoa(c.Counts.Episodes), "coverage", coverage(c.Coverage))
	for i := range c.Behaviour {
		b := &c.Behaviour[i]
		text = append(text, "Probed, "+behaviourLine(b)+".")
		props = append(props, w.props("probe-runs-"+strings.ToLower(b.Of), strconv.Itoa(b.Runs), "probe-targets-"+strings.ToLower(b.Of), strconv.Itoa(b.Targets),
			"probe-unseen-"+strings.ToLower(b.Of), strconv.Itoa(b.Unseen))...)
	}
	text, props = w.backups(c, text, props)
	return oscalObservation{
		UUID: w.id("control", name(c)), Title: line("Control " + name(c)), Description: strings.Join(text, "\n\n"),
		Props: props, Methods: []string{"EXAMINE"}, Types: []string{"control-objective"}, Collected: exact(&w.Through),
	}
}

// backups adds what is said of backups and restore tests.
func (w *oscalWriter) backups(c *report.Control, text []string, props []oscalProp) ([]string, []oscalProp) {
	if t := c.RestoreTests; t != nil {
		text = append(text, "Restore tests: "+restoreTests(t)+".")
		props = append(props, w.props("restore-tests-restored", strconv.Itoa(t.Restored), "restore-tests-failed", strconv.Itoa(t.Failed),
			"restore-tests-not-made", strconv.Itoa(t.NotMade))...)
	}
	b := c.Backups
	switch {
	case b == nil:
		return text, props
	case w.Query.AsOf != nil:
		return append(text, "Backups: "+newestPoint(b.RecoveryPoints, w.Query.AsOf)+"."), props
	}
	text = append(text, "The plan: "+planTime(b.Plan)+".", "Its runs: "+backupSlots(b.Slots)+".", "Restores: "+restorePaths(b.Restores)+".",
		"Recovery points: "+recoveryLine(b.RecoveryPoints)+".")
	return text, append(props, w.props("slots-expected", strconv.Itoa(b.Slots.Expected), "slots-completed", strconv.Itoa(b.Slots.Completed),
		"slots-late", strconv.Itoa(b.Slots.Late), "slots-partially-failed", strconv.Itoa(b.Slots.PartiallyFailed), "slots-failed", strconv.Itoa(b.Slots.Failed),
		"slots-missed", strconv.Itoa(b.Slots.Missed), "slots-pending", strconv.Itoa(b.Slots.Pending), "extra-runs", strconv.Itoa(b.Slots.Extra))...)
}

// episode is the observation of an episode.
func (w *oscalWriter) episode(c *report.Control, e *report.Episode) oscalObservation {
	collected := firstKnown(e.Started)
	if collected.IsZero() {
		collected = w.Through
	}
	observation := oscalObservation{
		UUID: w.id("episode", name(c), e.ID), Title: line("Episode of " + e.Subject.String() + " under " + name(c)),
		Description: fmt.Sprintf("%s Began %s, lasted %s, ending %s.", e.Message, bounds(e.Started), span(e.Length), e.Ending),
		Props: w.props("control", name(c), "episode", e.ID, "class", e.Class, "origin", e.Origin, "ending", e.Ending,
			"started-not-before", exact(e.Started.NotBefore), "started-not-after", exact(e.Started.NotAfter),
			"ended-not-before", exact(e.Ended.NotBefore), "ended-not-after", exact(e.Ended.NotAfter),
			"length-min-seconds", seconds(e.Length.Min), "length-max-seconds", secondsOrNone(e.Length.Max),
			"rules", rules(e.Rules), "actor-not-authenticated", e.Actor, "action", e.Action, "group", e.Group),
		Methods: []string{"EXAMINE"}, Types: []string{"historic"}, Subjects: w.subject(e.Subject), Collected: exact(&collected),
		Evidence: []oscalEvidence{{Description: entriesText(e)}},
	}
	if response, ok := w.options.Responses.to(e.ID); ok {
		observation.Remarks = Unaudited + ": " + responseText(response, true)
	}
	return observation
}

// entriesText says which entries tell of an episode.
func entriesText(e *report.Episode) string {
	text := fmt.Sprintf("Ledger %s, entry %d", e.LedgerID, e.First)
	if e.Last != nil {
		text += fmt.Sprintf(" to entry %d", *e.Last)
	}
	return text
}

// gap is the observation that there was none.
func (w *oscalWriter) gap(g *report.Gap) oscalObservation {
	return oscalObservation{
		UUID: w.id("gap", g.Cause, g.Kind, g.Policy, exact(&g.From), strconv.FormatUint(g.Seq, 10)), Title: line("Gap: " + g.Cause + ", " + gapRows([]report.Gap{*g})[0].What()),
		Description: gapMeaning(g.Cause) + " " + intervalText(g.Interval) + ".",
		Props:       w.props("from", exact(&g.From), "to", exact(&g.To), "cause", g.Cause, "kind", g.Kind, "policy", g.Policy, "message", g.Message),
		Methods:     []string{"EXAMINE"}, Types: []string{"historic"}, Collected: exact(&g.From),
	}
}
