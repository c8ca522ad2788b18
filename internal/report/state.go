package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

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
	f.notePlan(u, l.at)
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
	f.inScopeBy(c, s, l)
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
	f.notePlan(u, l.at)
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
