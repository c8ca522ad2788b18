package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// statusText prints a status for people.
type statusText struct {
	report *statusReport
	screen screen
	wide   bool
	// detailed is whether one policy was asked for.
	detailed bool
}

func (t statusText) print(out *strings.Builder) {
	if len(t.report.Policies) == 0 {
		out.WriteString("There is no ControlPolicy.\n")
	}
	t.policies(out)
	t.controls(out)
	t.conditions(out)
	t.episodes(out)
	t.transitions(out)
	out.WriteString("\n")
	t.screen.paragraph(out, "Read:", strings.Join(t.report.Sources, "; ")+".")
}

func (t statusText) policies(out *strings.Builder) {
	head := []string{"POLICY", "MODE", "CONFORMING", "ENFORCED", "IN SCOPE", "EXCLUDED", "OPEN", "EVIDENCE"}
	if t.wide {
		head = append(head, "READY", "GENERATION", "ENTRIES", "LEDGER")
	}
	rows := newTable(head...)
	for i := range t.report.Policies {
		p := &t.report.Policies[i]
		scope := v1alpha1.ScopeStatus{}
		if p.Status.Scope != nil {
			scope = *p.Status.Scope
		}
		cells := []string{p.Name, string(p.Mode), condition(p, v1alpha1.ConditionConforming), condition(p, v1alpha1.ConditionEnforced),
			number(scope.InScope), number(scope.Excluded), strconv.Itoa(p.open()), condition(p, v1alpha1.ConditionEvidenceRecorded)}
		if t.wide {
			cells = append(cells, condition(p, v1alpha1.ConditionReady), generation(p), entriesOf(p), ledgerOf(p))
		}
		rows.row(cells...)
	}
	rows.print(out, t.screen, "")
}

// condition is a condition's status, with the reason where that is not plain.
func condition(p *policyStatus, typ string) string {
	c := meta.FindStatusCondition(p.Status.Conditions, typ)
	switch {
	case c == nil:
		return ""
	case c.Status == metav1.ConditionTrue:
		return string(c.Status)
	default:
		return fmt.Sprintf("%s (%s)", c.Status, c.Reason)
	}
}

// generation is the policy's generation, and the one that the status speaks of
// where that is older.
func generation(p *policyStatus) string {
	if p.Status.ObservedGeneration == p.Generation {
		return strconv.FormatInt(p.Generation, 10)
	}
	return fmt.Sprintf("%d (status: %d)", p.Generation, p.Status.ObservedGeneration)
}

func entriesOf(p *policyStatus) string {
	if e := p.Status.Evidence; e != nil && e.Checkpoint != nil {
		return strconv.FormatInt(e.Checkpoint.Size, 10)
	}
	return ""
}

func ledgerOf(p *policyStatus) string {
	if p.Status.Evidence == nil {
		return ""
	}
	return short(p.Status.Evidence.LedgerID)
}

func (t statusText) controls(out *strings.Builder) {
	rows := newTable("CONTROL", "MODE", "CONFORMING", "CORRECTING", "DEVIATING", "NOT EVALUATED", "NOT APPLICABLE")
	for i := range t.report.Policies {
		p := &t.report.Policies[i]
		for _, c := range p.Status.Controls {
			rows.row(p.Name+"/"+c.ID, string(c.Mode), number(c.Conforming), number(c.Correcting), number(c.Deviating),
				number(c.NotEvaluated), number(c.NotApplicable))
		}
	}
	if len(rows.rows) > 0 {
		out.WriteString("\n")
		rows.print(out, t.screen, "")
	}
}

// conditions say why conditions are what they are: all of them where one policy
// was asked for, otherwise those that somebody may want to act on.
func (t statusText) conditions(out *strings.Builder) {
	rows := newTable()
	for i := range t.report.Policies {
		p := &t.report.Policies[i]
		if p.Status.ObservedGeneration != p.Generation {
			rows.row(p.Name, "Status:", stale(p))
		}
		for _, c := range p.Status.Conditions {
			if t.detailed || worthSaying(c) {
				rows.row(p.Name, c.Type+":", fmt.Sprintf("%s (%s)", c.Status, c.Reason), c.Message)
			}
		}
	}
	if len(rows.rows) > 0 {
		out.WriteString("\n")
		rows.print(out, t.screen, "")
	}
}

// stale says that a status does not speak of the newest spec.
func stale(p *policyStatus) string {
	if p.Status.ObservedGeneration == 0 {
		return "there is none: is the operator running?"
	}
	return fmt.Sprintf("it speaks of generation %d, the spec is at %d", p.Status.ObservedGeneration, p.Generation)
}

// worthSaying reports whether a condition's message says more than the table.
func worthSaying(c metav1.Condition) bool {
	bad := c.Status != metav1.ConditionTrue
	if c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling {
		bad = c.Status == metav1.ConditionTrue
	}
	return bad && c.Reason != v1alpha1.ReasonObserveOnly
}

func (t statusText) episodes(out *strings.Builder) {
	type episode struct {
		policy string
		v1alpha1.OpenEpisode
	}
	var open []episode
	total := 0
	for i := range t.report.Policies {
		p := &t.report.Policies[i]
		total += p.open()
		for _, e := range p.OpenEpisodes {
			open = append(open, episode{p.Name, e})
		}
	}
	if total == 0 {
		return
	}
	slices.SortStableFunc(open, func(a, b episode) int { return a.Since.Compare(b.Since.Time) })
	fmt.Fprintf(out, "\n%s, the longest first", count(uint64(total), "open episode"))
	if total > len(open) {
		fmt.Fprintf(out, "; %d of them are in the status", len(open))
	}
	out.WriteString("\n")
	rows := newTable("OPEN FOR", "SINCE", "CONTROL", "SUBJECT", "ORIGIN", "RULES", "WHAT")
	for _, e := range open {
		rows.row(duration.HumanDuration(t.report.ReadAt.Sub(e.Since.Time)), e.Since.UTC().Format(time.RFC3339),
			e.policy+"/"+e.Control, e.Subject, e.Origin, strings.Join(e.Rules, ", "), t.brief(e.Message))
	}
	rows.print(out, t.screen, "")
}

func (t statusText) transitions(out *strings.Builder) {
	if len(t.report.Transitions) == 0 {
		return
	}
	fmt.Fprintf(out, "\nNewest transitions, the newest last\n")
	rows := newTable("AT", "KIND", "CONTROL", "SUBJECT", "WHAT")
	for _, n := range t.report.Transitions {
		rows.row(n.At.UTC().Format(time.RFC3339), n.Kind, n.Control, n.Subject, t.brief(n.Message))
	}
	rows.print(out, t.screen, "")
}

// brief is the first sentence of a message, unless everything is shown.
func (t statusText) brief(message string) string {
	first, rest, _ := strings.Cut(message, ". ")
	if t.wide || rest == "" {
		return message
	}
	return first + ". …"
}

func number(n int32) string { return strconv.Itoa(int(n)) }
