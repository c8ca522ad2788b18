package networkisolation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The facts of tiers.
const (
	// factNarrower are rules before NetworkPolicies that accept traffic with some peers.
	factNarrower = "narrower"
	// factShadowed are rules that would override the denial, were they ever asked.
	factShadowed = "shadowed"
	// factBaseline are policies that are asked after NetworkPolicies, and so
	// override none.
	factBaseline = "baseline"
)

// judgeTiers returns the finding of rule NP-10: no policy of the cluster
// accepts, before NetworkPolicies are asked, traffic with anybody.
func judgeTiers(in control.Input) []control.Finding {
	words := wording{
		rule: RuleTiers, noun: "rules and policies",
		reason: ReasonOverridden, message: "The denial is overridden by {names}.",
		goodReason: ReasonNotOverridden, goodMessage: "No policy of the cluster overrides the denial.",
		doubt: "whether these override the denial: {names}.",
	}
	verdict := undecided(in.Snapshot, control.NeedNetworkPolicies, control.NeedPods, control.NeedClusterPolicies)
	if verdict != nil {
		verdict.Rule = words.rule
		return []control.Finding{*verdict}
	}
	var found tally
	for _, d := range wantedDirections(in.Control) {
		rules := adminRules(in.Snapshot, d)
		accepted := acceptedAnybody(in, d.name)
		for _, rule := range rules {
			found.tierRule(rule, shadowed(rule, rules, in.Snapshot.Pods), accepted)
		}
	}
	for _, p := range in.Snapshot.ClusterPolicies {
		switch p.Tier {
		case tierAdmin:
		case tierBaseline:
			found.fact(factBaseline, clusterPolicy+p.Name)
		default:
			found.doubt(clusterPolicy+p.Name, "its tier is not modelled")
		}
	}
	for _, object := range in.Snapshot.Unmodelled {
		found.doubt(object.String(), "its kind is not modelled")
	}
	return []control.Finding{found.finding(words, records(in))}
}

// tierRule sorts one rule by what becomes of it.
func (t *tally) tierRule(rule tierRule, shadowed answer, accepted acceptance) {
	text := rule.name + ": " + rule.ports.String()
	open := max(rule.everyPod, rule.everyIPv4, rule.everyIPv6)
	switch {
	case rule.action == actionDeny || rule.action == actionPass:
	case rule.action != actionAccept:
		t.doubt(rule.name, "its action is not modelled")
	case open == no:
		t.fact(factNarrower, text)
	case shadowed == yes:
		t.fact(factShadowed, text)
	case accepted.covers(rule.ports):
		t.accepted = true
		t.fact(factAccepted, text+" ("+accepted.String()+")")
	case open == unknown:
		t.doubt(rule.name, rule.doubt)
	case shadowed == unknown:
		t.doubt(rule.name, "which policy comes first, or whom another is for, is not known")
	default:
		t.against = append(t.against, rule.name)
		t.fact(factFound, text)
	}
}

// adminDenials returns the rules that deny traffic with everybody before
// NetworkPolicies are asked.
func adminDenials(in control.Input) []string {
	var names []string
	for _, d := range wantedDirections(in.Control) {
		for _, rule := range adminRules(in.Snapshot, d) {
			if rule.action == actionDeny && max(rule.everyPod, rule.everyIPv4, rule.everyIPv6) == yes {
				names = append(names, rule.name+": "+rule.ports.String())
			}
		}
	}
	return names
}

// shadowed says whether rules that are asked before keep traffic with anybody
// from a rule: they deny it, or pass it on to NetworkPolicies.
//
// Nobody knows which of two policies of equal priority is asked first. Where
// that decides, it is unknown.
func shadowed(rule tierRule, rules []tierRule, pods []control.PodClass) answer {
	var pod, ipv4, ipv6 answer
	for _, o := range rules {
		if o.action != actionDeny && o.action != actionPass {
			continue
		}
		before := min(o.before(rule), o.coversPorts(rule), o.coversSubjects(rule, pods))
		pod, ipv4, ipv6 = max(pod, min(before, o.everyPod)), max(ipv4, min(before, o.everyIPv4)), max(ipv6, min(before, o.everyIPv6))
	}
	all := yes
	if rule.everyPod != no {
		all = min(all, max(pod, min(ipv4, ipv6))) // networks match pods too
	}
	if rule.everyIPv4 != no {
		all = min(all, ipv4)
	}
	if rule.everyIPv6 != no {
		all = min(all, ipv6)
	}
	return all
}

// before says whether the rule is asked before another.
func (r tierRule) before(o tierRule) answer {
	switch {
	case r.priority != o.priority:
		return answerOf(r.priority < o.priority)
	case r.policy != o.policy:
		return unknown
	default:
		return answerOf(r.index < o.index)
	}
}

func (r tierRule) coversPorts(o tierRule) answer {
	return answerOf(everyPort().minus(r.ports).empty() || o.ports.minus(r.ports).empty())
}

// coversSubjects says whether the rule is for all pods that another is for, as
// pods run now.
func (r tierRule) coversSubjects(o tierRule, pods []control.PodClass) answer {
	if r.pods == nil {
		return yes
	}
	if o.pods != nil {
		a, readable := control.SelectorKey(r.pods)
		if b, _ := control.SelectorKey(o.pods); readable && a == b {
			return yes
		}
	}
	isSubject := func(class control.PodClass) bool {
		return !class.HostNetwork && (o.pods == nil || selectorMatches(o.pods, class.Labels))
	}
	isLeft := func(class control.PodClass) bool { return isSubject(class) && !selectorMatches(r.pods, class.Labels) }
	return answerOf(slices.ContainsFunc(pods, isSubject) && !slices.ContainsFunc(pods, isLeft))
}
