package networkisolation

import (
	"fmt"
	"strings"

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

// The facts that findings have in common.
const (
	// factFound is what is found that the control forbids or has recorded.
	factFound = "found"
	// factAccepted is what acceptedExposure covers, and where it was approved.
	factAccepted = "accepted"
	// factStated is what is open because the control itself states it.
	factStated = "stated"
	// factUndecided is what could not be judged, and why.
	factUndecided = "undecided"
)

// undecided returns the verdict on a rule that needs what was not observed, or
// that the end of the namespace leaves without a meaning; and nil where it can
// be judged. Namespaces are always needed, and pods to tell such an end.
func undecided(s *control.Snapshot, needs ...control.Need) *control.Finding {
	needs = append([]control.Need{control.NeedNamespaces}, needs...)
	if s.Namespace.Terminating {
		needs = append(needs, control.NeedPods)
	}
	if reason, need := s.Unobserved(needs...); reason != "" {
		return &control.Finding{
			Outcome: control.NotEvaluated,
			Reason:  reason,
			Message: fmt.Sprintf("Not judged: %s could not be observed.", need),
		}
	}
	if s.Namespace.Terminating && !s.Namespace.HasRunningPods {
		return &control.Finding{
			Outcome: control.NotApplicable,
			Reason:  control.ReasonTerminating,
			Message: "The namespace is being deleted and runs no pods.",
		}
	}
	return nil
}

// tally is what a rule of the control found, by what becomes of it.
type tally struct {
	// against is what speaks against the subject, named as culprits are.
	against []string
	// undecided is what may speak against it: nobody knows.
	undecided []string
	// accepted is true where acceptedExposure covers something.
	accepted bool
	facts    map[string][]string
}

// wording is how a rule of the control puts its findings: reasons, and messages
// in which {names} stands for what is named.
type wording struct {
	rule string
	// noun is used with a number where the names would make a message too long.
	noun string
	// reason and message are for what speaks against the subject.
	reason, message string
	// goodReason and goodMessage are for a subject that nothing speaks against.
	goodReason, goodMessage string
	// doubt is the end of the message where the verdict hangs on something unknown.
	doubt string
}

func (t *tally) fact(name, text string) {
	if t.facts == nil {
		t.facts = map[string][]string{}
	}
	t.facts[name] = append(t.facts[name], text)
}

// doubt notes something that may speak against the subject, and why that is not known.
func (t *tally) doubt(name, why string) {
	t.undecided = append(t.undecided, name)
	t.fact(factUndecided, name+": "+why)
}

// finding returns the verdict. What is only recorded does not make the subject
// deviate; but what nobody knows cannot be recorded.
func (t *tally) finding(w wording, record bool) control.Finding {
	f := control.Finding{Rule: w.rule, Outcome: control.Conforming, Facts: factTexts(t.facts)}
	against, unknown := phrase.Sorted(t.against), phrase.Sorted(t.undecided)
	switch {
	case len(against) > 0 && !record:
		f.Outcome, f.Reason, f.Message = control.Deviating, w.reason, phrase.Named(w.message, w.noun, against, maxMessage)
		f.Culprits = against[:min(len(against), maxCulprits)]
	case len(unknown) > 0:
		f.Outcome, f.Reason = control.NotEvaluated, control.ReasonInconclusive
		f.Message = phrase.Named("Not decided "+w.doubt, w.noun, unknown, maxMessage)
	case len(against) > 0:
		f.Reason, f.Message = ReasonRecorded, phrase.Named("Recorded, not forbidden: "+lower(w.message), w.noun, against, maxMessage)
	case t.accepted:
		f.Reason, f.Message = ReasonAccepted, "All that is open is accepted, each with a reason."
	default:
		f.Reason, f.Message = w.goodReason, w.goodMessage
	}
	return f
}

// factTexts returns each fact as one text, its parts in a stable order.
func factTexts(facts map[string][]string) map[string]string {
	if len(facts) == 0 {
		return nil
	}
	texts := map[string]string{}
	for name, parts := range facts {
		texts[name] = phrase.Bounded(phrase.Sorted(parts), maxFact)
	}
	return texts
}

func lower(message string) string { return strings.ToLower(message[:1]) + message[1:] }
