package encryptionatrest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
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
	for _, need := range append([]control.Need{control.NeedNamespaces}, needs...) {
		if reason, unavailable := s.Unavailable[need]; unavailable {
			return &control.Finding{
				Outcome: control.NotEvaluated,
				Basis:   control.BasisConfiguration,
				Reason:  cmp.Or(reason, control.ReasonFailed),
				Message: fmt.Sprintf("Not judged: %s could not be observed.", need),
			}
		}
	}
	return nil
}

// conforming, deviating and undecided return a finding on configuration.
func conforming(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.Conforming, Basis: control.BasisConfiguration, Reason: reason, Message: clip(message, maxMessage)}
}

// deviating names its culprits where {names} stands in the message, and only their
// number where they would make it too long.
func deviating(rule, reason, message, noun string, culprits ...string) control.Finding {
	culprits = sortedSet(culprits)
	text := strings.ReplaceAll(message, "{names}", strings.Join(culprits, ", "))
	if len(text) > maxMessage {
		text = clip(strings.ReplaceAll(message, "{names}", fmt.Sprintf("%d %s", len(culprits), noun)), maxMessage)
	}
	return control.Finding{Rule: rule, Outcome: control.Deviating, Basis: control.BasisConfiguration, Reason: reason,
		Message: text, Culprits: culprits[:min(len(culprits), maxCulprits)]}
}

func undecided(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.NotEvaluated, Basis: control.BasisConfiguration, Reason: reason, Message: clip(message, maxMessage)}
}

func notApplicable(rule, reason, message string) control.Finding {
	return control.Finding{Rule: rule, Outcome: control.NotApplicable, Basis: control.BasisConfiguration, Reason: reason, Message: clip(message, maxMessage)}
}

// fact notes what else a rule saw.
func fact(f *control.Finding, name string, parts ...string) {
	if text := bounded(parts); text != "" {
		if f.Facts == nil {
			f.Facts = map[string]string{}
		}
		f.Facts[name] = text
	}
}

// bounded joins parts as far as they fit, and counts the others.
func bounded(parts []string) string {
	const room = maxFact - len("; and 1000000 more")
	parts = sortedSet(parts)
	var text strings.Builder
	for i, part := range parts {
		if text.Len()+len("; ")+len(part) > room && i > 0 {
			fmt.Fprintf(&text, "; and %d more", len(parts)-i)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(clip(part, room))
	}
	return text.String()
}

// clip shortens a text that is too long.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

func sortedSet(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// earlier returns the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// listed joins words as people do.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
