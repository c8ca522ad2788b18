package report_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// A world is a cluster and its operator over discrete ticks. What happens is
// drawn, written as entries by a scribe, and noted tick by tick, without any
// notion of episode, interval or bound.
type world struct {
	*scribe
	tick    int
	length  time.Duration // of a tick
	running bool
	proof   int // the last tick that an entry proves to have been observed
	run     int
	order   int
	dead    map[string]bool
	held    map[string]int // gaps that are open: the id of the entry → the tick they began
	gapKind map[string]ledger.GapBody
	alive   []*being
	all     []*being
	// By control:
	stated    map[string][]bool
	introduce map[string]int // the tick, -1 while it is not
	// introducedIn is the number of the ledger that did.
	introducedIn map[string]int
	tolerance    map[string][]*time.Duration
	edited       map[string]int // the tick at which the newest definition began
	spec         v1alpha1.ControlPolicySpec
	gaps         map[string][]bool
	beats        []bool
	fought       map[string]map[int]bool // unit → ticks
	cells        map[string]*cells
}

// worldControls are the controls that the policy may state: A and B judge each
// namespace in scope, C judges objects in namespaces and in the cluster, and the
// scopes themselves where it finds something to judge.
func worldControls() []string { return []string{"A", "B", "C"} }

// being is one subject with a UID of its own, as a scope or under the control C.
type being struct {
	subject control.Subject
	// scope is where C judges the subject, nil for what is a scope in itself. It is
	// the same subject where C judges that.
	scope  *being
	in     []bool   // by tick
	came   []string // by tick: added, entered
	went   []string // by tick: left, deleted
	sights []sight
	since  int
	inside bool
	// stale is set from a break of the ledger on, until something is said of a scope
	// that C judges. doubts are those times, by the ticks of their ends.
	stale  bool
	doubts []doubt
}

// under is whether the being is a subject of a control.
func (b *being) under(id string) bool {
	if id == "C" {
		return b.scope != nil
	}
	return b.scope == nil && b.subject.Kind == "Namespace"
}

// itself is whether it is a scope that C judges.
func (b *being) itself() bool { return b.scope != nil && b.scope.subject == b.subject }

// there is whether the being is in scope as far as the operator sees: a scope that a
// new ledger found gone is not judged again, though nothing was said of it yet.
func (b *being) there() bool { return b.inside && (b.scope == nil || b.scope.inside) }

type doubt struct{ from, to int }

// settled ends a doubt.
func (w *world) settled(b *being) {
	if b.stale {
		b.stale, b.doubts[len(b.doubts)-1].to = false, w.tick
	}
}

type sight struct{ tick, ledger int }

// cells are the ticks of one unit.
type cells struct {
	outcome []control.Outcome
	stated  []*stating // where an entry stated something
	acts    []touch
	last    *stating
}

// touch is something done to the unit's object.
type touch struct {
	tick, run, order int
	kind             ledger.Kind
}

// stating is one state entry.
type stating struct {
	order             int
	tick, run, ledger int
	to                control.Outcome
	rules             string
	origin            ledger.Origin
	ending            ledger.Ending
	proven            int // -1 where it does not say
	defSince          int
	tolerance         *time.Duration
}

const worldPolicy = "p"

func newWorld(tb testing.TB, tick time.Duration) *world {
	tb.Helper()
	w := &world{scribe: newScribe(tb), length: tick, running: true, introducedIn: map[string]int{}, dead: map[string]bool{}, held: map[string]int{}, gapKind: map[string]ledger.GapBody{},
		stated: map[string][]bool{}, introduce: map[string]int{"A": -1, "B": -1, "C": -1}, tolerance: map[string][]*time.Duration{},
		edited: map[string]int{}, gaps: map[string][]bool{}, fought: map[string]map[int]bool{}, cells: map[string]*cells{}}
	w.check = false
	w.begin(ledger.OpenFirstInstall)
	w.put(within(5*tick), worldControls()...)
	return w
}

// note notes an entry that proves observation.
func (w *world) note() { w.proof = w.tick }

func (w *world) put(tolerance *v1alpha1.Tolerance, ids ...string) {
	w.spec = isolation(v1alpha1.ModeObserve, tolerance, ids...)
	for _, id := range ids {
		before := w.defs[worldPolicy][id]
		if after := definition(w.tb, worldPolicy, w.spec); after.Controls[slices.Index(ids, id)].Digest != before {
			w.edited[id] = w.tick
		}
	}
	w.policy(worldPolicy, w.spec)
	w.note()
}

// statedNow are the controls that the policy states.
func (w *world) statedNow() []string {
	var ids []string
	for _, c := range w.spec.Controls {
		ids = append(ids, c.ID)
	}
	return ids
}

func (w *world) within() *time.Duration {
	if w.spec.Tolerance == nil {
		return nil
	}
	return &w.spec.Tolerance.CorrectionWithin.Duration
}

// cell are the cells of a unit.
func (w *world) cell(b *being, id string) *cells {
	key := b.subject.UID + "/" + id
	if w.cells[key] == nil {
		w.cells[key] = &cells{outcome: make([]control.Outcome, w.tick), stated: make([]*stating, w.tick)}
	}
	return w.cells[key]
}

// pass lets ticks pass: each is noted as it is at its end.
func (w *world) pass(ticks int) {
	for range ticks {
		for _, id := range worldControls() {
			stated := slices.Contains(w.statedNow(), id)
			w.stated[id] = append(w.stated[id], stated)
			w.tolerance[id] = append(w.tolerance[id], w.within())
			for len(w.gaps[id]) <= w.tick {
				w.gaps[id] = append(w.gaps[id], false)
			}
			for _, b := range w.all {
				if !b.under(id) {
					continue
				}
				c := w.cell(b, id)
				out, st := control.Outcome(""), (*stating)(nil)
				if c.last != nil {
					out = c.last.to
					if c.last.tick == w.tick {
						st = c.last
					}
				}
				c.outcome, c.stated = append(c.outcome, out), append(c.stated, st)
			}
		}
		for _, b := range w.all {
			b.in = append(b.in, b.inside)
			for len(b.came) <= w.tick {
				b.came, b.went = append(b.came, ""), append(b.went, "")
			}
		}
		for len(w.beats) <= w.tick {
			w.beats = append(w.beats, false)
		}
		w.tick++
		w.at(time.Duration(w.tick) * w.length)
	}
}

// quiet makes sure that nothing was noted of this tick yet.
func (w *world) quiet() { w.pass(1) }

// come has a namespace come into scope.
func (w *world) come(n int, added bool) {
	subject := control.Subject{Kind: "Namespace", Name: fmt.Sprintf("ns-%d", n%3), UID: fmt.Sprintf("uid-%d", n%6)}
	if w.dead[subject.UID] {
		return
	}
	for _, b := range w.alive {
		if b.scope == nil && b.subject.Name == subject.Name && (b.inside || b.subject.UID != subject.UID) {
			return
		}
	}
	w.quiet()
	b := w.being(subject, nil)
	w.enter(worldPolicy, subject, added)
	w.comes(b, map[bool]string{true: "added", false: "entered"}[added])
}

// being is the subject, as a scope or in one.
func (w *world) being(subject control.Subject, scope *being) *being {
	i := slices.IndexFunc(w.all, func(b *being) bool { return b.subject == subject && (b.scope == nil) == (scope == nil) })
	if i < 0 {
		b := &being{subject: subject, in: make([]bool, w.tick), came: make([]string, w.tick), went: make([]string, w.tick)}
		w.all, i = append(w.all, b), len(w.all)
	}
	b := w.all[i]
	b.scope = scope
	if !slices.Contains(w.alive, b) {
		w.alive = append(w.alive, b)
	}
	return b
}

func (w *world) comes(b *being, how string) {
	w.note()
	b.inside, b.since = true, w.tick
	for len(b.came) <= w.tick {
		b.came, b.went = append(b.came, ""), append(b.went, "")
	}
	b.came[w.tick] = how
	w.see(b)
}

// goes notes that a being is in scope no more: since now, if it is known to have been.
func (w *world) goes(b *being, how string) {
	if b.stale {
		w.vanish(b)
		return
	}
	for len(b.came) <= w.tick {
		b.came, b.went = append(b.came, ""), append(b.went, "")
	}
	b.went[w.tick], b.inside = how, false
}

// see notes that the being's scope was evaluated, and all that is in it.
func (w *world) see(b *being) {
	for _, o := range w.all {
		if ledger.ScopeOf(o.subject) == ledger.ScopeOf(b.subject) {
			o.sights = append(o.sights, sight{w.tick, len(w.chain)})
		}
	}
}

// depart takes a scope, with all that is in it, or an object out.
func (w *world) depart(b *being, deleted bool) {
	if !b.inside || b.itself() {
		return
	}
	w.quiet()
	if b.scope != nil {
		w.leaveControl(worldPolicy, "C", b.subject, deleted)
	} else {
		w.leave(worldPolicy, b.subject, deleted)
	}
	w.note()
	w.see(b)
	for _, o := range slices.Clone(w.alive) {
		if o != b && o.scope != b {
			continue
		}
		if o.inside {
			w.goes(o, map[bool]string{true: "deleted", false: "left"}[deleted])
		}
		for _, id := range worldControls() {
			w.end(o, id, map[bool]ledger.Ending{true: ledger.EndingSubjectDeleted, false: ledger.EndingLeftScope}[deleted])
		}
		if deleted {
			w.dead[o.subject.UID] = true
			w.alive = slices.DeleteFunc(w.alive, func(a *being) bool { return a == o })
		}
	}
}

// end ends a unit: what it was is known no more.
func (w *world) end(b *being, id string, ending ledger.Ending) {
	if !b.under(id) {
		return
	}
	c := w.cell(b, id)
	if c.last == nil || c.last.to == "" {
		return
	}
	w.order++
	c.last = &stating{tick: w.tick, run: w.run, ledger: len(w.chain), ending: ending, proven: -1, order: w.order}
}

func (w *world) become(b *being, id string, to control.Outcome, rules string, proven int, ending ledger.Ending) {
	if !b.under(id) {
		return
	}
	c := w.cell(b, id)
	if !b.there() || !slices.Contains(w.statedNow(), id) || (c.last != nil && c.last.tick == w.tick) {
		return
	}
	st := statement{policy: worldPolicy, control: id, subject: b.subject, to: to, ending: ending}
	if to == control.Deviating {
		st.rules = []string{rules}
	}
	note := &stating{tick: w.tick, run: w.run, ledger: len(w.chain), to: to, rules: rules, ending: ending, proven: -1,
		defSince: w.edited[id], tolerance: w.within()}
	known := c.last != nil && c.last.to != "" && c.last.ledger == len(w.chain)
	if proven >= 0 && known && w.tick-proven >= 0 {
		note.proven = w.tick - proven
		st.proven = new(epoch.Add(time.Duration(note.proven) * w.length))
	}
	note.origin = w.origin(b, id, c, known)
	st.origin = note.origin
	if w.state(st) {
		w.order++
		note.order = w.order
		w.note()
		w.see(b)
		c.last = note
		w.settled(b)
	}
}

func (w *world) origin(b *being, id string, c *cells, known bool) ledger.Origin {
	switch {
	case known && w.edited[id] > c.last.tick:
		return ledger.OriginDefinitionChanged
	case known:
		return ledger.OriginDrift
	case w.introduce[id] < 0:
		return ledger.OriginBaseline
	case b.came[b.since] == "added":
		return ledger.OriginNewSubject
	default:
		return ledger.OriginEnteredScope
	}
}
