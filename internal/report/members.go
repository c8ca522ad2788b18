package report

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// member is a subject that is, or was, in scope: of a policy, where it is the
// scope's own, or of one control that judges it.
type member struct {
	subject *control.Subject
	// stays are when it was in scope, as far as the period is concerned; the
	// last may be open.
	stays []stay
	// moved is the entry that brought it in, or took it out, last.
	moved uint64
	// stale is set where it was in scope when a ledger ended, and the next one
	// has not said so yet; that one began at broken.
	stale  bool
	broken int64
}

// stay is one time in scope.
type stay struct {
	span
	added   bool  // as a new subject
	deleted bool  // it ended because the subject ceased to be
	created int64 // when the API says that the subject came to be
	left    *Left
}

func (m *member) open() *stay {
	if m == nil {
		return nil
	}
	if n := len(m.stays); n > 0 && m.stays[n-1].to == forever {
		return &m.stays[n-1]
	}
	return nil
}

// subjects are those that are, or were, in one scope.
type subjects map[*control.Subject]*member

// judgesOwn is whether the control's subjects are those that entries name it for,
// and not each namespace in the policy's scope.
func (c *statedControl) judgesOwn() bool {
	if c.typ == "" { // which this version does not know
		return len(c.members) > 0
	}
	return !controls.JudgesNamespaces(c.typ)
}

// population are all subjects that the control ever had.
func (c *statedControl) population() subjects {
	if c.judgesOwn() {
		return c.members
	}
	return c.policy.namespaces
}

// member is how a subject came under the control, nil where it never did.
func (c *statedControl) member(s *control.Subject) *member { return c.population()[s] }

func (f *fold) ofMember(l *line) (*policy, *control.Subject, error) {
	ref, err := f.in.policy(l)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.in.subject(l)
	if err != nil {
		return nil, nil, err
	}
	f.sighted(s, l.at)
	f.touch(s)
	return f.policyOf(ref.Name), s, nil
}

// memberEntered brings a subject into a policy's scope, or under one control.
func (f *fold) memberEntered(l *line) error {
	p, s, err := f.ofMember(l)
	if err != nil {
		return err
	}
	created, _ := sourceTime(l, "creationTimestamp")
	st := stay{span: span{l.at, forever}, added: l.kind == ledger.KindSubjectAdded, created: created}
	if id := f.in.part(l, "control"); id != "" {
		f.judge(f.controlOf(p, id), s, st)
		return nil
	}
	f.enter(p, s, st)
	return nil
}

// enter brings the own subject of a scope into a policy's scope.
func (f *fold) enter(p *policy, s *control.Subject, st stay) *member {
	if isNamespace(s) {
		return f.come(p.namespaces, s, st)
	}
	return f.come(p.others, s, st)
}

func isNamespace(s *control.Subject) bool { return s.Kind == "Namespace" }

// own is the scope's own subject as the policy has it, nil where it does not.
func (p *policy) own(s *control.Subject) *member {
	if m, ok := p.namespaces[s]; ok {
		return m
	}
	return p.others[s]
}

// judge brings a subject under a control.
func (f *fold) judge(c *statedControl, s *control.Subject, st stay) *member {
	if _, known := c.members[s]; !known {
		scope := ledger.ScopeOf(*s)
		c.scoped[scope] = append(c.scoped[scope], s)
	}
	return f.come(c.members, s, st)
}

// come has a subject be in scope, if it is not.
func (f *fold) come(of subjects, s *control.Subject, st stay) *member {
	m, ok := of[s]
	if !ok {
		m = &member{subject: s}
		of[s] = m
	}
	if m.stale {
		m.stale = false
		return m
	}
	if m.open() == nil {
		if n := len(m.stays); n > 0 && m.stays[n-1].left != nil {
			m.stays[n-1].left.Returned = known(st.from)
		}
		m.stays = append(m.stays, st)
		m.moved = f.line.seq
	}
	return m
}

// inScopeBy has the subject of a state be in scope: where no entry brought it in, it
// is since the state is. The own subject of a scope that is new is new.
func (f *fold) inScopeBy(c *statedControl, s *control.Subject, l *line) {
	st := stay{span: span{l.at, forever}, created: never}
	switch m := c.member(s); {
	case m.open() != nil:
		m.stale = false
	case !c.judgesOwn() && isNamespace(s):
		f.enter(c.policy, s, st)
	default:
		if m := c.policy.own(s); m.open() != nil && c.members[s] == nil {
			st.added, st.created = m.open().added, m.open().created
		}
		f.judge(c, s, st)
	}
}

// memberLeft ends a stay: of what one control judged, or of a scope with all that
// controls judged in it.
func (f *fold) memberLeft(l *line) error {
	p, s, err := f.ofMember(l)
	if err != nil {
		return err
	}
	ending := ledger.EndingSubjectDeleted
	if l.kind == ledger.KindScopeLeft {
		ending = ledger.EndingLeftScope
	}
	if id := f.in.part(l, "control"); id != "" {
		f.unjudge(f.controlOf(p, id), s, l, ending)
		return nil
	}
	f.leave(p, s, l, ending)
	return nil
}

// leave ends the stay of a scope's own subject, and of all that was judged there.
func (f *fold) leave(p *policy, s *control.Subject, l *line, ending ledger.Ending) {
	m := p.own(s)
	if m == nil {
		return
	}
	var open string
	for _, id := range sortedKeys(p.controls) {
		c := p.controls[id]
		for _, object := range c.scoped[ledger.ScopeOf(*s)] {
			f.unjudge(c, object, l, ending)
		}
		if u, ok := c.units[s]; ok {
			if u.open != nil {
				open = u.open.id
			}
			f.endUnit(u, l, ending)
		}
	}
	f.endStay(m, l, ending, open)
}

// unjudge ends the stay of a subject of one control.
func (f *fold) unjudge(c *statedControl, s *control.Subject, l *line, ending ledger.Ending) {
	var open string
	if u, ok := c.units[s]; ok {
		if u.open != nil {
			open = u.open.id
		}
		f.endUnit(u, l, ending)
	}
	if m, ok := c.members[s]; ok {
		f.endStay(m, l, ending, open)
	}
}

// endStay ends a subject's stay. open is the episode that was open then.
func (f *fold) endStay(m *member, l *line, ending ledger.Ending, open string) {
	st := m.open()
	switch {
	case st == nil:
		return
	case m.stale: // The scope of what a new ledger does not know went.
		m.endStale()
		return
	}
	st.to, st.deleted = l.at, ending == ledger.EndingSubjectDeleted
	m.moved = l.seq
	if ending == ledger.EndingLeftScope {
		st.left = &Left{Subject: *m.subject, At: timeOf(l.at), Episode: open, Seq: l.seq}
		var scope ledger.ScopeBody
		if l.decode("scope", &scope) == nil {
			st.left.Cause, st.left.Disposition = scope.Cause, scope.Disposition
		}
	}
	if l.at <= f.window.from && st.left == nil {
		m.stays = m.stays[:len(m.stays)-1]
	}
}

// within are the times in scope that lie in s.
func (m *member) within(s span) spans {
	var of []span
	for i := range m.stays {
		of = append(of, m.stays[i].clip(s))
	}
	return union(of)
}

func (m *member) beginning(at int64) *stay {
	for i := range m.stays {
		if m.stays[i].from == at {
			return &m.stays[i]
		}
	}
	return nil
}

func (m *member) ending(at int64) *stay {
	for i := range m.stays {
		if m.stays[i].to == at {
			return &m.stays[i]
		}
	}
	return nil
}

// loseSight has every subject be stale: another ledger begins.
func (of subjects) loseSight(at int64) {
	for _, m := range of {
		if !m.stale && m.open() != nil {
			m.stale, m.broken = true, at
		}
	}
}

// endStale ends the stays of subjects that a new ledger does not know, once it
// has looked at all there are.
func (of subjects) endStale() {
	for _, m := range of {
		m.endStale()
	}
}

// endStale ends a stay that a new ledger does not know where the old one ended.
func (m *member) endStale() {
	if st := m.open(); m.stale && st != nil {
		st.to, st.deleted = max(st.from, m.broken), true
	}
	m.stale = false
}

// endStale ends the stays of what a new ledger does not know of the control's own
// subjects. One that comes again is another matter: what was known of it is not proof.
func (c *statedControl) endStale() {
	for s, m := range c.members {
		if u := c.units[s]; m.stale && u != nil {
			u.last = nothing
		}
	}
	c.members.endStale()
}

// endStale ends the stays of what a new ledger does not know in the policy's scope.
func (p *policy) endStale() {
	p.namespaces.endStale()
	p.others.endStale()
}
