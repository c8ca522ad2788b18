// Package networkisolation is the control type of the same name: namespaces deny
// network traffic that is not explicitly allowed.
//
// Rules NP-01 and NP-02 judge default deny of ingress and egress.
package networkisolation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The rules.
const (
	// RuleDenyIngress: every pod is denied ingress by default.
	RuleDenyIngress = "NP-01"
	// RuleDenyEgress: every pod is denied egress by default.
	RuleDenyEgress = "NP-02"
)

// Reasons of findings.
const (
	// ReasonDenied surfaces when a NetworkPolicy denies the direction by default.
	ReasonDenied = "Denied"
	// ReasonAbsent surfaces when no NetworkPolicy denies the direction, or nearly does.
	ReasonAbsent = "Absent"
	// ReasonOpened surfaces when the policy that would deny the direction has rules for it.
	ReasonOpened = "Opened"
	// ReasonNarrowed surfaces when the policy that would deny the direction does not select every pod.
	ReasonNarrowed = "Narrowed"
	// ReasonUntyped surfaces when Holdfast's own policy lacks the direction's policy type.
	ReasonUntyped = "Untyped"
	// ReasonAltered surfaces in Enforce mode when the direction is denied, but
	// Holdfast's own policy is not as it was applied: somebody changed the control.
	ReasonAltered = "Altered"
)

const (
	// maxCulprits bounds the policies that a finding names.
	maxCulprits = 4
	// maxMessage bounds a message, in bytes.
	maxMessage = 256
)

// Control evaluates controls of this type.
type Control struct{}

var (
	_ control.Control    = Control{}
	_ control.Remediator = Control{}
)

// EvaluatorVersion is bumped whenever the same input gives other findings.
func (Control) EvaluatorVersion() int { return 1 }

// Needs returns what is looked at. Pods matter only in a namespace that is being deleted.
func (Control) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods}
}

// Evaluate returns one finding for each direction that the control denies,
// ordered by rule. What cannot be judged is NotEvaluated.
func (Control) Evaluate(in control.Input) []control.Finding {
	snapshot := in.Snapshot
	if snapshot == nil {
		snapshot = &control.Snapshot{Unavailable: map[control.Need]string{control.NeedNamespaces: control.ReasonFailed}}
	}
	verdict := undecided(snapshot)
	var findings []control.Finding
	for _, d := range wantedDirections(in.Control) {
		var finding control.Finding
		if verdict != nil {
			finding = *verdict
		} else {
			finding = judge(d, snapshot.NetworkPolicies, in.Control.Mode)
		}
		finding.Subject = snapshot.Namespace.Subject()
		finding.Rule = d.rule
		finding.Basis = control.BasisConfiguration
		finding.Facts = map[string]string{"direction": string(d.name)}
		findings = append(findings, finding)
	}
	return findings
}

// wantedDirections returns the directions that the control denies, ordered by rule.
func wantedDirections(spec v1alpha1.ControlSpec) []direction {
	if spec.NetworkIsolation == nil {
		return nil
	}
	return slices.DeleteFunc(directions(), func(d direction) bool {
		return !slices.Contains(spec.NetworkIsolation.DefaultDeny, d.name)
	})
}

// undecided returns the verdict on every rule where the policies of the
// namespace do not decide it, and nil where they do.
func undecided(s *control.Snapshot) *control.Finding {
	for _, need := range neededNow(s.Namespace) {
		if reason, unavailable := s.Unavailable[need]; unavailable {
			return &control.Finding{
				Outcome: control.NotEvaluated,
				Reason:  cmp.Or(reason, control.ReasonFailed),
				Message: fmt.Sprintf("Not judged: %s could not be observed.", need),
			}
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

func neededNow(ns control.Namespace) []control.Need {
	needs := []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies}
	if ns.Terminating {
		needs = append(needs, control.NeedPods)
	}
	return needs
}

// judge returns the verdict on one direction, given every policy of the namespace.
func judge(d direction, policies []control.NetworkPolicy, mode v1alpha1.Mode) control.Finding {
	denying := policyNames(policies, func(p control.NetworkPolicy) bool { return len(d.defects(p.Spec)) == 0 })
	own, applied := ownPolicy(d, policies)
	switch {
	case len(denying) == 0:
		return notDenied(d, policies)
	case mode == v1alpha1.ModeEnforce && applied && !d.asApplied(own.Spec):
		return deviating(ReasonAltered, []string{own.Name},
			"{policies} is not as Holdfast applied it, though "+d.word+" is still denied by default.")
	default:
		return control.Finding{
			Outcome: control.Conforming,
			Reason:  ReasonDenied,
			Message: sentence(string(d.name)+" is denied by default, by {policies}.", denying),
		}
	}
}

// notDenied tells what came closest to denying the direction: Holdfast's own
// policy, else others that lack one thing.
func notDenied(d direction, policies []control.NetworkPolicy) control.Finding {
	if own, applied := ownPolicy(d, policies); applied {
		return defective(d, d.defects(own.Spec)[0], []string{own.Name})
	}
	for _, reason := range []string{ReasonOpened, ReasonNarrowed} {
		names := policyNames(policies, func(p control.NetworkPolicy) bool {
			return slices.Equal(d.defects(p.Spec), []string{reason})
		})
		if len(names) > 0 {
			return defective(d, reason, names)
		}
	}
	return defective(d, ReasonAbsent, nil)
}

// defective returns the verdict that the direction is not denied, for a reason
// that concerns the named policies.
func defective(d direction, reason string, names []string) control.Finding {
	message := string(d.name) + " is not denied by default: "
	switch reason {
	case ReasonOpened:
		message += d.word + " rules in {policies}."
	case ReasonNarrowed:
		message += "not every pod is selected by {policies}."
	case ReasonUntyped:
		message += "policy type " + string(d.policyType) + " is missing in {policies}."
	default:
		message += "no NetworkPolicy with policy type " + string(d.policyType) + " selects every pod without " + d.word + " rules."
	}
	return deviating(reason, names, message)
}

func deviating(reason string, names []string, message string) control.Finding {
	return control.Finding{
		Outcome:  control.Deviating,
		Reason:   reason,
		Message:  sentence(message, names),
		Culprits: names[:min(len(names), maxCulprits)],
	}
}

// sentence puts the policies in place of {policies}: their names, or only their
// number where the names would make the sentence too long.
func sentence(template string, names []string) string {
	message := strings.ReplaceAll(template, "{policies}", strings.Join(names, ", "))
	if len(message) > maxMessage {
		message = strings.ReplaceAll(template, "{policies}", fmt.Sprintf("%d NetworkPolicies", len(names)))
	}
	return message
}

// ownPolicy returns the policy that Holdfast applied for the direction.
func ownPolicy(d direction, policies []control.NetworkPolicy) (control.NetworkPolicy, bool) {
	i := slices.IndexFunc(policies, func(p control.NetworkPolicy) bool { return p.Ours && p.Name == d.object })
	if i < 0 {
		return control.NetworkPolicy{}, false
	}
	return policies[i], true
}

// policyNames returns the sorted names of the policies that match.
func policyNames(policies []control.NetworkPolicy, match func(control.NetworkPolicy) bool) []string {
	var names []string
	for _, p := range policies {
		if match(p) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}
