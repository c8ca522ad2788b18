package report

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Behaviour is what probes of one kind did for a control: the evidence of observed
// effects that its verdicts of the basis Behaviour rest on. Verdicts are Subjects'
// and Episodes'; here stands how often was looked, and when nobody did.
type Behaviour struct {
	// Of is what was done: Canary, Handshake, Certificate, Guard, Repository or RestoreTest.
	Of string `json:"of"`
	// Scopes is in how many scopes, namespaces or the cluster, it was done.
	Scopes int `json:"scopes"`
	// Runs is the number of runs in the period, Targets that of all targets in them,
	// Unseen of how many of those nothing was seen.
	Runs    int `json:"runs"`
	Targets int `json:"targets"`
	Unseen  int `json:"unseen"`
	// First and Last are when the first and the last run in the period ended; in a
	// record of an instant, Last is when the newest one before it did. Absent where
	// there is none.
	First *ledger.Time `json:"first,omitempty"`
	Last  *ledger.Time `json:"last,omitempty"`
	// Without is the longest time for which, in one scope that had subjects to be
	// probed, no observation counted; absent where there was none. Not before the
	// scope's first run.
	Without *Without `json:"without,omitempty"`
	// Keys are the keys that canaries found in use, by id, as first seen.
	Keys []ledger.SeenKey `json:"keys,omitempty"`
}

// Without is an interval without an observation that counts, in one scope.
type Without struct {
	Interval
	// Scope is the namespace; empty for the cluster.
	Scope string `json:"scope,omitempty"`
}

// probing are the runs of one kind of probe for a control.
type probing struct {
	runs, targets, unseen int
	first, last           int64
	scopes                map[string]*probedScope
	keys                  map[string]ledger.SeenKey
}

// probedScope is when observations counted in one scope.
type probedScope struct {
	// first is when the first run ended.
	first int64
	// counted are when something that was seen counted, in order.
	counted spans
}

// probed folds a run of probes in.
func (f *fold) probed(l *line) error {
	s, err := f.in.subject(l)
	if err != nil {
		return err
	}
	body, err := decoded[ledger.ProbeBody](l, "probe")
	if err != nil {
		return err
	}
	for _, of := range body.For {
		if p := f.policies[of.Policy]; p != nil && p.controls[of.Control] != nil {
			p.controls[of.Control].probed(&body, ledger.ScopeOf(*s), l.at, f.window)
		}
	}
	return f.restored(&body, ledger.ScopeOf(*s), l)
}

func (c *statedControl) probed(body *ledger.ProbeBody, scope string, at int64, window span) {
	if c.probing == nil {
		c.probing = map[string]*probing{}
	}
	p := c.probing[body.Of]
	if p == nil {
		p = &probing{first: never, last: never, scopes: map[string]*probedScope{}, keys: map[string]ledger.SeenKey{}}
		c.probing[body.Of] = p
	}
	if window.holds(at) {
		p.runs++
		p.targets += body.Targets
		p.unseen += body.Unseen
		if p.first == never {
			p.first = at
		}
	}
	p.last = max(p.last, at)
	if p.scopes[scope] == nil {
		p.scopes[scope] = &probedScope{first: at}
	}
	if body.Unseen < body.Targets {
		p.scopes[scope].count(span{at, micros(body.ValidUntil.Time)})
	}
	for _, key := range body.Keys {
		if known, there := p.keys[key.ID]; !there || key.FirstSeen.Before(known.FirstSeen.Time) {
			p.keys[key.ID] = key
		}
	}
}

// count adds a time in which something counted, that begins after those before.
func (s *probedScope) count(in span) {
	n := len(s.counted)
	switch {
	case in.empty():
	case n > 0 && in.from <= s.counted[n-1].to:
		s.counted[n-1].to = max(s.counted[n-1].to, in.to)
	default:
		s.counted = append(s.counted, in)
	}
}

// probedKinds are the kinds of subjects for which a probe is made.
func probedKinds(of string) []string {
	switch of {
	case control.ProbeHandshake:
		return []string{"Ingress", control.ClusterKind}
	case control.ProbeCertificate:
		return []string{"Ingress", "Gateway", "ListenerSet"}
	case control.ProbeRestore:
		return []string{"Namespace"}
	default:
		return []string{control.ClusterKind}
	}
}

// behaviourOf is what probes did for a control; nil where they did nothing.
func (f *fold) behaviourOf(c *statedControl, operation spans) []Behaviour {
	var of []Behaviour
	for _, kind := range sortedKeys(c.probing) {
		p := c.probing[kind]
		b := Behaviour{Of: kind, Scopes: len(p.scopes), Runs: p.runs, Targets: p.targets, Unseen: p.unseen,
			First: known(p.first), Last: known(p.last), Without: f.without(c, kind, p, operation)}
		for _, id := range sortedKeys(p.keys) {
			b.Keys = append(b.Keys, p.keys[id])
		}
		of = append(of, b)
	}
	return of
}

// without is the longest time in which nothing counted in a scope.
func (f *fold) without(c *statedControl, kind string, p *probing, operation spans) *Without {
	longest, in := span{}, ""
	for _, scope := range sortedKeys(p.scopes) {
		s := p.scopes[scope]
		for _, due := range f.toProbe(c, kind, scope).and(operation).clip(span{s.first, forever}) {
			for _, missing := range s.counted.not(due) {
				if missing.length() > longest.length() {
					longest, in = missing, scope
				}
			}
		}
	}
	if longest.empty() {
		return nil
	}
	return &Without{longest.interval(), in}
}

// toProbe are the times in which the control had subjects in a scope for which a
// probe is made.
func (f *fold) toProbe(c *statedControl, kind, scope string) spans {
	var there []span
	for _, s := range c.scoped[scope] {
		if slices.Contains(probedKinds(kind), s.Kind) {
			there = append(there, c.members[s].within(f.period())...)
		}
	}
	return union(there)
}
