package collect

import (
	"cmp"
	"slices"

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
	s.entry = ledger.ManifestScope{Subject: s.namespace.Subject(), Inputs: s.inputs(), Outside: s.outside}
	for _, p := range n.policies {
		s.entry.Standings = append(s.entry.Standings, n.stand(k, s, p))
	}
	found := map[ledger.Unit]bool{}
	for i := range s.units {
		u := &s.units[i]
		found[ledger.Unit{Policy: u.Def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}] = true
		d, held := n.holdUnit(k, s, u)
		if held {
			compared++
		}
		if d != nil {
			differences = append(differences, *d)
		}
	}
	for _, p := range n.policies {
		differences = append(differences, n.unfound(k, s, p, found)...)
	}
	slices.SortStableFunc(s.entry.Units, func(a, b ledger.ManifestUnit) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
	})
	return differences, compared
}

// stand says how a scope stands to a policy.
func (n *collection) stand(k *ledger.Known, s *scope, p *policy) ledger.ManifestStanding {
	standing := ledger.ManifestStanding{Policy: p.Name, Disposition: string(assess.NotSelected)}
	if !s.exists {
		return standing
	}
	disposition := p.Dispose(s.namespace)
	standing.Disposition = string(disposition)
	switch disposition {
	case assess.Excluded:
		standing.Exclusion = p.Exclusion(s.name)
	case assess.InScope:
		if m, ok := k.Member(p.Name, s.namespace.Subject()); ok {
			standing.Entered, standing.Since, standing.New = &m.Entry, &m.Since, m.Entered == ledger.KindSubjectAdded
		}
	}
	return standing
}

// unfound are the units that are recorded of a scope, and were not found there. What
// could not be looked for is stated as that, and is no difference.
func (n *collection) unfound(k *ledger.Known, s *scope, p *policy, found map[ledger.Unit]bool) []difference {
	if p.Invalid != "" || !p.current(k) {
		return nil
	}
	var gone []difference
	for _, record := range p.recorded(k, s.name) {
		if found[record.Unit] {
			continue
		}
		c, stated := p.Control(record.Unit.Control)
		if !stated {
			continue
		}
		if state, unseen := s.unseen[c]; unseen {
			s.entry.Units = append(s.entry.Units, manifestUnit(k, s.entry.Subject, record.Unit, state))
			continue
		}
		subject := record.Unit.Subject
		gone = append(gone, difference{policy: p, control: c, subject: subject, from: &record.State,
			message: subject.String() + " is recorded, and was not found in the policy's scope"})
	}
	return gone
}

// recorded are the units that are recorded of a scope under a policy, in a stable order.
func (p *policy) recorded(k *ledger.Known, scope string) []*ledger.Record {
	var of []*ledger.Record
	take := func(u ledger.Unit) {
		if record, ok := k.Unit(u); ok {
			of = append(of, record)
		}
	}
	for _, m := range k.MembersOf(scope) {
		for _, t := range p.controls {
			if m.Policy == p.Name {
				take(ledger.Unit{Policy: p.Name, Control: t.Spec.ID, Subject: m.Subject})
			}
		}
	}
	for u := range k.ObjectMembersOf(scope) {
		if _, own := k.Member(p.Name, u.Subject); u.Policy == p.Name && !own {
			take(u)
		}
	}
	slices.SortStableFunc(of, func(a, b *ledger.Record) int {
		return cmp.Or(cmp.Compare(a.Unit.Control, b.Unit.Control), cmp.Compare(ledger.UnitID(a.Unit.Subject), ledger.UnitID(b.Unit.Subject)))
	})
	return of
}

// manifestUnit is what a manifest says of a unit: the state that was read, and what
// is recorded. scope is the own subject of its scope.
func manifestUnit(k *ledger.Known, scope control.Subject, u ledger.Unit, state control.State) ledger.ManifestUnit {
	m := ledger.ManifestUnit{Policy: u.Policy, Control: u.Control, State: state}
	if u.Subject != scope {
		m.Subject = &u.Subject
	}
	if record, known := k.Unit(u); known {
		m.Entry, m.Since, m.Episode, m.Origin = record.ID, &record.Since, record.Episode, record.Origin
	}
	if member, known := k.ObjectMember(u); known {
		m.Entered, m.EnteredAt, m.New = &member.Entry, &member.Since, member.Entered == ledger.KindSubjectAdded
	}
	return m
}

// holdUnit adds a unit to what the manifest states. It returns whether it was
// compared, and how it differs.
func (n *collection) holdUnit(k *ledger.Known, s *scope, u *unit) (d *difference, compared bool) {
	p := n.policyOf(u.Def)
	key := ledger.Unit{Policy: u.Def.Name, Control: u.Control.Spec.ID, Subject: u.Subject}
	record, known := k.Unit(key)
	state := ledger.Bounded(u.Settled(s.namespace, known && record.State.Outcome == control.Deviating))
	s.entry.Units = append(s.entry.Units, manifestUnit(k, s.entry.Subject, key, state))
	if !p.current(k) {
		n.short(ReasonPolicyChanged, "policy "+p.Name+" changed meanwhile, and was not compared")
		return nil, false
	}
	if p.Invalid != "" {
		n.short(ReasonPolicyInvalid, "policy "+p.Name+" cannot be evaluated")
	}
	if u.awaits {
		n.short(ReasonProbesAwaited, "not everything that is to be probed was probed yet")
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
	members := k.MembersOf(s.name)
	if s.exists && !replaced(read.Subject, members) {
		s.parts = s.parts[:1] // the namespace, or the cluster
		s.entry.Inputs = s.inputs()
	} else if len(members) > 0 {
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
			continue
		}
		for _, o := range read.Outside {
			if o.Policy == p.Name {
				s.entry.Outside = append(s.entry.Outside, o)
			}
		}
	}
}

// replaced is whether what is recorded is another namespace, which had the name before.
func replaced(read control.Subject, members []*ledger.Member) bool {
	return len(members) > 0 && !slices.ContainsFunc(members, func(m *ledger.Member) bool { return m.Subject == read })
}

func (n *collection) unitsAsRecorded(k *ledger.Known, s *scope, p *policy) {
	for _, t := range p.controls {
		u := ledger.Unit{Policy: p.Name, Control: t.Spec.ID, Subject: s.entry.Subject}
		if _, known := k.Unit(u); !known && t.JudgesNamespaces() && s.entry.Subject.Kind == unitKind {
			n.short(ReasonUnsettled, "a namespace changed whenever it was read, and nothing is recorded of it")
			s.entry.Units = append(s.entry.Units, manifestUnit(k, s.entry.Subject, u, notSeen()))
		}
	}
	for _, record := range p.recorded(k, s.name) {
		own, _ := k.Member(p.Name, record.Unit.Subject)
		if own == nil || own.Subject == s.entry.Subject { // not of a namespace that had the name before
			s.entry.Units = append(s.entry.Units, manifestUnit(k, s.entry.Subject, record.Unit, record.State))
		}
	}
	slices.SortStableFunc(s.entry.Units, func(a, b ledger.ManifestUnit) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
	})
}
