package encryptionatrest

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of findings on what was read in the clear.
const (
	// ReasonNoResidue surfaces when nothing was read in the clear since the API
	// servers started.
	ReasonNoResidue = "NoResidue"
	// ReasonPlaintextResidue surfaces when something was.
	ReasonPlaintextResidue = "PlaintextResidue"
	// ReasonRecorded surfaces when something is found that the control has recorded, not forbidden.
	ReasonRecorded = "Recorded"
	// ReasonNotEncrypted surfaces on rules that have no meaning where nothing is
	// encrypted, of which ER-06 tells.
	ReasonNotEncrypted = "NotEncrypted"
)

// judgeResidue returns the finding of rule ER-07.
func (p *servers) judgeResidue() control.Finding {
	var found []string
	forbid := p.spec.PlaintextResidue == v1alpha1.JudgementForbid
	f := p.fold(RuleResidue, "objects that are left in the clear were read", func(c *canary) sight {
		if s, done := p.unencrypted(c); done {
			return s
		}
		s := sight{canary: c, outcome: control.Conforming}
		switch {
		case c.stored.ReadInTheClear == 0:
		case c.stored.Unlabelled:
			s.outcome, s.reason = control.NotEvaluated, control.ReasonInconclusive
			s.message = "objects were read in the clear, and before Kubernetes 1.32 it does not tell of which resource"
		case forbid:
			s.outcome, s.reason = control.Deviating, ReasonPlaintextResidue
			s.message = "a StorageVersionMigration, or writing every object anew, encrypts them"
		default:
			found = append(found, c.name)
		}
		return s
	})
	if f.Outcome != control.Conforming || f.Reason != "" {
		return f
	}
	f.Reason, f.Message = ReasonNoResidue, "Nothing was read in the clear since the API servers started."
	if len(found) > 0 {
		f.Reason, f.Message = ReasonRecorded, "Recorded, not forbidden: objects that are left in the clear were read since the API servers started."
	}
	return f
}

// unencrypted returns the verdict on a rule that has no meaning where nothing is
// encrypted. It reports false where something is.
func (p *servers) unencrypted(c *canary) (s sight, done bool) {
	s = p.stored(c)
	switch s.outcome {
	case control.Conforming:
		return sight{}, false
	case control.Deviating:
		return sight{canary: c, outcome: control.NotApplicable, reason: ReasonNotEncrypted, message: "what is written is stored in the clear, of which ER-06 tells"}, true
	default:
		return s, true
	}
}
