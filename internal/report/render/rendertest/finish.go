package rendertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// subjectUnit is the unit of subject-time.
const subjectUnit = time.Microsecond

// before is an episode that was there when the control was introduced.
func (m *maker) before(n int, lasted time.Duration) report.Episode {
	e := m.episode(event{rule: "NP-01", lasted: lasted, ending: "Corrected", origin: "Baseline"}, namespace(n), m.since, "")
	e.Class, e.Started.NotBefore = report.ClassBaseline, nil
	return e
}

// gaps are the gaps of every record but the empty one.
func gaps() []report.Gap {
	gap := func(from, lasted time.Duration, cause, kind, policy, message string, seq uint64) report.Gap {
		return report.Gap{Interval: report.Interval{From: at(from), To: at(from + lasted)}, Cause: cause, Kind: kind, Policy: policy, Message: message, Seq: seq}
	}
	return []report.Gap{
		gap(14*day+2*time.Hour, 1300*time.Millisecond, ledger.CauseNotRunning, "", "", "", 7011),
		gap(34*day, 2*time.Hour, ledger.CauseNotRunning, "", "", "the node of the operator was drained", 18044),
		gap(52*day+7*time.Hour, 9*time.Minute, ledger.CauseWatchStalled, "NetworkPolicy", "", "", 27102),
		gap(58*day, 40*time.Minute, ledger.CauseForbidden, "Pod", "", "listing is forbidden", 30111),
		gap(58*day, 40*time.Minute, ledger.CauseForbidden, "Service", "", "listing is forbidden", 30112),
		gap(66*day, 3*time.Hour, ledger.CauseInvalidPolicy, "", "payments", "spec.controls[0]: unknown field", 34002),
	}
}

// finish derives what follows from the controls' lists, and fills the other sections.
func finish(r *report.Record, makers ...*maker) {
	r.Gaps = gaps()
	for _, m := range makers {
		m.finish(r.Gaps)
		r.Controls = append(r.Controls, m.Control)
	}
	r.Matrix = matrix(r.Controls)
	r.Collections, r.Slots = collections()
	r.Changes = changes()
	r.Tool = tool()
	r.Markers = []report.Marker{
		{Kind: report.MarkerRecurrence, Control: "production-baseline/NET-1", Message: "legacy-operator removed holdfast-default-deny-ingress from Namespace cart on 2 days.", Refs: []string{}},
		{Kind: report.MarkerPersistence, Control: "production-baseline/AV-1", Message: "Namespace search deviated for 1d06h in one episode.", Refs: []string{}},
		{Kind: report.MarkerConcentration, Control: "production-baseline/AV-1", Message: "5 of 14 episodes are in 1 namespace.", Refs: []string{}},
	}
	r.Entries = report.EntryCounts{
		Folded:  48212,
		ByKind:  map[string]uint64{"LedgerOpened": 1, "Heartbeat": 25920, "OutcomeChanged": 21001, "Repaired": 90, "Gap": 6, "Collected": 1195},
		Unknown: map[string]uint64{"WeatherObserved": 2},
	}
}

func (m *maker) finish(gaps []report.Gap) {
	for i := range m.Subjects {
		m.subjectTime(&m.Subjects[i], gaps)
	}
	m.Counts = countsOf(m.Episodes, m.Groups)
	d := &m.Definitions[0]
	d.Time, d.Counts = m.Time, m.Counts
	m.Coverage = coverageOf(m.Time)
	m.CoverageSince = m.Coverage
	m.census()
	added := 0
	for _, e := range m.Episodes {
		switch {
		case e.Origin == "NewSubject":
			added++
		case e.Ending == "LeftScope":
			m.Left = append(m.Left, report.Left{Subject: e.Subject, At: *e.Ended.NotAfter, Cause: "LabelsChanged", Disposition: "NotSelected", Episode: e.ID, Returned: later(70 * day), Out: int64(13 * day), Seq: *e.Last})
		}
		m.Repairs.Repaired += e.Repairs
		m.Repairs.Failed += e.Failures
		if e.Contested {
			m.Repairs.Contested++
		}
	}
	m.NewSubjects = report.NewSubjects{Added: added, Deviated: added, Conformed: added}
	if added > 0 {
		m.NewSubjects.Within, m.NewSubjects.Median = new(added), new(int64(300*time.Millisecond))
		m.NewSubjects.P99, m.NewSubjects.Longest = new(int64(1100*time.Millisecond)), new(int64(1300*time.Millisecond))
	}
	m.Exclusions = exclusions()
	if d.Nature != "Detective" && len(m.Subjects) > 0 {
		m.NotCorrecting = append(m.NotCorrecting,
			report.Because{Interval: report.Interval{From: at(22*day + 10*time.Hour), To: at(22*day + 11*time.Hour)}, Reason: "Contested", Message: "legacy-operator undid 6 repairs within an hour", Subject: "Namespace cart"},
			report.Because{Interval: report.Interval{From: at(60 * day), To: at(60*day + 6*time.Hour)}, Reason: "Paused", Message: "migration CHG-881"})
		m.EvidenceLost = append(m.EvidenceLost, report.Loss{Interval: report.Interval{From: at(50 * day), To: at(50*day + 90*time.Second)}, Count: 12, Units: 3})
	}
}

// subjectTime is a subject's time by outcome, and adds it to the control's.
func (m *maker) subjectTime(s *report.Subject, gaps []report.Gap) {
	s.Final = &control.State{Outcome: control.Conforming, Basis: control.BasisConfiguration}
	due := end.Sub(start) - m.since
	var deviating, gap time.Duration
	for _, e := range slices.Concat(m.Baseline, m.Episodes) {
		if e.Subject != s.Subject {
			continue
		}
		if e.Origin != "Baseline" {
			s.Episodes++
		}
		deviating += time.Duration(e.Length.Min)
		if e.Ending == "Open" {
			s.Final = &control.State{Outcome: control.Deviating, Basis: control.BasisConfiguration, Rules: e.Rules}
		}
	}
	for _, g := range gaps {
		if g.Kind == "" && g.Policy == "" {
			gap += g.To.Sub(g.From.Time)
		}
	}
	s.Time = report.Time{
		Due: int64(due / subjectUnit), Deviating: int64(deviating / subjectUnit), Gap: int64(gap / subjectUnit),
	}
	s.Time.Conforming = s.Time.Due - s.Time.Deviating - s.Time.Gap
	m.Time.Due += s.Time.Due
	m.Time.Conforming += s.Time.Conforming
	m.Time.Deviating += s.Time.Deviating
	m.Time.Gap += s.Time.Gap
}

func coverageOf(t report.Time) report.Coverage {
	c := report.Coverage{Evaluated: t.Conforming + t.Deviating + t.NotApplicable, Due: t.Due}
	if t.Due > 0 {
		c.PerMyriad = new(c.Evaluated / (t.Due / 10000))
		if c.Evaluated < c.Due {
			*c.PerMyriad = min(*c.PerMyriad, 9999)
		}
	}
	return c
}

func (m *maker) census() {
	n := len(m.Subjects)
	m.Census = report.Population{Unit: "Namespace", Start: max(n-9, 0), Added: min(n, 9), End: n, Days: n * 90}
	if n == 0 {
		return
	}
	list := ledger.ManifestList{
		Version: "v1", Resource: "namespaces", Query: "/api/v1/namespaces", ResourceVersion: "918273", Pages: 1, Count: n + 12, From: at(m.since), To: at(m.since + 80*time.Millisecond),
	}
	m.Census.AtStart = &report.CensusAt{
		Slot: at(m.since), Seq: 412, Census: ledger.Census{Total: m.Census.Start + 12, Conforming: m.Census.Start - 3, Deviating: 3, Excluded: 4, NotSelected: 8},
		Manifest: digest("manifest", m.Policy, m.ID, "start"), Population: digest("population", m.Policy, m.ID, "start"), Lists: []ledger.ManifestList{list},
	}
	list.ResourceVersion, list.From, list.To = "2918273", at(90*day-time.Hour), at(90*day-time.Hour+91*time.Millisecond)
	m.Census.AtEnd = &report.CensusAt{
		Slot: at(90*day - time.Hour), Seq: 48190, Census: ledger.Census{Total: n + 12, Conforming: n - 1, Deviating: 1, Excluded: 4, NotSelected: 8},
		Manifest: digest("manifest", m.Policy, m.ID, "end"), Population: digest("population", m.Policy, m.ID, "end"), Lists: []ledger.ManifestList{list},
	}
}

func exclusions() []report.Exclusion {
	whole := report.Interval{From: ledger.At(start), To: ledger.At(end)}
	return []report.Exclusion{
		{Interval: whole, Namespaces: []string{"holdfast-system", "kube-node-lease", "kube-public", "kube-system"}, Builtin: true},
		{Interval: whole, Namespaces: []string{"legacy-batch"}, Reason: "RISK-112: batch jobs until the migration", ApprovedBy: "ciso", ReviewBy: "2026-02-28", Overdue: true},
	}
}

// collections are an hourly schedule's that missed three slots.
func collections() ([]report.Collection, []report.SlotPopulation) {
	collected := func(slot time.Duration, state string, seq uint64) report.Collection {
		return report.Collection{
			Schedule: "soc2-2026", Slot: at(slot), State: state, Count: 1, Ended: later(slot + 2*time.Second), Manifest: digest("manifest", fmt.Sprint(seq)),
			Compared: 58, LedgerID: LedgerID, Seq: seq, Agrees: true, Disagreements: []string{},
		}
	}
	partial := collected(58*day, "Partial", 30113)
	partial.Reason, partial.Message = "Forbidden", "pods is forbidden"
	late := collected(34*day+4*time.Hour, "Late", 18060)
	differs := collected(72*day, "Completed", 37000)
	differs.Discrepancies, differs.Superseded, differs.Agrees = 1, 2, false
	differs.Disagreements = []string{"production-baseline/NET-1 Namespace mail: the manifest says Deviating, the entries say Conforming"}
	missed := report.Collection{
		Schedule: "soc2-2026", Slot: at(34 * day), LastSlot: later(34*day + 2*time.Hour), State: "Missed", Count: 3, Reason: ledger.CauseNotRunning,
		LedgerID: LedgerID, Seq: 18045, Agrees: true, Disagreements: []string{},
	}
	failed := collected(81*day, "Failed", 42000)
	failed.Manifest, failed.Reason, failed.Message = "", "Unreachable", "the API server did not answer within 30s"
	list := []report.Collection{collected(0, "Completed", 412), missed, late, partial, differs, failed, collected(90*day-time.Hour, "Completed", 48190)}
	return list, []report.SlotPopulation{{Schedule: "soc2-2026", Expected: 10, Completed: 3, Late: 1, Partial: 1, Failed: 1, Missed: 3, Pending: 1}}
}

func changes() []report.Change {
	return []report.Change{
		{At: at(0), What: "ControlPolicy production-baseline", Type: "Created", Generation: 1, To: digest("spec", "1"), Paths: []string{}, Actor: "argocd-controller", ChangeRef: "CHG-801", Seq: 60},
		{At: at(31 * day), What: "ControlPolicy payments", Type: "Created", Generation: 1, To: digest("spec", "payments"), Paths: []string{}, Actor: "argocd-controller", ChangeRef: "CHG-844", Seq: 16100},
		{At: at(31 * day), What: "Control payments/NET-1", Type: "Introduced", Generation: 1, Paths: []string{}, Actor: "unknown", Message: "6 subjects", Seq: 16102},
		{At: at(60 * day), What: "ControlPolicy production-baseline", Type: "Updated", Generation: 3, From: digest("spec", "1"), To: digest("spec", "2"), Paths: []string{"spec.enforcement.pause"}, Actor: "kubectl-edit", ChangeRef: "CHG-881", Seq: 31001},
		{At: at(63 * day), What: "EvidenceSchedule soc2-2026", Type: "Updated", Generation: 2, From: digest("s", "1"), To: digest("s", "2"), Paths: []string{"spec.retention"}, MorePaths: 1, Actor: "unknown", Seq: 32900},
	}
}
