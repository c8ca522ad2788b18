package networkisolation

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// judgeTraffic returns the findings of the rules on what NetworkPolicies allow:
// NP-05, NP-06 and NP-07.
func judgeTraffic(in control.Input) []control.Finding {
	read := readTraffic(in)
	return []control.Finding{judgeOpenRules(in, read), judgeCoverage(in, read), judgeExposure(in, read)}
}

// records reports whether the control records open rules, and does not forbid them.
func records(in control.Input) bool {
	return in.Control.NetworkIsolation.OpenRules == v1alpha1.JudgementRecord
}

// judgeOpenRules returns the finding of rule NP-05: no rule of a NetworkPolicy
// is for everybody, but what the control states or accepts. It is judged rule by
// rule, whatever pods run: what all rules come to is NP-07.
//
// The rules of the object by which Holdfast denies a direction are left to
// NP-01 and NP-02.
func judgeOpenRules(in control.Input, read []traffic) control.Finding {
	words := wording{
		rule: RuleOpenRules, noun: "rules",
		reason: ReasonOpenRule, message: "Traffic with anybody is allowed by {names}.",
		goodReason: ReasonNoOpenRule, goodMessage: "No NetworkPolicy allows traffic with anybody beside what the control states.",
		doubt: "whom these rules are for: {names}.",
	}
	if verdict := undecided(in.Snapshot, control.NeedNetworkPolicies, control.NeedPods); verdict != nil {
		verdict.Rule = words.rule
		return *verdict
	}
	var found tally
	for _, t := range read {
		accepted := acceptedAnybody(in, t.name)
		for i, p := range t.policies {
			if p.own {
				continue
			}
			named := t.namedPorts(i)
			for _, rule := range p.rules {
				found.openRule(rule, p.stated, accepted, t.resolve(rule.ports, named))
			}
		}
	}
	return found.finding(words, records(in))
}

// openRule sorts one rule by what becomes of it.
func (t *tally) openRule(rule reach, stated bool, accepted acceptance, ports portSet) {
	if rule.whom == "" {
		if rule.doubt != "" && !stated {
			t.doubt(rule.name, rule.doubt)
		}
		return
	}
	text := rule.name + ": " + rule.whom + ", " + rule.ports.String()
	switch {
	case stated:
		t.fact(factStated, text)
	case accepted.covers(ports):
		t.accepted = true
		t.fact(factAccepted, text+" ("+accepted.String()+")")
	default:
		t.against = append(t.against, rule.name)
		t.fact(factFound, text)
	}
}
