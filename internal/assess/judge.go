package assess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
)

// Unit is one subject under one control, judged.
type Unit struct {
	Def      *Definition
	Control  *Control
	Subject  control.Subject
	Findings []control.Finding
	State    control.State
	// Distrusted is whether the evaluator failed its self-test: nothing was judged.
	Distrusted bool
}

// Judge evaluates every control of a definition over one snapshot.
func Judge(def *Definition, snapshot *control.Snapshot, now time.Time) []Unit {
	var units []Unit
	for i := range def.Controls {
		c := &def.Controls[i]
		findings := evaluate(c, inputOf(def, c, snapshot, now))
		units = append(units, group(def, c, findings)...)
	}
	return units
}

func inputOf(def *Definition, c *Control, snapshot *control.Snapshot, now time.Time) control.Input {
	return control.Input{Policy: def.Name, Control: c.Spec, Snapshot: snapshot, Now: now}
}

// evaluate runs an evaluator. One that panics, or finds nothing at all, has not
// evaluated its subject.
func evaluate(c *Control, in control.Input) (findings []control.Finding) {
	defer func() {
		if p := recover(); p != nil {
			findings = unevaluated(in, fmt.Sprintf("the evaluator failed: %.200v", p))
		}
	}()
	if findings = c.Kind.Evaluate(in); len(findings) == 0 {
		return unevaluated(in, "the evaluator returned no finding")
	}
	return findings
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
		units = append(units, Unit{Def: def, Control: c, Subject: findings[0].Subject,
			Findings: findings[:n:n], State: control.StateOf(findings[:n])})
		findings = findings[n:]
	}
	return units
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
func (u *Unit) Partly(snapshot *control.Snapshot) bool {
	return slices.ContainsFunc(u.Control.Needs, func(need control.Need) bool {
		_, missing := snapshot.Unavailable[need]
		return missing
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

// Wish is what the unit's control wants done in the scope. It reports false
// where the control does not repair: it observes, or it cannot. The error is
// what was refused, and leaves the rest of the wish standing.
func (u *Unit) Wish(snapshot *control.Snapshot, now time.Time) (wish enforce.Wish, enforces bool, err error) {
	remediator, can := u.Control.Kind.(control.Remediator)
	if !can || !u.Control.repairs() || snapshot.Namespace.Terminating {
		return enforce.Wish{}, false, nil
	}
	changes, err := remediator.Wants(inputOf(u.Def, u.Control, snapshot, now))
	return enforce.Wish{
		Source:  enforce.Source{Policy: u.Def.Name, Control: u.Control.Spec.ID},
		Paused:  !u.Def.PausedUntil(now).IsZero(),
		Changes: changes, Failing: u.Failing(),
	}, true, err
}
