package assess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
)

// Unit is one subject under one control, judged.
type Unit struct {
	Def      *Definition
	Control  *Control
	Subject  control.Subject
	Findings []control.Finding
	State    control.State
	// Born is when the subject came to be; zero for the scope's own.
	Born time.Time
	// Until is when the state may become another one by the mere passing of time,
	// zero if never.
	Until time.Time
	// Distrusted is whether the evaluator failed its self-test: nothing was judged.
	Distrusted bool
	// Failed is whether the evaluator panicked. The unit then stands for every
	// subject of the control in the scope, whatever they are.
	Failed bool
}

// Judge evaluates every control of a definition over one snapshot.
func Judge(def *Definition, snapshot *control.Snapshot, now time.Time) []Unit {
	var units []Unit
	for i := range def.Controls {
		units = append(units, judge(def, &def.Controls[i], snapshot, now)...)
	}
	return units
}

// judge evaluates one control. There is no unit where the scope holds nothing that
// it judges.
func judge(def *Definition, c *Control, snapshot *control.Snapshot, now time.Time) []Unit {
	if c.JudgesNamespaces() && snapshot.Namespace.IsCluster() {
		return nil
	}
	findings, failed := evaluate(c, inputOf(def, c, snapshot, now))
	units := group(def, c, findings)
	for i := range units {
		units[i].Failed = failed
	}
	return units
}

func inputOf(def *Definition, c *Control, snapshot *control.Snapshot, now time.Time) control.Input {
	return control.Input{Policy: def.Name, Control: c.Spec, Scope: c.Scope, Backup: c.Backup, GuardElsewhere: c.GuardElsewhere,
		Snapshot: c.view(snapshot), Now: now}
}

// JudgesNamespaces reports whether each namespace in scope is a subject of the
// control, and nothing else is.
func (c *Control) JudgesNamespaces() bool { return controls.JudgesNamespaces(c.Type) }

// evaluate runs an evaluator. One that panics has not evaluated its subjects, and
// neither has one that says nothing about a namespace which is a subject itself.
func evaluate(c *Control, in control.Input) (findings []control.Finding, failed bool) {
	defer func() {
		if p := recover(); p != nil {
			findings, failed = unevaluated(in, fmt.Sprintf("the evaluator failed: %.200v", p)), true
		}
	}()
	if findings = c.Kind.Evaluate(in); len(findings) == 0 && c.JudgesNamespaces() {
		return unevaluated(in, "the evaluator returned no finding"), false
	}
	return findings, false
}

func unevaluated(in control.Input, message string) []control.Finding {
	return []control.Finding{{Subject: in.Snapshot.Namespace.Subject(), Outcome: control.NotEvaluated,
		Basis: control.BasisConfiguration, Reason: control.ReasonFailed, Message: message}}
}

// group makes units of findings, which are ordered by subject.
func group(def *Definition, c *Control, findings []control.Finding) []Unit {
	var units []Unit
	for len(findings) > 0 {
		n := 1
		for n < len(findings) && findings[n].Subject == findings[0].Subject {
			n++
		}
		units = append(units, Unit{Def: def, Control: c, Subject: findings[0].Subject, Born: findings[0].Born,
			Until: earliest(findings[:n]), Findings: findings[:n:n], State: control.StateOf(findings[:n])})
		findings = findings[n:]
	}
	return units
}

// earliest is when the first of the findings may change by time alone.
func earliest(findings []control.Finding) time.Time {
	var first time.Time
	for i := range findings {
		first = control.Earlier(first, findings[i].Until)
	}
	return first
}

// Settled is the unit's state, but for a namespace that is being deleted: what
// is found missing from the deletion on is a removal, and begins no episode.
// open is whether the unit was recorded as Deviating before.
func (u *Unit) Settled(ns control.Namespace, open bool) control.State {
	if !ns.Terminating || u.State.Outcome != control.Deviating || open {
		return u.State
	}
	return control.State{Outcome: control.NotApplicable, Basis: control.BasisConfiguration,
		Rules: []control.RuleState{{Reason: control.ReasonTerminating}}}
}

// Partly is whether something that the unit's control needs could not be
// observed: what was found is not all there may be.
func (u *Unit) Partly(snapshot *control.Snapshot) bool { return u.Control.Partly(snapshot) }

// Partly is whether something that the control needs could not be observed.
func (c *Control) Partly(snapshot *control.Snapshot) bool {
	return len(snapshot.Unavailable) > 0 && slices.ContainsFunc(c.Needs, func(need control.Need) bool {
		_, missing := snapshot.Unavailable[need]
		return missing
	})
}

// Finds is whether everything could be observed that says which subjects there are:
// one that is not found is not there. What probes see does not say that.
func (c *Control) Finds(snapshot *control.Snapshot) bool {
	return len(snapshot.Unavailable) == 0 || !slices.ContainsFunc(c.Needs, func(need control.Need) bool {
		_, missing := snapshot.Unavailable[need]
		return missing && need != control.NeedProbes
	})
}

// Blind is whether the unit was not evaluated because a kind could not be
// observed. That is one gap, and not one entry per subject.
func (u *Unit) Blind(snapshot *control.Snapshot) bool {
	return u.State.Outcome == control.NotEvaluated && u.Partly(snapshot)
}

// Failing are the rules that deviate, in order.
func (u *Unit) Failing() []string {
	var failing []string
	for _, f := range u.Findings {
		if f.Outcome == control.Deviating {
			failing = append(failing, f.Rule)
		}
	}
	return failing
}

// Messages are those of the findings which decide the unit's state.
func (u *Unit) Messages() string {
	var messages []string
	for _, f := range u.Findings {
		if f.Outcome == u.State.Outcome && u.State.Outcome != control.Conforming && !slices.Contains(messages, f.Message) {
			messages = append(messages, f.Message)
		}
	}
	return strings.Join(messages, " ")
}
