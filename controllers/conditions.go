package controllers

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// ready says whether Holdfast does its work for the policy.
func (s *summary) ready() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonEvaluating, Message: "the policy is in force"}
	switch {
	case s.def.Invalid != "":
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, s.def.Stalled, s.def.Invalid
	case s.pending:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonNewGeneration, s.awaited()
	}
	return c
}

// awaited says that the generation is not evaluated completely yet, and, where
// so, what it cannot be evaluated without.
func (s *summary) awaited() string {
	message := "the newest generation is being evaluated for the first time"
	if s.blind != "" {
		message += ": " + s.blind
	}
	return message
}

// conforming says how the subjects of all controls stand.
func (s *summary) conforming() metav1.Condition {
	var sum v1alpha1.ControlStatus
	for _, c := range s.counts {
		sum.Conforming += c.Conforming
		sum.Correcting += c.Correcting
		sum.Deviating += c.Deviating
		sum.NotEvaluated += c.NotEvaluated
	}
	c := metav1.Condition{Type: v1alpha1.ConditionConforming}
	switch {
	case s.unclaimed():
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonEvidenceUnavailable
		c.Message = "the ledger has been unavailable for over 30 seconds: nothing is claimed that is not recorded"
	case s.def.Invalid != "":
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated, s.def.Invalid
	case sum.Deviating > 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonDeviating
		c.Message = fmt.Sprintf("%s, %d of them within tolerance", episodes(sum.Deviating+sum.Correcting), sum.Correcting)
	case sum.Correcting > 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonCorrecting
		c.Message = fmt.Sprintf("%s, all within tolerance", episodes(sum.Correcting))
	case s.blind != "":
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated, s.blind
	case sum.NotEvaluated > 0 || s.pending:
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotEvaluated
		c.Message = s.unseen.String(sum.NotEvaluated)
	case sum.Conforming == 0:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNoOccurrence, "no subject is in scope"
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonAllConforming,
			fmt.Sprintf("%d of %d judged subjects conform", sum.Conforming, sum.Conforming)
	}
	return c
}

// unclaimed is whether the ledger was unavailable for so long that nothing is
// claimed about conformity any more.
func (s *summary) unclaimed() bool {
	return !s.health.Available && s.now.Sub(s.health.Since) >= unavailableLimit
}

func episodes(n int32) string {
	if n == 1 {
		return "1 open episode"
	}
	return fmt.Sprintf("%d open episodes", n)
}

// enforced says whether what Enforce mode wants applied is applied. Episodes that
// no repair can end are no part of that.
func (s *summary) enforced() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionEnforced, Status: metav1.ConditionFalse}
	switch until := s.def.PausedUntil(s.now); {
	case !s.def.Enforces():
		c.Reason, c.Message = v1alpha1.ReasonObserveOnly, "no control is in Enforce mode"
	case s.def.Invalid != "":
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonInvalidSpec, s.def.Invalid
	case !s.def.Repairs():
		c.Reason = v1alpha1.ReasonNotApplicable
		c.Message = "no control in Enforce mode is of a type that can repair: deviations are recorded"
	case !until.IsZero() && s.issue.reason != v1alpha1.ReasonPolicyConflict:
		c.Reason = v1alpha1.ReasonPaused
		c.Message = fmt.Sprintf("paused until %s: %s", until.UTC().Format("2006-01-02T15:04:05Z"), s.def.Spec.Enforcement.Pause.Reason)
	case s.issues > 1:
		c.Reason, c.Message = s.issue.reason, clip(fmt.Sprintf("%d namespaces are concerned; the first: %s", s.issues, s.issue.message))
	case s.issues == 1:
		c.Reason, c.Message = s.issue.reason, s.issue.message
	case s.pending:
		c.Reason, c.Message = v1alpha1.ReasonPending, s.awaited()
	case s.settles:
		c.Reason, c.Message = v1alpha1.ReasonPending, "repairs are under way"
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonEnforced, "everything wanted is applied"+s.left()
	}
	return c
}

// left says how many open episodes there are although everything wanted is
// applied: a person has to end them. Of episodes that may be over nothing is said.
func (s *summary) left() string {
	switch {
	case s.opened == 0 || s.blind != "":
		return ""
	case s.opened == 1:
		return "; 1 open episode is not Holdfast's to repair"
	default:
		return fmt.Sprintf("; %d open episodes are not Holdfast's to repair", s.opened)
	}
}

// evidence says whether what was observed is durable.
func (s *summary) evidence() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionEvidenceRecorded, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonRecorded, Message: "every observation is durable in the ledger"}
	switch {
	case s.health.Lost > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonEvidenceLost,
			"observations are only counted, because memory for them is full: "+s.health.Message
	case !s.health.Available:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, s.health.Reason, phrase.Clip(s.health.Message, maxCause)
	case s.ephemeral:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonNotDurable, notDurable
	}
	return c
}

// notDurable says what a ledger that ends with the pod is worth, and what to do.
const notDurable = "the ledger ends with the operator's pod, and all evidence with it: " +
	"give it a persistent volume (ledger.persistence.enabled=true in the chart's values), and start the operator without --ledger-ephemeral"
