// Package networkisolation is the control type of the same name: namespaces deny
// network traffic that is not explicitly allowed.
//
// The rules, and the file that judges each:
//
//	NP-01, NP-02  ingress, egress is denied by default      denial.go
//	NP-03         what allow lists is reachable             lifelines.go
//	NP-04         what allow lists is there as stated       allowances.go
//	NP-05         no rule undoes the denial                 openrules.go
//	NP-06         every pod is isolated                     isolation.go
//	NP-07         no pod is open to anybody                 exposure.go
//	NP-09         ways in from outside the cluster          inventory.go
//	NP-10         no cluster policy overrides the denial    tiers.go
//
// Whether the network plugin enforces what is declared cannot be seen in
// configuration, and traffic between a pod and its own node is always allowed.
package networkisolation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// The rules.
const (
	// RuleDenyIngress: every pod is denied ingress by default.
	RuleDenyIngress = "NP-01"
	// RuleDenyEgress: every pod is denied egress by default.
	RuleDenyEgress = "NP-02"
	// RuleOpenRules: no rule of a NetworkPolicy undoes the denial.
	RuleOpenRules = "NP-05"
	// RuleCoverage: every pod is isolated in each denied direction.
	RuleCoverage = "NP-06"
	// RuleExposure: no pod is open to anybody in a denied direction.
	RuleExposure = "NP-07"
	// RuleInventory: no way leads into the namespace from outside the cluster.
	RuleInventory = "NP-09"
	// RuleTiers: no policy of the cluster overrides the denial.
	RuleTiers = "NP-10"
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

	// ReasonOpenRule surfaces when a rule of a NetworkPolicy allows traffic with anybody.
	ReasonOpenRule = "OpenRule"
	// ReasonNoOpenRule surfaces when no rule does, but for those that the control itself states.
	ReasonNoOpenRule = "NoOpenRule"
	// ReasonNotIsolated surfaces when no NetworkPolicy isolates some pods in a denied direction.
	ReasonNotIsolated = "NotIsolated"
	// ReasonIsolated surfaces when every pod is isolated in each denied direction.
	ReasonIsolated = "Isolated"
	// ReasonExposed surfaces when all policies together leave some pods open to anybody.
	ReasonExposed = "Exposed"
	// ReasonNotExposed surfaces when they leave no pod open to anybody.
	ReasonNotExposed = "NotExposed"
	// ReasonWayIn surfaces when a way leads into the namespace from outside the cluster.
	ReasonWayIn = "WayIn"
	// ReasonNoWayIn surfaces when there is no such way.
	ReasonNoWayIn = "NoWayIn"
	// ReasonOverridden surfaces when a policy of the cluster accepts traffic with
	// anybody before NetworkPolicies are asked.
	ReasonOverridden = "Overridden"
	// ReasonNotOverridden surfaces when no policy of the cluster does.
	ReasonNotOverridden = "NotOverridden"
	// ReasonRecorded surfaces when something is found that the control has recorded, not forbidden.
	ReasonRecorded = "Recorded"
	// ReasonAccepted surfaces when acceptedExposure covers all that is found.
	ReasonAccepted = "Accepted"
	// ReasonNoPods surfaces when no pods run that NetworkPolicies reach: those on
	// the host network are beyond them.
	ReasonNoPods = "NoPods"
)

// Control evaluates controls of this type.
type Control struct{}

var (
	_ control.Control    = Control{}
	_ control.Remediator = Control{}
)

// EvaluatorVersion is bumped whenever the same input gives other findings.
func (Control) EvaluatorVersion() int { return 2 }

// Needs returns what is looked at: beside what the rules judge, that which a
// denial could cut off.
func (Control) Needs(v1alpha1.ControlSpec) []control.Need {
	return []control.Need{
		control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices,
		control.NeedEndpointSlices, control.NeedAdmissionBackends, control.NeedEntrances, control.NeedClusterPolicies,
	}
}

// Evaluate returns the findings of every rule, ordered by rule. Each is judged
// as soon as what it needs itself was observed; until then it is NotEvaluated.
func (Control) Evaluate(in control.Input) []control.Finding {
	if in.Control.NetworkIsolation == nil {
		return nil
	}
	if in.Snapshot == nil {
		in.Snapshot = &control.Snapshot{Unavailable: map[control.Need]string{control.NeedNamespaces: control.ReasonFailed}}
	}
	var findings []control.Finding
	for _, judge := range []func(control.Input) []control.Finding{
		judgeDenials, judgeLifelines, judgeAllowances, judgeTraffic, judgeInventory, judgeTiers,
	} {
		findings = append(findings, judge(in)...)
	}
	for i := range findings {
		findings[i].Subject = in.Snapshot.Namespace.Subject()
		findings[i].Basis = control.BasisConfiguration
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
