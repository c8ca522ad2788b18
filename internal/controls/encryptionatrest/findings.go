package encryptionatrest

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

const (
	// maxCulprits bounds the culprits that a finding names.
	maxCulprits = 4
	// maxMessage bounds a message, in bytes.
	maxMessage = 256
	// maxFact bounds a fact, in bytes.
	maxFact = 1024
)

// unobserved returns the verdict on a rule that needs what was not observed, and
// nil where all of it was.
func unobserved(s *control.Snapshot, needs ...control.Need) *control.Finding {
	reason, need := s.Unobserved(append([]control.Need{control.NeedNamespaces}, needs...)...)
	if reason == "" {
		return nil
	}
	return &control.Finding{
		Outcome: control.NotEvaluated,
		Basis:   control.BasisConfiguration,
		Reason:  reason,
		Message: fmt.Sprintf("Not judged: %s could not be observed.", need),
	}
}

// conforming, deviating and undecided return a finding on configuration.
func conforming(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.Conforming, Basis: control.BasisConfiguration, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

// deviating names its culprits where {names} stands in the message, and only their
// number where they would make it too long.
func deviating(rule, reason, message, noun string, culprits ...string) control.Finding {
	culprits = phrase.Sorted(culprits)
	return control.Finding{Rule: rule, Outcome: control.Deviating, Basis: control.BasisConfiguration, Reason: reason,
		Message: phrase.Clip(phrase.Named(message, noun, culprits, maxMessage), maxMessage), Culprits: culprits[:min(len(culprits), maxCulprits)]}
}

func undecided(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.NotEvaluated, Basis: control.BasisConfiguration, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

func notApplicable(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.NotApplicable, Basis: control.BasisConfiguration, Reason: reason, Message: phrase.Clip(message, maxMessage)}
}

// fact notes what else a rule saw.
func fact(f *control.Finding, name string, parts ...string) {
	if text := phrase.Bounded(phrase.Sorted(parts), maxFact); text != "" {
		if f.Facts == nil {
			f.Facts = map[string]string{}
		}
		f.Facts[name] = text
	}
}
