package collect

import (
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// difference is a unit whose recorded state is not the one that was read. Either
// is nil where that side does not have the unit.
type difference struct {
	policy   *policy
	control  *assess.Control
	subject  control.Subject
	from, to *control.State
	message  string
}

// hold holds a scope against what is recorded: it says what the manifest states
// of it, and which units differ. It also returns how many were compared.
func (n *collection) hold(k *ledger.Known, s *scope) (differences []difference, compared int) {
	s.entry = ledger.ManifestScope{Subject: s.namespace.Subject(), Inputs: s.inputs()}
	for _, p := range n.policies {
		standing, found := n.stand(k, s, p)
		s.entry.Standings = append(s.entry.Standings, standing)
		differences = append(differences, found...)
	}
	for i := range s.units {
		u := &s.units[i]
		d, held := n.holdUnit(k, s, u)
		if held {
			compared++
		}
		if d != nil {
			differences = append(differences, *d)
		}
	}
	return differences, compared
}

// stand says how a namespace stands to a policy, and which units are recorded of
// subjects that are not in its scope.
func (n *collection) stand(k *ledger.Known, s *scope, p *policy) (ledger.ManifestStanding, []difference) {
	standing := ledger.ManifestStanding{Policy: p.Name, Disposition: string(assess.NotSelected)}
	inScope := false
	if s.exists {
		disposition := p.Dispose(s.namespace)
		standing.Disposition, inScope = string(disposition), disposition == assess.InScope
		if disposition == assess.Excluded {
			standing.Exclusion = p.Exclusion(s.name)
		}
	}
	var gone []difference
	for _, m := range k.MembersOf(s.name) {
		switch {
		case m.Policy != p.Name:
		case inScope && m.Subject == s.namespace.Subject():
			standing.Entered, standing.Since, standing.New = &m.Entry, &m.Since, m.Entered == ledger.KindSubjectAdded
		case p.Invalid == "" && p.current(k):
			gone = append(gone, p.gone(k, m.Subject)...)
		}
	}
	return standing, gone
}

// gone are the units that are recorded of a subject that is not in scope.
func (p *policy) gone(k *ledger.Known, subject control.Subject) []difference {
	var gone []difference
	for _, t := range p.controls {
		if record, ok := k.Unit(ledger.Unit{Policy: p.Name, Control: t.Spec.ID, Subject: subject}); ok {
			gone = append(gone, difference{policy: p, control: t.Control, subject: subject, from: &record.State,
				message: subject.String() + " is recorded, and was not found in the policy's scope"})
		}
	}
	return gone
}

// holdUnit adds a unit to what the manifest states. It returns whether it was
// compared, and how it differs.
func (n *collection) holdUnit(k *ledger.Known, s *scope, u *unit) (d *difference, compared bool) {
	p := n.policyOf(u.Def)
	record, known := k.Unit(ledger.Unit{Policy: u.Def.Name, Control: u.Control.Spec.ID, Subject: u.Subject})
	state := ledger.Bounded(u.Settled(s.namespace, known && record.State.Outcome == control.Deviating))
	m := ledger.ManifestUnit{Policy: u.Def.Name, Control: u.Control.Spec.ID, State: state}
	if u.Subject != s.namespace.Subject() {
		m.Subject = &u.Subject
	}
	if known {
		m.Entry, m.Since, m.Episode, m.Origin = record.ID, &record.Since, record.Episode, record.Origin
	}
	s.entry.Units = append(s.entry.Units, m)
	if !p.current(k) {
		n.short(ReasonPolicyChanged, "policy "+p.Name+" changed meanwhile, and was not compared")
		return nil, false
	}
	if p.Invalid != "" {
		n.short(ReasonPolicyInvalid, "policy "+p.Name+" cannot be evaluated")
	}
	if u.partly || p.Invalid != "" {
		return nil, false
	}
	d = &difference{policy: p, control: u.Control, subject: u.Subject, to: &state, message: u.message}
	switch {
	case !known:
		return d, true
	case record.State.Equal(state):
		return nil, true
	default:
		d.from = &record.State
		return d, true
	}
}

func (n *collection) policyOf(def *assess.Definition) *policy {
	for _, p := range n.policies {
		if p.Definition == def {
			return p
		}
	}
	return nil
}

// asRecorded has the manifest state of a scope what is recorded: it changed
// whenever it was read.
func (n *collection) asRecorded(k *ledger.Known, s *scope) {
	read := s.entry
	s.entry = ledger.ManifestScope{Subject: read.Subject}
	if s.exists {
		s.parts = s.parts[:1] // the namespace
		s.entry.Inputs = s.inputs()
	}
	members := k.MembersOf(s.name)
	if !s.exists && len(members) > 0 {
		s.entry.Subject, s.exists = members[0].Subject, true
	}
	for i, p := range n.policies {
		standing := read.Standings[i]
		standing.Entered, standing.Since, standing.New = nil, nil, false
		for _, m := range members {
			if m.Policy == p.Name && m.Subject == s.entry.Subject {
				standing.Disposition, standing.Exclusion = string(assess.InScope), ""
				standing.Entered, standing.Since, standing.New = &m.Entry, &m.Since, m.Entered == ledger.KindSubjectAdded
			}
		}
		s.entry.Standings = append(s.entry.Standings, standing)
		if standing.Disposition == string(assess.InScope) {
			n.unitsAsRecorded(k, s, p)
		}
	}
}

func (n *collection) unitsAsRecorded(k *ledger.Known, s *scope, p *policy) {
	for _, t := range p.controls {
		m := ledger.ManifestUnit{Policy: p.Name, Control: t.Spec.ID, State: control.State{
			Outcome: control.NotEvaluated, Basis: control.BasisConfiguration, Rules: []control.RuleState{{Reason: control.ReasonInconclusive}}}}
		if record, ok := k.Unit(ledger.Unit{Policy: p.Name, Control: t.Spec.ID, Subject: s.entry.Subject}); ok {
			m.State, m.Entry, m.Since, m.Episode, m.Origin = record.State, record.ID, &record.Since, record.Episode, record.Origin
		} else {
			n.short(ReasonUnsettled, "a namespace changed whenever it was read, and nothing is recorded of it")
		}
		s.entry.Units = append(s.entry.Units, m)
	}
}
