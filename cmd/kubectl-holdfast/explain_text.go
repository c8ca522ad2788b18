package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// explainText prints an explanation for people.
type explainText struct {
	report *explainReport
	screen screen
	// whole is whether one subject was asked for: then all is told of it.
	whole bool
}

func (t explainText) print(out *strings.Builder) {
	t.control(out)
	t.summary(out)
	if t.whole {
		t.subject(out)
	} else {
		t.table(out)
	}
	t.screen.unobserved(out, t.report.Unobserved)
	if len(t.report.Rights) > 0 {
		t.screen.paragraph(out, "To observe them,", "ask for "+strings.Join(t.report.Rights, ", ")+
			", or for the ClusterRole holdfast-auditor-reperform, which grants all of it.")
	}
	out.WriteString("\n")
	t.screen.paragraph(out, "Read:", strings.Join(t.report.Sources, "; ")+".")
}

// control prints what the control states.
func (t explainText) control(out *strings.Builder) {
	r := t.report
	fmt.Fprintf(out, "%s\n", t.screen.paint(bold, r.Policy+"/"+r.Control))
	rows := newTable()
	line := func(name, text string) {
		if text != "" {
			rows.row(name, text)
		}
	}
	line("statement", r.Statement)
	line("owner", r.Owner)
	var criteria []string
	for _, c := range r.Criteria {
		criteria = append(criteria, fmt.Sprintf("%s %s", c.ID, c.Title))
	}
	line("criteria", strings.Join(criteria, ", "))
	line("mode", string(r.Mode))
	line("tolerance", toleranceText(r.Tolerance))
	if r.Recorded != nil && r.Recorded.OperatingFrom != nil {
		line("operates from", r.Recorded.OperatingFrom.UTC().Format(time.RFC3339))
	}
	if c := meta.FindStatusCondition(r.Conditions, v1alpha1.ConditionConforming); c != nil && c.Reason == v1alpha1.ReasonNotEvaluated {
		line("conforming", fmt.Sprintf("%s (%s): %s", c.Status, c.Reason, c.Message))
	}
	if c := meta.FindStatusCondition(r.Conditions, v1alpha1.ConditionEnforced); c != nil && worthSaying(*c) {
		line("enforced", fmt.Sprintf("%s (%s): %s", c.Status, c.Reason, c.Message))
	}
	rows.print(out, t.screen, "  ")
}

func toleranceText(t *v1alpha1.Tolerance) string {
	if t == nil {
		return "none stated: every episode is a deviation"
	}
	var parts []string
	if t.CorrectionWithin != nil {
		parts = append(parts, "corrected within "+t.CorrectionWithin.Duration.String())
	}
	if t.NewSubjectWithin != nil {
		parts = append(parts, "new subjects within "+t.NewSubjectWithin.Duration.String())
	}
	return strings.Join(parts, ", ")
}

// summary counts the scope and the outcomes.
func (t explainText) summary(out *strings.Builder) {
	r := t.report
	fmt.Fprintf(out, "\n%s in scope, %d excluded, %d not selected.", count(uint64(r.Scope[assess.InScope]), "namespace"),
		r.Scope[assess.Excluded], r.Scope[assess.NotSelected])
	outcomes := map[control.Outcome]int{}
	for i := range r.Subjects {
		outcomes[r.Subjects[i].Outcome]++
	}
	if t.whole || len(r.Subjects) == 0 {
		out.WriteString("\n")
		return
	}
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		parts = append(parts, fmt.Sprintf("%d %s", outcomes[o], o))
	}
	fmt.Fprintf(out, " Judged now: %s.\n", strings.Join(parts, ", "))
}

// table prints one line per subject.
func (t explainText) table(out *strings.Builder) {
	head, named := "NAMESPACE", func(s control.Subject) string { return s.Name }
	if slices.ContainsFunc(t.report.Subjects, func(j judged) bool { return j.Subject.Kind != "Namespace" }) {
		head, named = "SUBJECT", control.Subject.String
	}
	rows := newTable(head, "OUTCOME", "RULES", "RECORDED", "WHAT")
	for i := range t.report.Subjects {
		j := &t.report.Subjects[i]
		rows.row(named(j.Subject), string(j.Outcome), strings.Join(j.rules(), ", "), t.recorded(j), j.first())
	}
	if len(rows.rows) > 0 {
		out.WriteString("\n")
		rows.print(out, t.screen, "")
	}
}

// rules are those that decide the outcome, unless it is Conforming.
func (j *judged) rules() []string {
	state := control.StateOf(j.Findings)
	return state.RuleIDs()
}

// first is the message of the first finding that decides the outcome.
func (j *judged) first() string {
	for _, f := range j.Findings {
		if f.Outcome == j.Outcome && j.Outcome != control.Conforming {
			return f.Message
		}
	}
	return ""
}

// recorded says what the operator recorded last of a subject, as far as the
// status tells: it lists ten episodes.
func (t explainText) recorded(j *judged) string {
	counts := t.report.Recorded
	switch {
	case j.Episode != nil:
		return "open for " + duration.HumanDuration(t.report.JudgedAt.Sub(j.Episode.Since.Time))
	case counts == nil:
		return "nothing yet"
	case counts.Deviating+counts.Correcting > t.listed():
		return "not in the status"
	case j.Outcome == control.Deviating:
		return "no open episode"
	default:
		return ""
	}
}

// listed is the number of the control's open episodes that the status lists.
func (t explainText) listed() int32 {
	n := int32(0)
	for i := range t.report.Subjects {
		if t.report.Subjects[i].Episode != nil {
			n++
		}
	}
	return n
}

// subject tells all of one subject.
func (t explainText) subject(out *strings.Builder) {
	out.WriteString("\n")
	if t.report.OutOfScope != "" {
		t.screen.paragraph(out, "Not judged:", t.report.OutOfScope+".")
	}
	for i := range t.report.Subjects {
		j := &t.report.Subjects[i]
		fmt.Fprintf(out, "%s: %s, judged now\n", t.screen.paint(bold, printable(j.Subject.String())), t.screen.tint(string(j.Outcome)))
		t.findings(out, j)
		for _, refusal := range j.Refusals {
			t.screen.paragraph(out, "Not repaired:", refusal)
		}
		t.episode(out, j)
	}
	if len(t.report.Transitions) > 0 {
		out.WriteString("\nNewest transitions, the newest last\n")
		rows := newTable("AT", "KIND", "WHAT")
		for _, n := range t.report.Transitions {
			rows.row(n.At.UTC().Format(time.RFC3339), n.Kind, n.Message)
		}
		rows.print(out, t.screen, "  ")
	}
}

// findings prints each rule's verdict, with what it rests on below.
func (t explainText) findings(out *strings.Builder, j *judged) {
	rows := newTable("RULE", "OUTCOME", "REASON", "WHAT")
	for _, f := range j.Findings {
		rows.row(f.Rule, string(f.Outcome), f.Reason, f.Message)
		if len(f.Culprits) > 0 {
			rows.row(" ", " ", "culprits", strings.Join(f.Culprits, ", "))
		}
		for _, name := range slices.Sorted(maps.Keys(f.Facts)) {
			rows.row(" ", " ", name, f.Facts[name])
		}
	}
	rows.print(out, t.screen, "  ")
}

// episode says what the operator recorded last.
func (t explainText) episode(out *strings.Builder, j *judged) {
	e := j.Episode
	if e == nil {
		if j.Outcome == control.Deviating {
			t.screen.paragraph(out, "Recorded:", "no open episode is in the policy's status: the operator has not published it yet, or does not run.")
		}
		return
	}
	text := fmt.Sprintf("an open episode since %s (%s), origin %s, %s", e.Since.UTC().Format(time.RFC3339),
		duration.HumanDuration(t.report.JudgedAt.Sub(e.Since.Time)), e.Origin, strings.Join(e.Rules, ", "))
	if e.Message != "" {
		text += ": " + e.Message
	}
	t.screen.paragraph(out, "Recorded:", text)
}
