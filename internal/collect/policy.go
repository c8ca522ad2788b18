package collect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// unitKind is the kind whose items controls are judged on that judge each namespace.
const unitKind = "Namespace"

// policy is one definition that is collected.
type policy struct {
	*assess.Definition
	// ofObjects has those controls of the definition only that do not judge each
	// namespace, but what they find.
	ofObjects *assess.Definition
	since     ledger.Time
	// controls are those of the definition, by id.
	controls []*tally
}

// tally is the census of one control, as it is counted.
type tally struct {
	*assess.Control
	record *ledger.ControlRecord
	census ledger.Census
	// kinds are its parts by kind, where it does not count each namespace.
	kinds map[string]*ledger.Census
	// population are the ids of the units in scope.
	population []string
}

func newPolicy(def *assess.Definition) *policy {
	p := &policy{Definition: def, ofObjects: &assess.Definition{Name: def.Name}}
	for i := range def.Controls {
		c := &def.Controls[i]
		p.controls = append(p.controls, &tally{Control: c, kinds: map[string]*ledger.Census{}})
		if !c.JudgesNamespaces() {
			p.ofObjects.Controls = append(p.ofObjects.Controls, *c)
		}
	}
	slices.SortFunc(p.controls, func(a, b *tally) int { return cmp.Compare(a.Spec.ID, b.Spec.ID) })
	return p
}

// judgesObjects reports whether a control of the policy does not judge each
// namespace, but what it finds.
func (p *policy) judgesObjects() bool { return len(p.ofObjects.Controls) > 0 }

// current reports whether what is recorded was judged by the definition.
func (p *policy) current(k *ledger.Known) bool {
	known, ok := k.Policy(p.Name)
	return ok && !known.Deleted && known.UID == p.UID && known.Generation == p.Generation
}

// know takes what is recorded of the policies.
func (p *policy) know(k *ledger.Known) {
	known, ok := k.Policy(p.Name)
	if !ok {
		return
	}
	p.since = known.Since
	for _, t := range p.controls {
		t.record = known.Controls[t.Spec.ID]
	}
}

// count counts a scope.
func (p *policy) count(s *ledger.ManifestScope) {
	at := slices.IndexFunc(s.Standings, func(st ledger.ManifestStanding) bool { return st.Policy == p.Name })
	disposition := assess.Disposition(s.Standings[at].Disposition)
	for _, t := range p.controls {
		switch {
		case disposition == assess.InScope:
			t.countUnits(p.Name, s)
		case !t.JudgesNamespaces():
			t.countOutside(p.Name, s, disposition)
		case s.Subject.Kind == unitKind:
			leaveOut(&t.census, disposition)
		}
	}
}

func leaveOut(c *ledger.Census, disposition assess.Disposition) {
	if disposition == assess.Excluded {
		c.Excluded++
	} else {
		c.NotSelected++
	}
}

func (t *tally) countUnits(policy string, s *ledger.ManifestScope) {
	for i := range s.Units {
		u := &s.Units[i]
		if u.Policy != policy || u.Control != t.Spec.ID {
			continue
		}
		subject := s.Subject
		if u.Subject != nil {
			subject = *u.Subject
		}
		t.population = append(t.population, ledger.UnitID(subject))
		countUnit(&t.census, u.State.Outcome)
		countUnit(t.kind(subject.Kind), u.State.Outcome)
	}
}

func countUnit(c *ledger.Census, outcome control.Outcome) {
	switch outcome {
	case control.Conforming:
		c.Conforming++
	case control.Deviating:
		c.Deviating++
	case control.NotApplicable:
		c.NotApplicable++
	case control.NotEvaluated:
		c.NotEvaluated++
	}
}

// countOutside counts the subjects of a scope that is not in the policy's.
func (t *tally) countOutside(policy string, s *ledger.ManifestScope, disposition assess.Disposition) {
	for i := range s.Outside {
		if o := &s.Outside[i]; o.Policy == policy && o.Control == t.Spec.ID {
			for _, subject := range o.Subjects {
				leaveOut(&t.census, disposition)
				leaveOut(t.kind(subject.Kind), disposition)
			}
		}
	}
}

// kind is the part of the census that is of a kind.
func (t *tally) kind(kind string) *ledger.Census {
	if t.kinds[kind] == nil {
		t.kinds[kind] = &ledger.Census{}
	}
	return t.kinds[kind]
}

// count completes what the manifest says of how many units there are of which kind.
func (t *tally) count(c *ledger.ManifestControl) {
	if t.JudgesNamespaces() {
		c.Unit, c.Census = unitKind, t.census
		return
	}
	names := slices.Sorted(maps.Keys(t.kinds))
	for _, kind := range names {
		of := *t.kinds[kind]
		of.Total = of.Sum()
		c.Kinds = append(c.Kinds, ledger.KindCensus{Kind: kind, Census: of})
	}
	c.Unit, c.Census = strings.Join(names, ", "), t.census
	c.Census.Total = c.Census.Sum()
}

// manifest is what a manifest says of the policy.
func (p *policy) manifest() ledger.ManifestPolicy {
	m := ledger.ManifestPolicy{Name: p.Name, UID: p.UID, Generation: p.Generation, Spec: p.SpecObject.Digest, Since: p.since, Controls: []ledger.ManifestControl{}}
	for _, t := range p.controls {
		c := ledger.ManifestControl{
			ID: t.Spec.ID, Type: t.Type, Definition: t.Digest, Input: t.Object.Digest, EvaluatorVersion: t.Kind.EvaluatorVersion(),
			Population: ledger.PopulationDigest(t.population),
		}
		t.count(&c)
		if t.record != nil {
			c.IntroducedAt, c.OperatingFrom = &t.record.IntroducedAt, &t.record.OperatingFrom
		}
		m.Controls = append(m.Controls, c)
	}
	return m
}

// objects are those that a manifest names of the policy.
func (p *policy) objects() []ledger.Object {
	objects := []ledger.Object{p.SpecObject}
	for _, t := range p.controls {
		objects = append(objects, t.Object)
	}
	return objects
}

// check reports whether every namespace was counted once, where each is a unit.
func (t *tally) check(policy string) error {
	if sum := t.census.Sum(); t.JudgesNamespaces() && sum != t.census.Total {
		return &failure{ReasonCensusMismatch, fmt.Sprintf("control %s of policy %s: %d units were counted, and there are %d", t.Spec.ID, policy, sum, t.census.Total)}
	}
	return nil
}
