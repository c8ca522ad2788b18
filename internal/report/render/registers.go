package render

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// ofControl are the first columns of what belongs to a control.
func ofControl(columns ...string) []string { return append([]string{"policy", "control"}, columns...) }

// registers are all registers of a record.
func registers(r *report.Record, o Options) []register {
	list := []register{
		controlRegister(r), scopeRegister(r), exclusionRegister(r), leftRegister(r), subjectRegister(r),
		episodeRegister(r, o), removalRegister(r), groupRegister(r, o), occurrenceRegister(r), gapRegister(r), changeRegister(r),
		accessRegister(r), anchorRegister(r),
	}
	if hasBehaviour(r) {
		list = append(list, behaviourRegister(r))
	}
	return append(list, backupRegisters(r)...)
}

func controlRegister(r *report.Record) register {
	return register{
		file: "controls.csv", about: "one row per definition of a control that was in force",
		sums: fmt.Sprintf("%d controls", len(r.Controls)),
		columns: ofControl("type", "statement", "owner", "criteria", "bases", "priority", "from", "to", "mode", "nature", "definition", "generation",
			"evaluator_version", "tolerance_correction_s", "tolerance_new_subject_s", "set_by", "set_at", "episodes", "due_subject_s",
			"conforming_subject_s", "deviating_subject_s", "not_applicable_subject_s", "not_evaluated_subject_s", "gap_subject_s"),
		rows: ofControls(r, func(c *report.Control) []report.Definition { return c.Definitions }, func(c *report.Control, d *report.Definition) []string {
			row := slices.Concat([]string{c.Type, c.Statement, c.Owner, strings.Join(c.Criteria, " "), strings.Join(c.Bases, " "), c.Priority}, interval(d.Interval))
			row = append(row, d.Mode, d.Nature, d.Digest, whole(d.Generation), whole(d.EvaluatorVersion), secondsOrNone(d.CorrectionWithin),
				secondsOrNone(d.NewSubjectWithin), d.SetBy, exact(&d.SetAt), whole(d.Counts.Episodes))
			return append(row, timeCells(d.Time)...)
		}),
	}
}

func timeCells(t report.Time) []string {
	return []string{
		subjectSeconds(t.Due), subjectSeconds(t.Conforming), subjectSeconds(t.Deviating),
		subjectSeconds(t.NotApplicable), subjectSeconds(t.NotEvaluated), subjectSeconds(t.Gap),
	}
}

func scopeRegister(r *report.Record) register {
	return register{
		file: "scope.csv", about: "one row per census: the first and the last of the period, per control; where it counts several kinds, each has a row after that of all",
		sums: "total = conforming + deviating + not_applicable + not_evaluated + excluded + not_selected",
		columns: ofControl("census", "slot", "unit", "total", "conforming", "deviating", "not_applicable", "not_evaluated", "excluded",
			"not_selected", "entry", "manifest", "population", "queries"),
		rows: ofControls(r, censuses, func(c *report.Control, a *namedCensus) []string {
			return []string{
				a.name, exact(&a.Slot), cmp.Or(a.kind, c.Census.Unit), whole(a.Total), whole(a.Conforming), whole(a.Deviating), whole(a.NotApplicable),
				whole(a.NotEvaluated), whole(a.Excluded), whole(a.NotSelected), strconv.FormatUint(a.Seq, 10), a.Manifest, a.Population, queries(a.Lists),
			}
		}),
	}
}

// namedCensus is a census with what it is called, or the part of it that is of a kind.
type namedCensus struct {
	name, kind string
	*report.CensusAt
}

func censuses(c *report.Control) []namedCensus {
	var list []namedCensus
	for _, of := range []namedCensus{{name: "first", CensusAt: c.Census.AtStart}, {name: "last", CensusAt: c.Census.AtEnd}} {
		if of.CensusAt == nil {
			continue
		}
		list = append(list, of)
		for _, k := range severalKinds(of.CensusAt) {
			part := *of.CensusAt
			part.Census = k.Census
			list = append(list, namedCensus{of.name, k.Kind, &part})
		}
	}
	return list
}

// severalKinds are the parts of a census that counts more than one kind.
func severalKinds(a *report.CensusAt) []ledger.KindCensus {
	if len(a.Kinds) < 2 {
		return nil
	}
	return a.Kinds
}

// queries says how kinds were listed.
func queries(lists []ledger.ManifestList) string {
	var parts []string
	for _, l := range lists {
		if l.Failed != "" {
			parts = append(parts, fmt.Sprintf("GET %s failed: %s", l.Query, l.Failed))
			continue
		}
		parts = append(parts, fmt.Sprintf("GET %s at resourceVersion %s: %d objects", l.Query, l.ResourceVersion, l.Count))
	}
	return strings.Join(parts, "; ")
}

func exclusionRegister(r *report.Record) register {
	return register{
		file: "exclusions.csv", about: "one row per exclusion from a control's scope, as stated and not authenticated",
		sums:    "",
		columns: ofControl("from", "to", "namespaces", "builtin", "reason", "approved_by_as_stated", "review_by", "overdue"),
		rows: ofControls(r, func(c *report.Control) []report.Exclusion { return c.Exclusions }, func(_ *report.Control, x *report.Exclusion) []string {
			return append(interval(x.Interval), strings.Join(x.Namespaces, " "), yes(x.Builtin), x.Reason, x.ApprovedBy, x.ReviewBy, yes(x.Overdue))
		}),
	}
}

func leftRegister(r *report.Record) register {
	return register{
		file: "left.csv", about: "one row per subject that left a control's scope while it existed",
		sums:    "",
		columns: ofControl(append(subjectColumns(), "at", "cause", "disposition", "open_episode", "returned", "out_of_scope_s", "entry")...),
		rows: ofControls(r, func(c *report.Control) []report.Left { return c.Left }, func(_ *report.Control, x *report.Left) []string {
			return append(subjectCells(x.Subject), exact(&x.At), x.Cause, x.Disposition, x.Episode, exact(x.Returned), seconds(x.Out), strconv.FormatUint(x.Seq, 10))
		}),
	}
}

func subjectColumns() []string {
	return []string{"group", "kind", "namespace", "name", "uid", "unit_id"}
}

func subjectCells(s control.Subject) []string {
	return []string{s.Group, s.Kind, s.Namespace, s.Name, s.UID, ledger.UnitID(s)}
}

func subjectRegister(r *report.Record) register {
	total := 0
	for i := range r.Controls {
		total += len(r.Controls[i].Subjects)
	}
	return register{
		file: "subjects.csv", about: "one row per subject of a control in the period",
		sums: fmt.Sprintf("%d subjects of %d controls", total, len(r.Controls)),
		columns: ofControl(append(subjectColumns(), "in_scope", "episodes", "due_subject_s", "conforming_subject_s", "deviating_subject_s",
			"not_applicable_subject_s", "not_evaluated_subject_s", "gap_subject_s", "final_outcome", "final_rules")...),
		rows: ofControls(r, func(c *report.Control) []report.Subject { return c.Subjects }, func(_ *report.Control, s *report.Subject) []string {
			row := append(subjectCells(s.Subject), inScope(s.In), whole(s.Episodes))
			row = append(row, timeCells(s.Time)...)
			if s.Final == nil {
				return append(row, "", "")
			}
			return append(row, string(s.Final.Outcome), rules(s.Final.Rules))
		}),
	}
}

func inScope(in []report.Interval) string {
	var parts []string
	for _, i := range in {
		parts = append(parts, exact(&i.From)+"/"+exact(&i.To))
	}
	return strings.Join(parts, " ")
}

// rules are rules with their reasons and culprits.
func rules(list []control.RuleState) string {
	var parts []string
	for _, rule := range list {
		part := strings.TrimSpace(rule.Rule + " " + rule.Reason)
		if len(rule.Culprits) > 0 {
			part += " (" + strings.Join(rule.Culprits, ", ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func episodeRegister(r *report.Record, o Options) register {
	episodes, baseline := 0, 0
	for i := range r.Controls {
		episodes += r.Controls[i].Counts.Episodes
		baseline += len(r.Controls[i].Baseline)
	}
	return register{
		file: "episodes.csv", about: "one row per episode: an uninterrupted interval in which a subject deviated",
		sums:    fmt.Sprintf("%d episodes + %d that were there when a control was introduced = %d rows", episodes, baseline, episodes+baseline),
		columns: ofControl(episodeColumns()...),
		rows:    ofControls(r, allEpisodes, func(_ *report.Control, e *report.Episode) []string { return episodeCells(e, o) }),
	}
}

func removalRegister(r *report.Record) register {
	return register{
		file: "removals.csv", about: "one row per state that was found while its subject was being deleted: these are no episodes",
		sums:    "",
		columns: ofControl(episodeColumns()...),
		rows: ofControls(r, func(c *report.Control) []report.Episode { return c.Removals }, func(_ *report.Control, e *report.Episode) []string {
			return episodeCells(e, Options{})
		}),
	}
}

func episodeColumns() []string {
	columns := append([]string{"episode", "class", "recurring", "origin", "ending"}, subjectColumns()...)
	return append(columns, "started_not_before", "started_not_after", "ended_not_before", "ended_not_after", "length_min_s", "length_max_s",
		"unobserved_s", "rules", "message", "actor_not_authenticated", "action", "definition", "repairs", "repairs_failed", "contested", "ledger",
		"first_entry", "last_entry", "existed_by", "episode_group", "response_unaudited")
}

func allEpisodes(c *report.Control) []report.Episode { return slices.Concat(c.Baseline, c.Episodes) }

func episodeCells(e *report.Episode, o Options) []string {
	row := append([]string{e.ID, e.Class, yes(e.Recurring), e.Origin, e.Ending}, subjectCells(e.Subject)...)
	row = append(row, fourTimes(e.Started, e.Ended)...)
	return append(row, seconds(e.Length.Min), secondsOrNone(e.Length.Max), seconds(e.Unobserved), rules(e.Rules), e.Message, e.Actor, e.Action,
		e.Definition, whole(e.Repairs), whole(e.Failures), yes(e.Contested), e.LedgerID, position(&e.First), position(e.Last),
		exact(e.ExistedBy), e.Group, responseText(o.Responses.to(e.ID)))
}

func responseText(response Response, ok bool) string {
	if !ok {
		return ""
	}
	text := response.Text
	if response.By != "" {
		text += " (" + strings.TrimSpace(response.By+" "+response.Date) + ")"
	}
	return text
}

func groupRegister(r *report.Record, o Options) register {
	groups, episodes := 0, 0
	for i := range r.Controls {
		groups += len(r.Controls[i].Groups)
		for _, g := range r.Controls[i].Groups {
			episodes += g.Episodes
		}
	}
	return register{
		file: "groups.csv", about: "one row per event: episodes of the same cause that began together",
		sums: fmt.Sprintf("%d groups of %d episodes", groups, episodes),
		columns: ofControl("episode_group", "class", "origin", "actor_not_authenticated", "action", "rules", "subjects", "namespaces_first_20",
			"episodes", "from", "to", "longest_min_s", "longest_max_s", "endings", "response_unaudited"),
		rows: ofControls(r, func(c *report.Control) []report.Group { return c.Groups }, func(_ *report.Control, g *report.Group) []string {
			return []string{
				g.ID, g.Class, g.Origin, g.Actor, g.Action, strings.Join(g.Rules, " "), whole(g.Subjects), strings.Join(g.Namespaces, " "),
				whole(g.Episodes), exact(&g.From), exact(g.To), seconds(g.Longest.Min), secondsOrNone(g.Longest.Max), tally(g.Endings),
				responseText(o.Responses.to(g.ID)),
			}
		}),
	}
}

// tally writes counts by name.
func tally(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(parts, ", ")
}

func occurrenceRegister(r *report.Record) register {
	var sums []string
	for _, s := range r.Slots {
		sums = append(sums, s.Schedule+": "+slotsLine(s))
	}
	return register{
		file: "occurrences.csv", about: "one row per collection, or per run of missed slots",
		sums: strings.Join(sums, "; "),
		columns: []string{
			"schedule", "slot", "last_slot", "slots", "state", "ended", "manifest", "compared", "superseded", "discrepancies",
			"agrees_with_entries", "disagreements_first_20", "reason", "message", "ledger", "entry",
		},
		rows: each(r.Collections, func(c *report.Collection) []string {
			return []string{
				c.Schedule, exact(&c.Slot), exact(c.LastSlot), whole(c.Count), c.State, exact(c.Ended), c.Manifest, whole(c.Compared), whole(c.Superseded),
				whole(c.Discrepancies), yes(c.Agrees), strings.Join(c.Disagreements, "; "), c.Reason, c.Message, c.LedgerID, position(&c.Seq),
			}
		}),
	}
}

func gapRegister(r *report.Record) register {
	return register{
		file: "gaps.csv", about: "one row per interval in which observation was due and absent",
		sums:    "gaps may overlap: their lengths do not add up",
		columns: []string{"from", "to", "open", "length_s", "cause", "meaning", "kind", "policy", "message", "entry"},
		rows: each(r.Gaps, func(g *report.Gap) []string {
			return append(interval(g.Interval), yes(g.Open), seconds(int64(g.To.Sub(g.From.Time))), g.Cause, gapMeaning(g.Cause), g.Kind, g.Policy, g.Message, position(&g.Seq))
		}),
	}
}

func changeRegister(r *report.Record) register {
	return register{
		file: "changes.csv", about: "one row per edit of a policy or schedule, and per introduction or withdrawal of a control",
		sums:    "",
		columns: []string{"at", "what", "type", "generation", "from", "to", "paths", "more_paths", "actor_not_authenticated", "change_reference", "message", "entry"},
		rows: each(r.Changes, func(c *report.Change) []string {
			return []string{
				exact(&c.At), c.What, c.Type, whole(c.Generation), c.From, c.To, strings.Join(c.Paths, " "), whole(c.MorePaths), c.Actor,
				c.ChangeRef, c.Message, position(&c.Seq),
			}
		}),
	}
}

func accessRegister(r *report.Record) register {
	return register{
		file: "access.csv", about: "one row per observation and capability: who could act on Holdfast and its evidence, by RBAC",
		sums:    "limits: " + strings.Join(r.Tool.AccessLimits, " "),
		columns: []string{"at", "capability", "holders", "holds_two_or_more", "unavailable", "object", "entry"},
		rows:    accessRows(r.Tool.Access),
	}
}

func accessRows(list []report.Access) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, a := range list {
			holders := a.Holders
			if len(holders) == 0 {
				// That it could not be read is a row, too.
				holders = []report.Holder{{}}
			}
			for _, h := range holders {
				if !yield([]string{exact(&a.At), h.Capability, strings.Join(h.Subjects, "; "), strings.Join(a.Combined, "; "), a.Unavailable, a.Digest, position(&a.Seq)}) {
					return
				}
			}
		}
	}
}

func anchorRegister(r *report.Record) register {
	return register{
		file: "anchors.csv", about: "one row per receipt of a party outside the cluster, or failure to get one",
		sums:    fmt.Sprintf("intervals without: %d; the longest: %s s", len(r.Custody.Unanchored), seconds(r.Custody.LongestUnanchored)),
		columns: []string{"name", "type", "ledger", "origin", "size", "root_hash", "receipt", "at", "observed", "failed", "entry"},
		rows: each(r.Custody.Anchors, func(a *report.Anchored) []string {
			return []string{
				a.Name, a.Type, a.LedgerID, a.Origin, position(&a.Size), a.RootHash, a.Receipt, exact(a.At), exact(&a.Observed), a.Failed, position(&a.Seq),
			}
		}),
	}
}
