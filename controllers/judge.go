package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// judge evaluates every control of the definitions over one snapshot.
func judge(defs []*definition, snapshot *control.Snapshot, now time.Time) []unit {
	var units []unit
	for _, def := range defs {
		for i := range def.controls {
			c := &def.controls[i]
			findings := evaluate(c, inputOf(def, c, snapshot, now))
			units = append(units, group(def, c, findings)...)
		}
	}
	return units
}

func inputOf(def *definition, c *controlDefinition, snapshot *control.Snapshot, now time.Time) control.Input {
	return control.Input{Policy: def.name, Control: c.spec, Snapshot: snapshot, Now: now}
}

// evaluate runs an evaluator. One that panics, or finds nothing at all, has not
// evaluated its subject.
func evaluate(c *controlDefinition, in control.Input) (findings []control.Finding) {
	defer func() {
		if p := recover(); p != nil {
			findings = unevaluated(in, fmt.Sprintf("the evaluator failed: %.200v", p))
		}
	}()
	if findings = c.kind.Evaluate(in); len(findings) == 0 {
		return unevaluated(in, "the evaluator returned no finding")
	}
	return findings
}

func unevaluated(in control.Input, message string) []control.Finding {
	return []control.Finding{{Subject: in.Snapshot.Namespace.Subject(), Outcome: control.NotEvaluated,
		Basis: control.BasisConfiguration, Reason: control.ReasonFailed, Message: message}}
}

// group makes units of findings, which are ordered by subject.
func group(def *definition, c *controlDefinition, findings []control.Finding) []unit {
	var units []unit
	for len(findings) > 0 {
		n := 1
		for n < len(findings) && findings[n].Subject == findings[0].Subject {
			n++
		}
		units = append(units, unit{def: def, control: c, subject: findings[0].Subject,
			findings: findings[:n:n], state: control.StateOf(findings[:n])})
		findings = findings[n:]
	}
	return units
}

// failing are the findings of the unit that deviate.
func (u *unit) failing() []control.Finding {
	var failing []control.Finding
	for _, f := range u.findings {
		if f.Outcome == control.Deviating {
			failing = append(failing, f)
		}
	}
	return failing
}

// message is that of the findings which decide the unit's state.
func (u *unit) message() string {
	var messages []string
	for _, f := range u.findings {
		if f.Outcome == u.state.Outcome && u.state.Outcome != control.Conforming && !slices.Contains(messages, f.Message) {
			messages = append(messages, f.Message)
		}
	}
	return clip(strings.Join(messages, " "))
}
