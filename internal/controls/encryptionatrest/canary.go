package encryptionatrest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of findings on what API servers store.
const (
	// ReasonStoredEncrypted surfaces when what was just written was stored encrypted.
	ReasonStoredEncrypted = "StoredEncrypted"
	// ReasonStoredInTheClear surfaces when it was not.
	ReasonStoredInTheClear = "StoredInTheClear"
	// ReasonNoTransformer surfaces when an API server of your own has no encryption
	// config at all.
	ReasonNoTransformer = "NoTransformer"
)

// encryptedPrefix begins what an encrypted object is stored under.
const encryptedPrefix = "k8s:enc:"

// servers is what was seen of the API servers, canary by canary.
type servers struct {
	in       control.Input
	spec     *v1alpha1.APIServerEncryption
	canaries []canary
	// unseen is the verdict where not even the API servers are known.
	unseen *control.Finding
}

// canary is what was seen of one resource of one API server.
type canary struct {
	// name is the endpoint and the resource.
	name string
	// stored is nil where nothing was seen: reason and message then say why.
	stored          *control.Stored
	reason, message string
	// observation is nil where the canary was not written yet.
	observation *control.Observation
}

// observeServers finds the observation of every target.
func observeServers(in control.Input, spec *v1alpha1.APIServerEncryption) *servers {
	p := &servers{in: in, spec: spec}
	if p.unseen = unobserved(in.Snapshot, control.NeedEndpointSlices); p.unseen != nil {
		return p
	}
	targets := canaryTargets(in, spec)
	if len(targets) == 0 {
		unseen := undecided("", control.ReasonInconclusive, "Not judged: no address of an API server is known.")
		p.unseen = &unseen
		return p
	}
	for i := range targets {
		p.canaries = append(p.canaries, observeCanary(in, &targets[i]))
	}
	return p
}

func observeCanary(in control.Input, t *control.Target) canary {
	c := canary{name: t.Canary.Endpoint + " (" + t.Canary.Resource + ")"}
	o := observationOf(in.Snapshot, t)
	c.observation = o
	switch {
	case o == nil:
		c.reason, c.message = unprobed(in.Snapshot), "it was not probed yet"
	case !in.Now.Before(o.ValidUntil):
		c.reason, c.message = control.ReasonInconclusive, "what the probe saw is out of date"
	case o.Reason != "" || o.Stored == nil:
		c.reason, c.message = unseen(o)
	default:
		c.stored = o.Stored
	}
	return c
}

// unprobed is the reason where a target was not probed yet.
func unprobed(s *control.Snapshot) string {
	return cmp.Or(s.Unavailable[control.NeedProbes], control.ReasonInconclusive)
}

// unseen says why a probe saw nothing, as a clause. Whoever grants permissions has
// to know which one is missing.
func unseen(o *control.Observation) (reason, message string) {
	message = "the probe saw nothing"
	if o.Reason == control.ReasonForbidden {
		message = "the probe is not permitted, which the chart's value probe.enabled changes"
	}
	return cmp.Or(o.Reason, control.ReasonInconclusive), cmp.Or(strings.TrimSuffix(o.Message, "."), message)
}

// observationOf returns the observation of a target, or nil.
func observationOf(s *control.Snapshot, t *control.Target) *control.Observation {
	key := t.Key()
	for i := range s.Observations {
		if s.Observations[i].Key() == key {
			return &s.Observations[i]
		}
	}
	return nil
}

// sight is what one canary says about a rule.
type sight struct {
	canary  *canary
	outcome control.Outcome
	// reason, and message as a clause, say why it does not conform.
	reason, message string
	// untestable is true where no probe can tell, and an attestation may.
	untestable bool
}

// judgeStored returns the finding of rule ER-06.
func (p *servers) judgeStored() control.Finding {
	f := p.fold(RuleStored, "stored in the clear", p.stored)
	if f.Outcome == control.Conforming && f.Reason == "" {
		f.Reason = ReasonStoredEncrypted
		f.Message = "What was just written through each API server was stored encrypted: " + phrase.Listed(p.spec.Resources) + "."
	}
	return f
}

// stored judges the canary as controls of this type understand it: the prefix of
// what it was stored under tells, and identity has none.
func (p *servers) stored(c *canary) sight {
	s := sight{canary: c, outcome: control.NotEvaluated, reason: control.ReasonInconclusive}
	inTheClear, encrypted := c.stored.Prefixes[""], 0
	for prefix, n := range c.stored.Prefixes {
		if strings.HasPrefix(prefix, encryptedPrefix) {
			encrypted += n
		}
	}
	own, known := selfManaged(p.in.Snapshot)
	switch {
	case c.stored.NoTransformer && own:
		s.outcome, s.reason = control.Deviating, ReasonNoTransformer
		s.message = "it has no encryption config"
	case c.stored.NoTransformer && known:
		s.reason, s.untestable = control.ReasonNotTestable, true
		s.message = "it counts no encryption, and who configures it cannot be seen"
	case c.stored.NoTransformer:
		s.message = "it counts no encryption, and its pods could not be observed"
	case inTheClear > 0 && c.stored.Unlabelled:
		s.message = "something was stored in the clear, and before Kubernetes 1.32 it does not tell of which resource"
	case inTheClear > 0:
		s.outcome, s.reason = control.Deviating, ReasonStoredInTheClear
		s.message = "identity is the first provider"
	case encrypted > 0:
		s.outcome = control.Conforming
	default:
		s.message = "nothing was counted"
	}
	return s
}

// fold makes one finding of what each canary says: the worst of it. what says in
// words what is wrong with those that deviate.
func (p *servers) fold(rule, what string, judge func(*canary) sight) control.Finding {
	if p.unseen != nil {
		f := *p.unseen
		f.Rule = rule
		return f
	}
	sights := make([]sight, 0, len(p.canaries))
	for i := range p.canaries {
		c := &p.canaries[i]
		if c.stored == nil {
			sights = append(sights, sight{canary: c, outcome: control.NotEvaluated, reason: c.reason, message: c.message,
				untestable: c.reason == control.ReasonNotTestable || c.reason == control.ReasonForbidden})
			continue
		}
		sights = append(sights, judge(c))
	}
	f := p.worst(rule, what, sights)
	for _, s := range sights {
		if s.canary.stored != nil {
			f.Until = control.Earlier(f.Until, s.canary.observation.ValidUntil)
		}
	}
	fact(&f, "seen", p.seen()...)
	return f
}

func (p *servers) worst(rule, what string, sights []sight) control.Finding {
	if bad := of(sights, control.Deviating); len(bad) > 0 {
		f := deviating(rule, bad[0].reason, phrase.Capital(what)+" by {names}: "+bad[0].message+".", "API servers and resources", namesOfSights(bad)...)
		f.Basis = control.BasisBehaviour
		return f
	}
	unseen := of(sights, control.NotEvaluated)
	open := slices.DeleteFunc(slices.Clone(unseen), func(s sight) bool { return s.untestable })
	switch {
	case len(open) == 0 && len(unseen) > 0 && p.spec.Attestation != nil:
		return p.attest(rule, unseen)
	case len(open) > 0:
		return undecidedBy(rule, open)
	case len(unseen) > 0:
		return undecidedBy(rule, unseen)
	}
	f := control.Finding{Rule: rule, Outcome: control.Conforming, Basis: control.BasisBehaviour}
	if len(of(sights, control.NotApplicable)) == len(sights) {
		f.Outcome, f.Basis = control.NotApplicable, control.BasisConfiguration
		f.Reason, f.Message = sights[0].reason, phrase.Capital(sights[0].message)+"."
	}
	return f
}

// attest closes with the control's attestation what no probe can tell.
func (p *servers) attest(rule string, unseen []sight) control.Finding {
	a := p.spec.Attestation
	f := conforming(rule, ReasonAttested, "Not shown by a probe, and stated by "+a.Signer+": "+strings.Join(namesOfSights(unseen), ", ")+".")
	if expired(a, p.in.Now) {
		f = deviating(rule, ReasonAttestationExpired, "The attestation "+a.Ref+", on which the encryption of what is stored rests, has expired: {names}.",
			"API servers and resources", namesOfSights(unseen)...)
	}
	rest(&f, a, p.in.Now)
	return f
}

func undecidedBy(rule string, sights []sight) control.Finding {
	// What to do about it stands at the end, and must not be cut off.
	names := strings.Join(namesOfSights(sights), ", ")
	if len("Not decided for : .")+len(names)+len(sights[0].message) > maxMessage {
		names = fmt.Sprintf("%d API servers and resources", len(sights))
	}
	f := undecided(rule, sights[0].reason, fmt.Sprintf("Not decided for %s: %s.", names, sights[0].message))
	f.Basis = control.BasisBehaviour
	return f
}

func of(sights []sight, outcome control.Outcome) []sight {
	var those []sight
	for _, s := range sights {
		if s.outcome == outcome {
			those = append(those, s)
		}
	}
	return those
}

func namesOfSights(sights []sight) []string {
	var names []string
	for _, s := range sights {
		names = append(names, s.canary.name)
	}
	return names
}

// seen are the facts of every canary: under which prefix and key it was stored.
func (p *servers) seen() []string {
	var facts []string
	for _, c := range p.canaries {
		if c.stored == nil {
			facts = append(facts, c.name+": "+c.reason)
			continue
		}
		words := []string{c.name + ":"}
		for _, prefix := range slices.Sorted(maps.Keys(c.stored.Prefixes)) {
			words = append(words, cmp.Or(prefix, "identity"))
		}
		for _, key := range slices.Sorted(maps.Keys(c.stored.Keys)) {
			words = append(words, "key "+key)
		}
		if len(c.stored.KeyIDs) > 0 {
			words = append(words, "key id "+c.stored.KeyIDs[0])
		}
		if c.stored.ConfigHash != "" {
			words = append(words, "config "+c.stored.ConfigHash)
		}
		if c.stored.ReadInTheClear > 0 {
			words = append(words, "others read in the clear")
		}
		facts = append(facts, strings.Join(words, " "))
	}
	return facts
}
