package networkisolation

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// factHostNetwork are the pods that no NetworkPolicy reaches.
const factHostNetwork = "hostNetwork"

// judgeCoverage returns the finding of rule NP-06: some NetworkPolicy isolates
// every pod in each denied direction. A policy of the cluster that denies
// traffic does not isolate in this sense: what it does not deny is open.
func judgeCoverage(in control.Input, read []traffic) control.Finding {
	words := wording{
		rule: RuleCoverage, noun: "classes of pods",
		reason: ReasonNotIsolated, message: "Not isolated by any NetworkPolicy: {names}.",
		goodReason: ReasonIsolated, goodMessage: "Every pod is isolated in each denied direction.",
		doubt: "whether these are isolated: {names}.",
	}
	if verdict := undecidedPods(in, read, control.NeedNetworkPolicies, control.NeedPods); verdict != nil {
		verdict.Rule = words.rule
		return *verdict
	}
	var found tally
	for _, t := range read {
		var bare []podsReading
		for _, class := range t.classes {
			if len(class.policies) == 0 {
				bare = append(bare, class)
			}
		}
		for _, name := range t.names(bare) {
			if len(t.unreadable) > 0 {
				found.doubt(name, "the selector of "+phrase.Bounded(t.unreadable, maxFact)+" cannot be parsed")
				continue
			}
			found.against = append(found.against, name)
			found.fact(factFound, name)
		}
	}
	found.hostNetwork(in.Snapshot.Pods)
	return found.finding(words, false)
}

// undecidedPods is undecided, for a rule that is on the pods that NetworkPolicies reach.
func undecidedPods(in control.Input, read []traffic, needs ...control.Need) *control.Finding {
	if verdict := undecided(in.Snapshot, needs...); verdict != nil {
		return verdict
	}
	for _, t := range read {
		if len(t.classes) > 0 {
			return nil
		}
	}
	var found tally
	found.hostNetwork(in.Snapshot.Pods)
	return &control.Finding{
		Outcome: control.NotApplicable,
		Reason:  ReasonNoPods,
		Message: "No pods run that NetworkPolicies reach.",
		Facts:   factTexts(found.facts),
	}
}

// hostNetwork notes the pods on the host network. They are no deviation here:
// NP-09 lists them among the ways in.
func (t *tally) hostNetwork(pods []control.PodClass) {
	for _, class := range pods {
		if class.HostNetwork {
			t.fact(factHostNetwork, className(class))
		}
	}
}

// names returns the names of classes of pods, with the direction. All of them
// together are every pod: so the name stays while pods come and go.
func (t traffic) names(classes []podsReading) []string {
	if len(classes) == len(t.classes) && len(classes) > 0 {
		return []string{"every pod " + t.word}
	}
	var names []string
	for _, class := range classes {
		names = append(names, class.name+" "+t.word)
	}
	return phrase.Sorted(names)
}
