package rendertest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// maker makes one control's part of a record.
type maker struct {
	report.Control
	tolerance time.Duration
	// since is when the control came into operation.
	since time.Duration
	seq   uint64
}

// event is something that made subjects deviate together.
type event struct {
	at       time.Duration
	subjects []int
	origin   string
	actor    string
	action   string
	rule     string
	message  string
	// lasted is the shortest possible length, unsure what may be added to it.
	lasted, unsure time.Duration
	ending         string
	recurring      bool
	unobserved     time.Duration
}

// newControl makes a control over so many namespaces.
func newControl(policy, id string, subjects int, mode string, tolerance time.Duration) *maker {
	m := &maker{tolerance: tolerance, seq: 100}
	nature := "Detective"
	if mode == "Enforce" {
		nature = "Detective and corrective"
	}
	m.Control = report.Control{
		Policy: policy, ID: id, Type: "networkIsolation", Owner: "platform-team", Priority: "High", Bases: []string{},
		Definitions: []report.Definition{{
			Interval: report.Interval{From: ledger.At(start), To: ledger.At(end)}, Digest: digest("definition", policy, id),
			Generation: 3, EvaluatorVersion: 4, Mode: mode, Nature: nature, SetBy: "argocd-controller", SetAt: at(-12 * day), Spec: digest("spec", policy),
		}},
		NotInOperation: []report.Interval{}, Subjects: []report.Subject{}, Baseline: []report.Episode{}, Removals: []report.Episode{}, Episodes: []report.Episode{},
		Groups: []report.Group{}, Left: []report.Left{}, Exclusions: []report.Exclusion{}, NotCorrecting: []report.Because{}, EvidenceLost: []report.Loss{},
	}
	if tolerance > 0 {
		m.Definitions[0].CorrectionWithin, m.Definitions[0].NewSubjectWithin = new(int64(tolerance)), new(int64(tolerance))
	}
	for i := range subjects {
		m.Subjects = append(m.Subjects, report.Subject{Subject: namespace(i)})
	}
	return m
}

// namespace is the nth namespace.
func namespace(n int) control.Subject {
	names := []string{"shop", "checkout", "cart", "search", "billing", "ledger", "identity", "web", "mail", "reports"}
	name := names[n%len(names)]
	if n >= len(names) {
		name = fmt.Sprintf("%s-%02d", name, n/len(names))
	}
	return control.Subject{Kind: "Namespace", Name: name, UID: fmt.Sprintf("5a1c0000-0000-4000-8000-%012d", n)}
}

// introduce says when the control was introduced, and began to operate.
func (m *maker) introduce(introduced, operating time.Duration) {
	m.since = operating
	m.IntroducedAt, m.OperatingFrom = later(introduced), later(operating)
	if operating > 0 {
		m.NotInOperation = append(m.NotInOperation, report.Interval{From: ledger.At(start), To: at(operating)})
	}
	m.Definitions[0].From = at(introduced)
	for i := range m.Subjects {
		m.Subjects[i].In = []report.Interval{{From: at(operating), To: ledger.At(end)}}
	}
}

// happen adds an event's episodes, in one group.
func (m *maker) happen(e event) {
	group := report.Group{
		ID: digest("group", m.Policy, m.ID, fmt.Sprint(m.seq))[:16], Class: m.class(e), Origin: e.origin, Actor: cmp.Or(e.actor, "unknown"),
		Action: e.action, Rules: []string{e.rule}, Subjects: len(e.subjects), Namespaces: []string{}, Episodes: len(e.subjects),
		From: at(e.at), Endings: map[string]int{}, Longest: report.Span{Min: int64(e.lasted)},
	}
	for i, n := range e.subjects {
		began := e.at + time.Duration(i)*137*time.Millisecond
		episode := m.episode(e, namespace(n), began, group.ID)
		m.Episodes = append(m.Episodes, episode)
		group.Endings[episode.Ending]++
		group.Longest.Max = episode.Length.Max
		if to := episode.Ended.NotAfter; to != nil {
			group.To = to
		}
		if len(group.Namespaces) < 20 {
			group.Namespaces = append(group.Namespaces, episode.Subject.Name)
		}
	}
	slices.Sort(group.Namespaces)
	m.Groups = append(m.Groups, group)
}

func (m *maker) episode(e event, subject control.Subject, began time.Duration, group string) report.Episode {
	m.seq += 7
	x := report.Episode{
		ID: digest("episode", m.Policy, m.ID, fmt.Sprint(m.seq)), Subject: subject, Class: m.class(e), Recurring: e.recurring,
		Origin: e.origin, Ending: cmp.Or(e.ending, "Open"), Unobserved: int64(e.unobserved),
		Started: report.Bounds{NotBefore: later(began - e.unsure), NotAfter: later(began)},
		Length:  report.Span{Min: int64(e.lasted)},
		Rules:   []control.RuleState{{Rule: e.rule, Reason: "Absent", Culprits: []string{"holdfast-default-deny-ingress"}}},
		Message: cmp.Or(e.message, "Ingress is not denied by default: NetworkPolicy holdfast-default-deny-ingress is missing."),
		Actor:   cmp.Or(e.actor, "unknown"), Action: e.action, Definition: m.Definitions[0].Digest,
		LedgerID: LedgerID, First: m.seq, ExistedBy: later(began + 12*time.Hour), Group: group,
	}
	if e.origin == "NewSubject" || e.origin == "AfterGap" {
		x.Started.NotBefore = nil
	}
	if x.Ending != "Open" {
		x.Length.Max = new(int64(e.lasted + e.unsure))
		x.Ended = report.Bounds{NotBefore: later(began + e.lasted), NotAfter: later(began + e.lasted + 40*time.Millisecond)}
		x.Last = new(m.seq + 3)
	}
	if x.Ending == "Repaired" {
		x.Repairs = 1
	}
	if e.recurring {
		x.Contested, x.Failures = true, 1
	}
	return x
}

func (m *maker) class(e event) string {
	switch {
	case e.recurring || e.lasted > m.tolerance:
		return report.ClassDeviation
	case e.ending == "":
		return report.ClassPending
	case e.lasted+e.unsure > m.tolerance || e.ending == "UnknownInGap":
		return report.ClassIndeterminate
	case e.ending == "Repaired" || e.ending == "Corrected":
		return report.ClassWithinTolerance
	default:
		return report.ClassIndeterminate
	}
}

// countsOf counts episodes.
func countsOf(episodes []report.Episode, groups []report.Group) report.Counts {
	c := report.Counts{
		Episodes: len(episodes), Groups: len(groups),
		Classes: map[string]int{}, Origins: map[string]int{}, Endings: map[string]int{}, LongerThan: []report.Longer{},
	}
	var lengths []int64
	for _, e := range episodes {
		c.Classes[e.Class]++
		c.Origins[e.Origin]++
		c.Endings[e.Ending]++
		if e.Length.Max != nil {
			lengths = append(lengths, *e.Length.Max)
		}
	}
	for _, than := range []time.Duration{0, time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, time.Hour, day} {
		l := report.Longer{Than: int64(than)}
		for _, e := range episodes {
			if e.Length.Min > l.Than {
				l.Surely++
			}
			if e.Length.Max == nil || *e.Length.Max > l.Than {
				l.Possibly++
			}
		}
		c.LongerThan = append(c.LongerThan, l)
	}
	if slices.Sort(lengths); len(lengths) > 0 {
		c.Median, c.P95, c.Longest = new(lengths[len(lengths)/2]), new(lengths[len(lengths)*95/100]), new(lengths[len(lengths)-1])
	}
	return c
}
