package collect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// unitKind is the kind whose items controls are judged on.
const unitKind = "Namespace"

// policy is one definition that is collected.
type policy struct {
	*assess.Definition
	since ledger.Time
	// controls are those of the definition, by id.
	controls []*tally
}

// tally is the census of one control, as it is counted.
type tally struct {
	*assess.Control
	record *ledger.ControlRecord
	census ledger.Census
	// population are the ids of the units in scope.
	population []string
}

func newPolicy(def *assess.Definition) *policy {
	p := &policy{Definition: def}
	for i := range def.Controls {
		p.controls = append(p.controls, &tally{Control: &def.Controls[i]})
	}
	slices.SortFunc(p.controls, func(a, b *tally) int { return cmp.Compare(a.Spec.ID, b.Spec.ID) })
	return p
}

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
		switch disposition {
		case assess.NotSelected:
			t.census.NotSelected++
		case assess.Excluded:
			t.census.Excluded++
		case assess.InScope:
			t.countUnits(p.Name, s)
		}
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
		switch u.State.Outcome {
		case control.Conforming:
			t.census.Conforming++
		case control.Deviating:
			t.census.Deviating++
		case control.NotApplicable:
			t.census.NotApplicable++
		case control.NotEvaluated:
			t.census.NotEvaluated++
		}
	}
}

// manifest is what a manifest says of the policy.
func (p *policy) manifest() ledger.ManifestPolicy {
	m := ledger.ManifestPolicy{Name: p.Name, UID: p.UID, Generation: p.Generation, Spec: p.SpecObject.Digest, Since: p.since, Controls: []ledger.ManifestControl{}}
	for _, t := range p.controls {
		c := ledger.ManifestControl{
			ID: t.Spec.ID, Type: t.Type, Definition: t.Digest, Input: t.Object.Digest, EvaluatorVersion: t.Kind.EvaluatorVersion(),
			Unit: unitKind, Census: t.census, Population: ledger.PopulationDigest(t.population),
		}
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

// check reports whether every unit was counted once.
func (t *tally) check(policy string) error {
	if sum := t.census.Sum(); sum != t.census.Total {
		return &failure{ReasonCensusMismatch, fmt.Sprintf("control %s of policy %s: %d units were counted, and there are %d", t.Spec.ID, policy, sum, t.census.Total)}
	}
	return nil
}
