package encryptionintransit

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

const (
	// maxCulprits bounds the culprits that a finding names.
	maxCulprits = 4
	// maxCulprit bounds a culprit, in bytes.
	maxCulprit = 200
	// maxMessage bounds a message, in bytes.
	maxMessage = 400
	// maxFact bounds a fact, in bytes.
	maxFact = 1024
)

// The facts.
const (
	// factFound is everything that speaks against the subject.
	factFound = "found"
	// factUndecided is what could not be judged, and why.
	factUndecided = "undecided"
	// factRecorded is what is in the clear, and recorded only.
	factRecorded = "recorded"
	// factSeen is what was observed.
	factSeen = "seen"
)

// issue is something that speaks against a subject, or that may.
type issue struct {
	// reason is that of the finding, and what a clause that names the culprit.
	reason, what string
}

// verdict gathers what a rule found on a subject.
type verdict struct {
	subject
	rule  string
	basis control.Basis
	// against speaks against the subject; undecided may; recorded would, if it were
	// not recorded only.
	against, undecided, recorded []issue
	seen                         []string
	until                        time.Time
}

func newVerdict(on subject, rule string, basis control.Basis) *verdict {
	return &verdict{subject: on, rule: rule, basis: basis}
}

func (v *verdict) accuse(reason, format string, args ...any) {
	v.against = append(v.against, issue{reason, fmt.Sprintf(format, args...)})
}

func (v *verdict) doubt(format string, args ...any) {
	v.undecided = append(v.undecided, issue{control.ReasonInconclusive, fmt.Sprintf(format, args...)})
}

// see notes what was observed.
func (v *verdict) see(format string, args ...any) {
	v.seen = append(v.seen, fmt.Sprintf(format, args...))
}

// turns notes a time at which the verdict may turn. What has passed turns nothing.
func (v *verdict) turns(now time.Time, times ...time.Time) {
	for _, at := range times {
		if at.After(now) {
			v.until = control.Earlier(v.until, at)
		}
	}
}

// blank returns a finding that says nothing yet.
func (v *verdict) blank(outcome control.Outcome, reason, message string) control.Finding {
	return control.Finding{
		Subject: v.Subject, Rule: v.rule, Basis: v.basis, Born: v.born, Until: v.until,
		Outcome: outcome, Reason: reason, Message: phrase.Clip(message, maxMessage),
	}
}

// notApplicable returns the verdict that there is nothing to judge.
func (v *verdict) notApplicable(reason, message string) control.Finding {
	return v.blank(control.NotApplicable, reason, message)
}

// blind returns the verdict where a need could not be observed.
func (v *verdict) blind(reason string, need control.Need) control.Finding {
	return v.blank(control.NotEvaluated, reason, fmt.Sprintf("Not judged: %s could not be observed.", need))
}

// finding returns the verdict: with the given reason and message where nothing
// speaks against the subject, and nothing may.
func (v *verdict) finding(reason, message string) control.Finding {
	f := v.blank(control.Conforming, reason, message)
	switch {
	case len(v.against) > 0:
		names := whats(v.against)
		f.Outcome, f.Reason, f.Message = control.Deviating, v.against[0].reason, summed(names)
		for _, name := range names[:min(len(names), maxCulprits)] {
			f.Culprits = append(f.Culprits, phrase.Clip(name, maxCulprit))
		}
	case len(v.undecided) > 0:
		worst := v.undecided[0]
		for _, u := range v.undecided {
			if u.reason != control.ReasonInconclusive {
				worst = u // what somebody can do something about
				break
			}
		}
		f.Outcome, f.Reason, f.Message = control.NotEvaluated, worst.reason, phrase.Clip("Not decided: "+worst.what+".", maxMessage)
	case len(v.recorded) > 0:
		f.Reason, f.Message = ReasonRecorded, phrase.Clip("Recorded, not forbidden: "+summed(whats(v.recorded)), maxMessage)
	}
	f.Facts = v.texts()
	return f
}

// texts returns each fact as one text, its parts in a stable order.
func (v *verdict) texts() map[string]string {
	all := map[string][]string{
		factFound: whats(v.against), factUndecided: whats(v.undecided), factRecorded: whats(v.recorded), factSeen: phrase.Sorted(v.seen),
	}
	texts := map[string]string{}
	for name, parts := range all {
		if len(parts) > 0 {
			texts[name] = phrase.Bounded(parts, maxFact)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}

func whats(issues []issue) []string {
	var names []string
	for _, i := range issues {
		names = append(names, i.what)
	}
	return phrase.Sorted(names)
}

// summed returns one sentence of clauses, and their number where they are many.
func summed(clauses []string) string {
	const room = maxMessage - len("; and 1000000 more.")
	return phrase.Capital(phrase.Bounded(clauses, room)) + "."
}

// sentence returns a text as part of a sentence: without its full stop.
func sentence(text string) string { return strings.TrimSuffix(strings.TrimSpace(text), ".") }
