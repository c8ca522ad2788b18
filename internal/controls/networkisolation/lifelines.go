package networkisolation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// RuleLifelines is the rule that what no denial may cut off is allowed, as far as
// allow lists it.
const RuleLifelines = "NP-03"

// Reasons of findings about lifelines.
const (
	// ReasonReachable surfaces when what allow lists is allowed.
	ReasonReachable = "Reachable"
	// ReasonUnreachable surfaces when pods are isolated, and no rule lets through
	// what they need.
	ReasonUnreachable = "Unreachable"
)

// judgeLifelines returns the finding of rule NP-03, if allow lists a lifeline.
//
// In Enforce mode each must be allowed explicitly, to every pod, by our own
// NetworkPolicy or by others: no pods need to be known. In Observe mode the rules
// must let it through for the pods that are isolated.
func judgeLifelines(in control.Input) []control.Finding {
	needs := lifelineNeeds(in)
	if len(needs) == 0 {
		return nil
	}
	finding := undecided(in.Snapshot, needs...)
	if finding == nil {
		finding = new(judgeLifelinesNow(in))
	}
	finding.Rule = RuleLifelines
	return []control.Finding{*finding}
}

// lifelineNeeds returns what must be observed to judge the lifelines that allow
// lists, and nothing where it lists none.
func lifelineNeeds(in control.Input) []control.Need {
	var needs []control.Need
	for _, a := range in.Control.NetworkIsolation.Allow {
		switch a.Type {
		case v1alpha1.AllowDNS:
			needs = append(needs, control.NeedServices, control.NeedEndpointSlices)
		case v1alpha1.AllowAPIServer:
			needs = append(needs, control.NeedEndpointSlices)
		case v1alpha1.AllowAdmissionBackends:
			needs = append(needs, control.NeedServices, control.NeedAdmissionBackends)
		}
	}
	if len(needs) == 0 {
		return nil
	}
	needs = append(needs, control.NeedNetworkPolicies)
	if in.Control.Mode != v1alpha1.ModeEnforce {
		needs = append(needs, control.NeedPods)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

func judgeLifelinesNow(in control.Input) control.Finding {
	i := intent{in: in, stated: permissions(in)}
	judge := i.observeLifeline
	if in.Control.Mode == v1alpha1.ModeEnforce {
		judge = i.enforceLifeline
	}
	found := problems{noun: "lifelines"}
	facts := map[string][]string{}
	for _, p := range i.stated {
		if p.rule != RuleLifelines {
			continue
		}
		judge(p, &found)
		if p.fact != "" {
			facts[p.kind] = append(facts[p.kind], p.fact)
		}
	}
	finding := found.finding()
	finding.Facts = factTexts(facts)
	if finding.Outcome == control.Conforming {
		finding.Reason, finding.Message = ReasonReachable, "What allow lists is reachable for the pods that need it."
	}
	return finding
}

// enforceLifeline judges that a lifeline is allowed explicitly.
func (i *intent) enforceLifeline(p permission, found *problems) {
	own, placed := ownNamed(i.in.Snapshot, p.name)
	switch {
	case p.unknown:
		found.doubt(p.name, p.missing)
	case placed && !sameSpec(own.Spec, *p.spec):
		found.add(ReasonAltered, p.name)
	case placed && p.lasting && !i.dnsByAddress(i.in.Snapshot.NetworkPolicies):
		found.add(ReasonUnreachable, p.lifeline.names...)
	case placed && p.lifeline != nil && p.lifeline.unsure != "":
		found.doubt(p.name, p.lifeline.unsure)
	case placed || i.granted(p, i.in.Snapshot.NetworkPolicies):
	case p.spec != nil || p.lasting:
		found.add(ReasonAbsent, p.name)
	default:
		found.doubt(p.name, p.missing)
	}
}

// observeLifeline judges that rules let a lifeline through wherever pods that
// need it are isolated.
func (i *intent) observeLifeline(p permission, found *problems) {
	if p.unknown {
		found.doubt(p.name, p.missing)
		return
	}
	s := i.in.Snapshot
	for _, class := range s.Pods {
		switch {
		case !isolated(s.NetworkPolicies, class, directionOf(p.direction)):
		case p.lifeline == nil:
			found.doubt(p.name, p.missing)
		case !p.lifeline.concerns(class) || p.lifeline.works(s.NetworkPolicies, s.Namespace, class):
		case p.lifeline.unsure != "":
			found.doubt(p.name, p.lifeline.unsure)
		default:
			found.add(ReasonUnreachable, p.lifeline.names...)
		}
	}
}

// problems are what speaks against a subject, by reason.
type problems struct {
	// noun is used with a number where the names would make a message too long.
	noun   string
	names  map[string][]string
	doubts []string
}

func (p *problems) add(reason string, names ...string) {
	if p.names == nil {
		p.names = map[string][]string{}
	}
	p.names[reason] = append(p.names[reason], names...)
}

// doubt notes why it is not known whether something speaks against the subject.
func (p *problems) doubt(name, why string) { p.doubts = append(p.doubts, name+": "+why) }

// finding returns the verdict, whose reason is the gravest of all. It is without
// a reason where nothing speaks against the subject.
func (p *problems) finding() control.Finding {
	var culprits []string
	for _, names := range p.names {
		culprits = append(culprits, names...)
	}
	culprits = phrase.Sorted(culprits)
	for _, w := range []struct{ reason, message string }{
		{ReasonUnreachable, "Pods are isolated, and no rule lets through {names}."},
		{ReasonAbsent, "What is stated is not allowed explicitly: {names} is missing, and nothing else does the same."},
		{ReasonAltered, "{names} is not as stated."},
		{ReasonRevoked, "{names} permits what the control does not state."},
	} {
		if names := phrase.Sorted(p.names[w.reason]); len(names) > 0 {
			return control.Finding{
				Outcome:  control.Deviating,
				Reason:   w.reason,
				Message:  phrase.Named(w.message, p.noun, names, maxMessage),
				Culprits: culprits[:min(len(culprits), maxCulprits)],
			}
		}
	}
	if doubts := phrase.Sorted(p.doubts); len(doubts) > 0 {
		return control.Finding{
			Outcome: control.NotEvaluated,
			Reason:  control.ReasonInconclusive,
			Message: phrase.Clip("Not decided: "+doubts[0]+".", maxMessage),
		}
	}
	return control.Finding{Outcome: control.Conforming}
}
