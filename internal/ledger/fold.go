package ledger

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Apply folds the next entry in. It refuses one that does not follow from
// what is known; what is known is then unchanged.
func (k *Known) Apply(e *Entry) error {
	if e.Seq != k.NextSeq {
		return fmt.Errorf("entry %d: want sequence number %d", e.Seq, k.NextSeq)
	}
	if e.AppendedAt.Before(k.LastAppended.Time) {
		return fmt.Errorf("entry %d: appendedAt %s lies before that of the entry before", e.Seq, e.AppendedAt)
	}
	if fold, ok := folds[e.Kind]; ok && e.Schema == Schema {
		if err := fold(k, e); err != nil {
			return fmt.Errorf("entry %d (%s): %w", e.Seq, e.Kind, err)
		}
	}
	k.actorNamed(e.ActorRef)
	k.NextSeq++
	k.LastAppended = e.AppendedAt
	if e.proves() && e.ObservedAt.After(k.LastObserved.Time) {
		k.LastObserved = e.ObservedAt
	}
	return nil
}

// folds say what each kind changes. A kind without a fold changes nothing.
var folds = map[Kind]func(*Known, *Entry) error{
	KindLedgerOpened:      (*Known).ledgerOpened,
	KindOperatorStarted:   func(k *Known, e *Entry) error { k.Run = e.Seq; return nil },
	KindPolicyChanged:     (*Known).policyChanged,
	KindControlIntroduced: (*Known).controlIntroduced,
	KindControlWithdrawn:  (*Known).controlWithdrawn,
	KindScopeEntered:      (*Known).memberEntered,
	KindSubjectAdded:      (*Known).memberEntered,
	KindScopeLeft:         (*Known).memberLeft,
	KindSubjectDeleted:    (*Known).memberLeft,
	KindOutcomeChanged:    (*Known).outcomeChanged,
	KindRepaired:          (*Known).repaired,
	KindRolledBack:        (*Known).rolledBack,
	KindGap:               (*Known).gap,

	KindScheduleChanged: (*Known).scheduleChanged,
	KindCollected:       (*Known).collected,
	KindOccurrence:      (*Known).occurrence,
	KindAccessObserved:  (*Known).accessObserved,
	KindSelfTested:      (*Known).selfTested,
	KindProbed:          (*Known).probed,
	KindAnchored:        (*Known).anchored,
	KindAnchorFailed:    (*Known).anchored,
	KindPruned:          (*Known).pruned,
	KindObjectErased:    (*Known).objectErased,
}

func (k *Known) ledgerOpened(e *Entry) error {
	if k.LedgerID != "" && k.LedgerID != e.Ledger.LedgerID {
		return fmt.Errorf("ledger %s inside ledger %s", e.Ledger.LedgerID, k.LedgerID)
	}
	k.LedgerID = e.Ledger.LedgerID
	return nil
}

func (k *Known) policyChanged(e *Entry) error {
	p := k.clonePolicy(e.Policy.Name)
	if e.Change.Type == ChangeConfirmed {
		p.Brake, p.Confirmed = nil, e.Policy.Generation
		k.policies[p.Name] = p
		return nil
	}
	p.UID, p.Generation, p.Spec = e.Policy.UID, e.Policy.Generation, e.Change.To
	p.Deleted = e.Change.Type == ChangeDeleted
	p.Enforces, p.Brake = e.Change.Enforces, nil
	if e.Change.Confirmed {
		p.Confirmed = e.Policy.Generation
	}
	if e.Change.Held > 0 {
		p.Brake = &Brake{Since: e.ObservedAt, Added: e.Change.Held}
	}
	if p.Since.IsZero() {
		p.Since = e.ObservedAt
	}
	k.policies[p.Name] = p
	if p.Deleted {
		k.dropPolicy(p.Name)
	}
	return nil
}

func (k *Known) controlIntroduced(e *Entry) error {
	p := k.clonePolicy(e.Policy.Name)
	p.Controls[e.Control] = &ControlRecord{
		IntroducedAt: e.ObservedAt, OperatingFrom: e.Intro.OperatingFrom,
		Declared: e.Intro.Declared, Definition: e.Policy.Definition,
	}
	k.policies[p.Name] = p
	k.slotsIntroduced(e)
	return nil
}

func (k *Known) controlWithdrawn(e *Entry) error {
	p := k.clonePolicy(e.Policy.Name)
	if c, ok := p.Controls[e.Control]; ok {
		withdrawn := *c
		withdrawn.Withdrawn = true
		p.Controls[e.Control] = &withdrawn
	}
	p.Withdrawals = maps.Clone(p.Withdrawals)
	if p.Withdrawals == nil {
		p.Withdrawals = map[string]EntryRef{}
	}
	p.Withdrawals[e.Control] = EntryRef{e.ID, e.Seq}
	k.policies[p.Name] = p
	k.slotsWithdrawn(e)
	for u := range k.units {
		if u.Policy == e.Policy.Name && u.Control == e.Control {
			k.drop(u)
		}
	}
	for scope := range k.subjects {
		k.dropObjects(scope, func(u Unit) bool { return u.Policy == e.Policy.Name && u.Control == e.Control })
	}
	return nil
}

func (k *Known) memberEntered(e *Entry) error {
	m := &Member{Policy: e.Policy.Name, Control: e.Control, Subject: *e.Subject,
		Entered: e.Kind, Entry: EntryRef{e.ID, e.Seq}, Since: e.ObservedAt}
	if e.Control != "" {
		return k.objectEntered(m)
	}
	if _, there := k.Member(e.Policy.Name, *e.Subject); there {
		return fmt.Errorf("%s is in the scope of %s already", e.Subject, e.Policy.Name)
	}
	scope := ScopeOf(*e.Subject)
	k.members[scope] = append(slices.Clone(k.members[scope]), m)
	return nil
}

// objectEntered takes in an object of a scope that is in the policy's scope itself.
func (k *Known) objectEntered(m *Member) error {
	u, scope := Unit{m.Policy, m.Control, m.Subject}, ScopeOf(m.Subject)
	if _, there := k.ObjectMember(u); there {
		return fmt.Errorf("%s is judged already", u)
	}
	if k.scopeMember(m.Policy, scope) == nil {
		return fmt.Errorf("%s lies beyond the scope of %s", m.Subject, m.Policy)
	}
	k.putObject(u, m)
	return nil
}

func (k *Known) putObject(u Unit, m *Member) {
	scope := ScopeOf(u.Subject)
	if k.subjects[scope] == nil {
		k.subjects[scope] = map[Unit]*Member{}
	}
	k.subjects[scope][u] = m
}

func (k *Known) memberLeft(e *Entry) error {
	if e.Control != "" {
		u := Unit{e.Policy.Name, e.Control, *e.Subject}
		if _, there := k.ObjectMember(u); !there {
			return fmt.Errorf("%s is not judged", u)
		}
		k.dropObject(u)
		return nil
	}
	if _, there := k.Member(e.Policy.Name, *e.Subject); !there {
		return fmt.Errorf("%s is not in the scope of %s", e.Subject, e.Policy.Name)
	}
	k.dropMember(e.Policy.Name, *e.Subject)
	if e.Kind == KindSubjectDeleted && e.Subject.Kind == "Namespace" {
		delete(k.objects, e.Subject.Name)
		k.restoresDropped(*e.Subject)
	}
	return nil
}

// dropPolicy takes every subject out of a policy's scope.
func (k *Known) dropPolicy(policy string) {
	for _, m := range k.Members(policy) {
		k.dropMember(policy, m.Subject)
	}
}

// dropObject forgets an object that a control judged, and its unit.
func (k *Known) dropObject(u Unit) {
	scope := ScopeOf(u.Subject)
	if delete(k.subjects[scope], u); len(k.subjects[scope]) == 0 {
		delete(k.subjects, scope)
	}
	k.drop(u)
}

// dropObjects forgets the objects of a scope that which holds for.
func (k *Known) dropObjects(scope string, which func(Unit) bool) {
	for u := range k.subjects[scope] {
		if which(u) {
			k.dropObject(u)
		}
	}
}

// dropMember takes a scope's own subject out of a policy's scope, and its units and
// all objects of the scope with it.
func (k *Known) dropMember(policy string, subject control.Subject) {
	scope := ScopeOf(subject)
	rest := slices.DeleteFunc(slices.Clone(k.members[scope]), func(m *Member) bool {
		return m.Policy == policy && m.Subject == subject
	})
	if len(rest) == 0 {
		delete(k.members, scope)
	} else {
		k.members[scope] = rest
	}
	for c := range k.tallies {
		if c.policy == policy {
			k.drop(Unit{Policy: policy, Control: c.control, Subject: subject})
		}
	}
	k.dropObjects(scope, func(u Unit) bool { return u.Policy == policy })
}

func (k *Known) outcomeChanged(e *Entry) error {
	u := Unit{Policy: e.Policy.Name, Control: e.Control, Subject: *e.Subject}
	last := k.units[u]
	if prev := k.before(u); e.Prev != prev {
		return fmt.Errorf("%s: follows entry %q, want %q", u, e.Prev, prev)
	}
	if want := StateID(k.LedgerID, u.Policy, u.Control, u.Subject, e.Prev, *e.To); e.ID != want {
		return fmt.Errorf("%s: id %s, want %s", u, e.ID, want)
	}
	next := &Record{Unit: u, ID: e.ID, State: *e.To, Since: e.ObservedAt, Definition: e.Policy.Definition}
	if last != nil && (last.State.Outcome == e.To.Outcome || (last.Episode != "" && last.Episode == e.Episode && e.Ending == "")) {
		next.Since = last.Since
	}
	if e.To.Outcome == control.Deviating || e.To.Outcome == control.NotEvaluated {
		// Losing sight of a subject does not end its episode.
		next.Episode, next.Origin, next.Message = e.Episode, e.Origin, e.Message
	}
	k.drop(u)
	k.put(next)
	return nil
}

// before is the id of the entry that a unit's next state follows: that of its
// last state, or for its first one, the entry that brought the subject into
// the policy's scope, or the object under the control, or the control's last
// withdrawal where that came later.
// So a unit that comes back does not begin with an id that it had before.
func (k *Known) before(u Unit) string {
	if r, ok := k.units[u]; ok {
		return r.ID
	}
	var begin EntryRef
	if m, ok := k.MemberOf(u); ok {
		begin = m.Entry
	}
	if p, ok := k.policies[u.Policy]; ok {
		if w, ok := p.Withdrawals[u.Control]; ok && (begin.ID == "" || w.Seq > begin.Seq) {
			begin = w
		}
	}
	return begin.ID
}

func (k *Known) repaired(e *Entry) error {
	o := e.Object
	switch {
	case o.After == nil:
		k.removed(o)
		return nil
	case len(o.Taken) > 0:
		return nil // It is somebody else's.
	}
	created := CreatedObject{o.Kind, o.Namespace, o.Name, o.After.UID}
	list := slices.Clone(k.objects[o.Namespace])
	at := slices.IndexFunc(list, func(c CreatedObject) bool { return c.Kind == o.Kind && c.Name == o.Name })
	if at < 0 {
		list = append(list, created)
	} else {
		list[at] = created
	}
	k.objects[o.Namespace] = list
	return nil
}

// removed forgets an object that Holdfast removed.
func (k *Known) removed(o *ObjectBody) {
	rest := slices.DeleteFunc(slices.Clone(k.objects[o.Namespace]), func(c CreatedObject) bool {
		return c.Kind == o.Kind && c.Name == o.Name
	})
	if len(rest) == 0 {
		delete(k.objects, o.Namespace)
		return
	}
	k.objects[o.Namespace] = rest
}

func (k *Known) rolledBack(e *Entry) error {
	k.removed(e.Object)
	p, known := k.policies[e.Policy.Name]
	if e.Reason != RolledBackPodsNotReady || !known || p.Generation != e.Policy.Generation {
		return nil
	}
	p = k.clonePolicy(e.Policy.Name)
	p.Brake = &Brake{Since: e.ObservedAt, Namespace: ScopeOf(*e.Subject)}
	k.policies[p.Name] = p
	return nil
}

func (k *Known) gap(e *Entry) error {
	k.slotsUnobserved(e.Gap)
	switch {
	case e.Gap.Ends != "":
		delete(k.gaps, e.Gap.Ends)
	case e.Gap.To == nil:
		k.gaps[e.ID] = *e.Gap
	}
	return nil
}

func (k *Known) clonePolicy(name string) *PolicyRecord {
	p := PolicyRecord{Name: name}
	if last, ok := k.policies[name]; ok {
		p = *last
	}
	p.Controls = maps.Clone(p.Controls)
	if p.Controls == nil {
		p.Controls = map[string]*ControlRecord{}
	}
	return &p
}

// put adds a record of a unit that has none.
func (k *Known) put(r *Record) {
	k.units[r.Unit] = r
	key := controlKey{r.Unit.Policy, r.Unit.Control}
	t := k.tallies[key]
	if t == nil {
		t = newTally()
		k.tallies[key] = t
	}
	t.add(r, 1)
}

// drop removes the record of a unit, if there is one.
func (k *Known) drop(u Unit) {
	r, ok := k.units[u]
	if !ok {
		return
	}
	delete(k.units, u)
	k.tallies[controlKey{u.Policy, u.Control}].add(r, -1)
}

func (t *Tally) add(r *Record, n int) {
	switch r.State.Outcome {
	case control.Conforming:
		t.Conforming += n
	case control.NotApplicable:
		t.NotApplicable += n
	case control.NotEvaluated:
		keep(t.NotEvaluated, r, n > 0)
	case control.Deviating:
		keep(t.Open, r, n > 0)
	}
}

// keep has a record among others, or not.
func keep(among map[control.Subject]*Record, r *Record, kept bool) {
	delete(among, r.Unit.Subject)
	if kept {
		among[r.Unit.Subject] = r
	}
}
