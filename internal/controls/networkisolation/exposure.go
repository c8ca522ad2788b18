package networkisolation

import (
	"slices"

	"go4.org/netipx"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// maxWork bounds the networks that are put together in one evaluation, over all
// pods and ports: more come only from policies that are made to be slow.
const maxWork = 1 << 19

// The further facts of exposure.
const (
	// factThrough are the rules that open pods to anybody.
	factThrough = "through"
	// factAdminDeny are policies of the cluster that deny traffic with everybody
	// before NetworkPolicies are asked. They may be loosened without a change to
	// the namespace, so that the exposure stays one.
	factAdminDeny = "adminDeny"
)

// exposure is what anybody may exchange with a class of pods.
type exposure struct {
	// ports are those that are open to anybody, and not stated by the control.
	ports portSet
	// stated are those that are open because the control states it.
	stated portSet
	// rules are those of the policies that isolate the pods; nil where none does.
	rules []reach
	// doubt is why more may be open, or "".
	doubt string
}

// judgeExposure returns the finding of rule NP-07: all NetworkPolicies together
// leave no pod open to anybody. Beside what NP-05 finds that is a pod which no
// policy isolates, and ipBlocks of several rules that cover an address family
// only together, port by port.
func judgeExposure(in control.Input, read []traffic) control.Finding {
	words := wording{
		rule: RuleExposure, noun: "classes of pods",
		reason: ReasonExposed, message: "Open to anybody: {names}.",
		goodReason: ReasonNotExposed, goodMessage: "No pod is open to anybody in a denied direction beside what the control states.",
		doubt: "what is open to anybody of these: {names}.",
	}
	verdict := undecidedPods(in, read, control.NeedNetworkPolicies, control.NeedPods, control.NeedClusterPolicies)
	if verdict != nil {
		verdict.Rule = words.rule
		return *verdict
	}
	var found tally
	work := maxWork
	for _, t := range read {
		t.judgeExposure(&found, acceptedAnybody(in, t.name), &work)
	}
	for _, name := range adminDenials(in) {
		found.fact(factAdminDeny, name)
	}
	found.hostNetwork(in.Snapshot.Pods)
	return found.finding(words, records(in))
}

// judgeExposure notes the exposure of every class of pods in one direction.
func (t traffic) judgeExposure(found *tally, accepted acceptance, work *int) {
	known := map[string]exposure{}
	var open, doubtful []podsReading
	for _, class := range t.classes {
		key := class.key()
		e, ok := known[key]
		if !ok {
			e = t.exposureOf(class, work)
			known[key] = e
		}
		left := accepted.left(e.ports)
		name := class.name + " " + t.word
		if !e.stated.empty() {
			found.fact(factStated, name+": "+e.stated.String())
		}
		switch {
		case !left.empty():
			open = append(open, class)
			found.fact(factFound, name+": "+left.String())
			for _, through := range t.opening(e.rules, left) {
				found.fact(factThrough, through)
			}
		case e.doubt != "":
			doubtful = append(doubtful, class)
			found.fact(factUndecided, name+": "+e.doubt)
		case !e.ports.empty():
			found.accepted = true
			found.fact(factAccepted, name+": "+e.ports.String()+" ("+accepted.String()+")")
		}
	}
	found.against = append(found.against, t.names(open)...)
	found.undecided = append(found.undecided, t.names(doubtful)...)
}

// exposureOf returns the exposure of one class of pods.
func (t traffic) exposureOf(class podsReading, work *int) exposure {
	var e exposure
	if len(t.unreadable) > 0 {
		e.doubt = "the selector of " + phrase.Bounded(t.unreadable, maxFact) + " cannot be parsed"
	}
	if len(class.policies) == 0 {
		if e.doubt == "" {
			e.ports = everyPort()
		}
		return e
	}
	var stated []reach
	for _, i := range class.policies {
		for _, rule := range t.policies[i].rules {
			rule.ports = t.resolve(rule.ports, class.Ports)
			e.rules = append(e.rules, rule)
			if t.policies[i].stated {
				stated = append(stated, rule)
			} else if rule.doubt != "" {
				e.doubt = "whom " + rule.name + " is for is not known"
			}
		}
	}
	open, decided := openPorts(e.rules, work)
	if !decided {
		e.doubt = "their rules have too many networks and ports"
	}
	e.stated, _ = openPorts(stated, work)
	e.ports = open.minus(e.stated)
	return e
}

// opening returns the names of the rules that open the ports to anybody: each on
// its own, and those that only do so together where the others leave ports.
func (t traffic) opening(rules []reach, ports portSet) []string {
	if len(rules) == 0 {
		return []string{"no NetworkPolicy " + t.word}
	}
	var names []string
	left := ports
	for _, r := range rules {
		if r.whom != "" && r.ports.overlaps(ports) {
			names, left = append(names, r.name), left.minus(r.ports)
		}
	}
	for _, r := range rules {
		if r.whom == "" && r.nets != nil && r.ports.overlaps(left) {
			names = append(names, r.name)
		}
	}
	return names
}

// openPorts returns the ports that rules together open to everybody of an
// address family at least. It reports false where that is too much work: then
// what single rules open is there.
func openPorts(rules []reach, work *int) (open portSet, decided bool) {
	var whole []portSet
	var partial []reach
	for _, r := range rules {
		switch {
		case r.whom != "":
			whole = append(whole, r.ports)
		case r.nets != nil:
			partial = append(partial, r)
		}
	}
	open = unionOf(whole...)
	covers, decided := coverTogether(partial, work)
	if !covers {
		return open, decided
	}
	for _, segment := range segments(partial) {
		if segment.minus(open).empty() {
			continue
		}
		elsewhere := func(r reach) bool { return !r.ports.overlaps(segment) }
		covers, decided := coverTogether(slices.DeleteFunc(slices.Clone(partial), elsewhere), work)
		if !decided {
			return open, false
		}
		if covers {
			whole = append(whole, segment)
		}
	}
	return unionOf(whole...), true
}

// coverTogether reports whether the networks of rules cover an address family.
func coverTogether(rules []reach, work *int) (covers, decided bool) {
	var nets netipx.IPSetBuilder
	for _, r := range rules {
		if *work -= r.size; *work < 0 {
			return false, false
		}
		nets.AddSet(r.nets)
	}
	set, err := nets.IPSet()
	return err == nil && wholeFamilies(set) != "", err == nil
}

// segments cuts the ports of rules into ranges that no rule is for only in
// part. Named ports are left out: an address has none, and those of pods are
// numbers by now.
func segments(rules []reach) []portSet {
	var cuts []int
	var all []portSet
	for _, r := range rules {
		all = append(all, portSet{ranges: r.ports.ranges})
		for _, ports := range r.ports.ranges {
			cuts = append(cuts, ports.first, ports.last+1)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	union := unionOf(all...)
	var cut []portSet
	for i := range len(cuts) - 1 {
		segment := portSet{ranges: []portRange{{cuts[i], cuts[i+1] - 1}}}
		if segment.overlaps(union) {
			cut = append(cut, segment)
		}
	}
	return cut
}
