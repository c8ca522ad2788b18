package backup

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

const (
	// maxCulprits bounds the culprits that a finding names.
	maxCulprits = 4
	// maxMessage bounds a message, in bytes.
	maxMessage = 320
	// maxFact bounds a fact, in bytes.
	maxFact = 1024
	// maxDetail bounds what others say, such as a server's errors, in bytes.
	maxDetail = 120
)

// ReasonProviderNotInstalled surfaces when the API server does not serve the kinds
// of what is to make the backups.
const ReasonProviderNotInstalled = "ProviderNotInstalled"

// unjudged returns the verdict on a rule that needs kinds which are not served, or
// what was not observed, and nil where all of it was.
func unjudged(s *control.Snapshot, kinds []string, needs ...control.Need) *control.Finding {
	var absent []string
	for _, kind := range kinds {
		for _, name := range s.NotServed {
			if name == kind {
				absent = append(absent, kind)
			}
		}
	}
	if len(absent) > 0 {
		f := deviating(ReasonProviderNotInstalled, "What is to make the backups is not installed: {names} not served.", "kinds are", absent...)
		return &f
	}
	reason, need := s.Unobserved(append([]control.Need{control.NeedNamespaces}, needs...)...)
	if reason == "" {
		return nil
	}
	f := undecided(reason, fmt.Sprintf("Not judged: %s could not be observed.", need))
	return &f
}

// conforming, deviating, undecided and notApplicable return a finding on
// configuration, without its rule and subject.
func conforming(reason, message string) control.Finding {
	return finding(control.Conforming, reason, message)
}

// deviating names its culprits where {names} stands in the message, and only their
// number where they would make it too long.
func deviating(reason, message, noun string, culprits ...string) control.Finding {
	culprits = phrase.Sorted(culprits)
	f := finding(control.Deviating, reason, phrase.Named(message, noun, culprits, maxMessage))
	for _, culprit := range culprits[:min(len(culprits), maxCulprits)] {
		f.Culprits = append(f.Culprits, phrase.Clip(culprit, maxDetail))
	}
	return f
}

func undecided(reason, message string) control.Finding {
	return finding(control.NotEvaluated, reason, message)
}

func notApplicable(reason, message string) control.Finding {
	return finding(control.NotApplicable, reason, message)
}

func finding(outcome control.Outcome, reason, message string) control.Finding {
	return control.Finding{Outcome: outcome, Basis: control.BasisConfiguration, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

// fact notes what else a rule saw, in the order in which it is given.
func fact(f *control.Finding, name string, parts ...string) {
	if text := phrase.Bounded(parts, maxFact); text != "" {
		if f.Facts == nil {
			f.Facts = map[string]string{}
		}
		f.Facts[name] = text
	}
}

// worst is the finding that decides among several of one rule: one that deviates
// before one that is undecided. The others' culprits and facts go with it, and it
// may change when the first of them does.
func worst(findings []control.Finding) control.Finding {
	rank := map[control.Outcome]int{control.Conforming: 1, control.NotEvaluated: 2, control.Deviating: 3}
	best := findings[0]
	for _, f := range findings[1:] {
		if rank[f.Outcome] > rank[best.Outcome] {
			best = f
		}
	}
	decided := best
	decided.Facts, decided.Culprits = nil, nil
	var messages, culprits []string
	for _, f := range findings {
		decided.Until = control.Earlier(decided.Until, f.Until)
		for name, text := range f.Facts {
			fact(&decided, name, text)
		}
		if f.Outcome == best.Outcome {
			messages, culprits = append(messages, f.Message), append(culprits, f.Culprits...)
		}
	}
	decided.Message = phrase.Clip(joined(messages), maxMessage)
	if culprits = phrase.Sorted(culprits); len(culprits) > 0 {
		decided.Culprits = culprits[:min(len(culprits), maxCulprits)]
	}
	return decided
}

// joined makes one text of sentences.
func joined(sentences []string) string {
	text := ""
	for i, s := range sentences {
		if i > 0 {
			text += " "
		}
		text += s
	}
	return text
}
