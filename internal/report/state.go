package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// member is a subject that is, or was, in a policy's scope.
type member struct {
	subject *control.Subject
	// stays are when it was in scope, as far as the period is concerned; the
	// last may be open.
	stays []stay
	// moved is the entry that brought it in, or took it out, last.
	moved uint64
	// stale is set where it was in scope when a ledger ended, and the next one
	// has not said so yet.
	stale bool
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
	if n := len(m.stays); n > 0 && m.stays[n-1].to == forever {
		return &m.stays[n-1]
	}
	return nil
}

// unit is one subject under one control.
type unit struct {
	control *statedControl
	subject *control.Subject
	// state is the newest state, nil where none is known; at is when it was
	// stated.
	state *control.State
	at    int64
	open  *episode
	// seen is the last proof of the state before it became NotEvaluated.
	seen proof
	// last is the last proof that an earlier ledger has of the unit.
	last proof
	// outcomes are the outcomes over the period, the first of them perhaps from before.
	outcomes []outcomeAt
}

// outcomeAt is the outcome from a time on: none after the unit ended.
type outcomeAt struct {
	at      int64
	outcome outcome
}

// outcome is an outcome in a byte: of a long period there are many.
type outcome uint8

const (
	none outcome = iota // nothing is judged
	conforming
	deviating
	notApplicable
	notEvaluated
)

func outcomeOf(o control.Outcome) outcome {
	switch o {
	case control.Conforming:
		return conforming
	case control.Deviating:
		return deviating
	case control.NotApplicable:
		return notApplicable
	default:
		return notEvaluated
	}
}

// mark is a moment by both clocks of a process.
type mark struct {
	at, mono int64
	run      int
}

// No process stated a mark of these: an entry that is not there any more did, or
// none at all. Their monotonic clocks are no one's.
const (
	runForgotten = -2
	runNone      = -3
)

func (f *fold) mark(l *line) mark { return mark{l.at, l.mono, f.run} }

// setOutcome notes an outcome; what was before the period is replaced.
func (f *fold) setOutcome(u *unit, at int64, o outcome) {
	if at <= f.window.from {
		u.outcomes = u.outcomes[:0]
	}
	u.outcomes = append(u.outcomes, outcomeAt{at, o})
}

// sighting are the two newest moments at which a scope was evaluated.
type sighting struct{ last, before int64 }

// sighted notes that the subject's scope was evaluated.
func (f *fold) sighted(s *control.Subject, at int64) {
	scope := ledger.ScopeOf(*s)
	g, ok := f.sightings[scope]
	if !ok {
		g = sighting{never, never}
	}
	if at > g.last {
		g.before, g.last = g.last, at
	}
	f.sightings[scope] = g
}

// sightedBefore is when the subject's scope was last evaluated before at.
func (f *fold) sightedBefore(s *control.Subject, at int64) int64 {
	g, ok := f.sightings[ledger.ScopeOf(*s)]
	switch {
	case !ok:
		return never
	case g.last < at:
		return g.last
	case g.before < at:
		return g.before
	default:
		return never
	}
}

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

// memberEntered brings a subject into a policy's scope.
func (f *fold) memberEntered(l *line) error {
	p, s, err := f.ofMember(l)
	if err != nil {
		return err
	}
	created, _ := sourceTime(l, "creationTimestamp")
	f.enter(p, s, stay{span: span{l.at, forever}, added: l.kind == ledger.KindSubjectAdded, created: created})
	return nil
}

func (f *fold) enter(p *policy, s *control.Subject, st stay) *member {
	m, ok := p.members[s]
	if !ok {
		m = &member{subject: s}
		p.members[s] = m
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

func (f *fold) memberLeft(l *line) error {
	p, s, err := f.ofMember(l)
	if err != nil {
		return err
	}
	ending := ledger.EndingSubjectDeleted
	if l.kind == ledger.KindScopeLeft {
		ending = ledger.EndingLeftScope
	}
	f.leave(p, s, l, ending)
	return nil
}

// leave ends a subject's stay, and its units.
func (f *fold) leave(p *policy, s *control.Subject, l *line, ending ledger.Ending) {
	m, ok := p.members[s]
	if !ok {
		return
	}
	var open string
	for _, id := range sortedKeys(p.controls) {
		if u, ok := p.controls[id].units[s]; ok {
			if u.open != nil {
				open = u.open.id
			}
			f.endUnit(u, l, ending)
		}
	}
	st := m.open()
	if st == nil {
		return
	}
	m.stale = false
	st.to, st.deleted = l.at, ending == ledger.EndingSubjectDeleted
	m.moved = l.seq
	if ending == ledger.EndingLeftScope {
		st.left = &Left{Subject: *s, At: timeOf(l.at), Episode: open, Seq: l.seq}
		var scope ledger.ScopeBody
		if l.decode("scope", &scope) == nil {
			st.left.Cause, st.left.Disposition = scope.Cause, scope.Disposition
		}
	}
	if l.at <= f.window.from && st.left == nil {
		m.stays = m.stays[:len(m.stays)-1]
	}
}

// endUnit ends what is known of a unit, and its episode.
func (f *fold) endUnit(u *unit, l *line, ending ledger.Ending) {
	u.last = nothing
	if u.state == nil {
		return
	}
	if u.open != nil {
		f.close(u, l, ending)
	}
	f.remember(u)
	f.setOutcome(u, l.at, none)
	u.state, u.seen = nil, proof{}
}

func (f *fold) unitOf(c *statedControl, s *control.Subject) *unit {
	u, ok := c.units[s]
	if !ok {
		u = &unit{control: c, subject: s, last: nothing}
		c.units[s] = u
	}
	return u
}

// outcomeChanged folds a state in.
func (f *fold) outcomeChanged(l *line) error {
	c, ref, err := f.ofControl(l)
	if err != nil {
		return err
	}
	_, s, err := f.ofMember(l)
	if err != nil {
		return err
	}
	to, err := f.in.state(l, "to")
	if err != nil {
		return err
	}
	evaluator, _ := number[int64](l.parts["evaluatorVersion"])
	def := c.learn(ref, int(evaluator), l.at)
	if m := c.policy.members[s]; m == nil || m.open() == nil {
		f.enter(c.policy, s, stay{span: span{l.at, forever}, created: never})
	}
	f.turn(f.unitOf(c, s), l, def, to)
	return nil
}

// turn folds a unit's next state in, and what follows for its episode.
func (f *fold) turn(u *unit, l *line, def *definition, to *control.State) {
	f.remember(u)
	ending := ledger.Ending(f.in.part(l, "ending"))
	before := f.proofOf(u, l)
	if u.open != nil && (ending != "" || (!l.says("episode", u.open.id) && to.Outcome != control.NotEvaluated)) {
		if ending == "" {
			ending = ledger.EndingUnknownInGap
		}
		f.close(u, l, ending)
	}
	if u.open == nil && to.Outcome == control.Deviating && ending == "" && len(l.parts["episode"]) > 0 {
		f.openEpisode(u, l, def, to, before)
	}
	switch {
	case to.Outcome != control.NotEvaluated:
		u.seen = proof{}
	case u.state == nil || u.state.Outcome != control.NotEvaluated:
		u.seen = before
	}
	u.state, u.at, u.last = to, l.at, nothing
	u.control.rests(to.Basis)
	f.setOutcome(u, l.at, outcomeOf(to.Outcome))
}

// proofOf is what shows how long the unit's state before at is known to have held.
func (f *fold) proofOf(u *unit, l *line) proof {
	switch {
	case u.state == nil:
		return u.last
	case u.state.Outcome == control.NotEvaluated:
		return u.seen
	default:
		return proof{floor: u.at, sighted: f.sightedBefore(u.subject, l.at), before: l.at, proven: l.proven}
	}
}

// sourceTime is a time that the API states, by the end of its field's name.
func sourceTime(l *line, field string) (int64, bool) {
	var times []ledger.SourceTime
	if part, ok := l.parts["sourceTimes"]; !ok || json.Unmarshal(part, &times) != nil {
		return never, false
	}
	for _, t := range times {
		if strings.HasSuffix(t.Field, field) {
			return micros(t.Value.Time), true
		}
	}
	return never, false
}

func (f *fold) sortedUnits(c *statedControl) []*control.Subject {
	return sortedSubjects(c.units)
}

func (f *fold) sortedMembers(p *policy) []*control.Subject {
	return sortedSubjects(p.members)
}

func sortedSubjects[V any](m map[*control.Subject]V) []*control.Subject {
	keys := make([]*control.Subject, 0, len(m))
	for s := range m {
		keys = append(keys, s)
	}
	slices.SortFunc(keys, func(a, b *control.Subject) int { return compareSubjects(*a, *b) })
	return keys
}

func compareSubjects(a, b control.Subject) int {
	return strings.Compare(ledger.UnitID(a), ledger.UnitID(b))
}
