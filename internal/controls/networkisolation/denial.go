package networkisolation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// judgeDenials returns the findings of rules NP-01 and NP-02, one for each
// direction that the control denies. They need nothing but the policies.
func judgeDenials(in control.Input) []control.Finding {
	verdict := undecided(in.Snapshot, control.NeedNetworkPolicies)
	var findings []control.Finding
	for _, d := range wantedDirections(in.Control) {
		var finding control.Finding
		if verdict != nil {
			finding = *verdict
		} else {
			finding = judgeDenial(d, in.Snapshot.NetworkPolicies, in.Control.Mode)
		}
		finding.Rule = d.rule
		finding.Facts = map[string]string{"direction": string(d.name)}
		findings = append(findings, finding)
	}
	return findings
}

// judgeDenial returns the verdict on one direction, given every policy of the namespace.
func judgeDenial(d direction, policies []control.NetworkPolicy, mode v1alpha1.Mode) control.Finding {
	denying := policyNames(policies, func(p control.NetworkPolicy) bool { return len(d.defects(p.Spec)) == 0 })
	own, applied := ownPolicy(d, policies)
	switch {
	case len(denying) == 0:
		return notDenied(d, policies)
	case mode == v1alpha1.ModeEnforce && applied && !d.asApplied(own.Spec):
		return deviating(ReasonAltered, []string{own.Name},
			"{names} is not as Holdfast applied it, though "+d.word+" is still denied by default.")
	default:
		return control.Finding{
			Outcome: control.Conforming,
			Reason:  ReasonDenied,
			Message: phrase.Named(string(d.name)+" is denied by default, by {names}.", "NetworkPolicies", denying, maxMessage),
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
		message += d.word + " rules in {names}."
	case ReasonNarrowed:
		message += "not every pod is selected by {names}."
	case ReasonUntyped:
		message += "policy type " + string(d.policyType) + " is missing in {names}."
	default:
		message += "no NetworkPolicy with policy type " + string(d.policyType) + " selects every pod without " + d.word + " rules."
	}
	return deviating(reason, names, message)
}

func deviating(reason string, names []string, message string) control.Finding {
	return control.Finding{
		Outcome:  control.Deviating,
		Reason:   reason,
		Message:  phrase.Named(message, "NetworkPolicies", names, maxMessage),
		Culprits: names[:min(len(names), maxCulprits)],
	}
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
