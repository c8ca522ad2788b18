package ledger

import (
	"errors"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// window is what was stated while the manifest was made.
type window struct {
	// first are the states before, states all that were stated since, by unit.
	first   map[Unit]*control.State
	states  map[Unit][]control.State
	excused map[Unit]bool // by a Discrepancy of the slot
	scopes  map[string]struct{}
	moved   map[string]struct{} // scopes that came into or left a policy's scope
	objects map[Unit]struct{}   // objects that came or left by themselves
	all     bool

	// partial is whether the collection says that it did not compare everything,
	// unread whether that is because a kind could not be read; foreign are policies
	// whose units it could not compare.
	partial, unread bool
	foreign         map[string]bool
}

var errEnough = errors.New("enough was read")

// window reads the entries from the manifest's Seq up to the one that names it.
func (c *manifestCheck) window() (*window, error) {
	w := &window{first: map[Unit]*control.State{}, states: map[Unit][]control.State{}, excused: map[Unit]bool{},
		scopes: map[string]struct{}{}, moved: map[string]struct{}{}, objects: map[Unit]struct{}{}}
	c.uncompared(w)
	w.all = c.m.Seq < c.begin // what was stated first was pruned
	err := c.place.entries(c.ctx, max(c.m.Seq, c.begin), c.size, false, func(seq uint64, data []byte) error {
		if seq >= c.entry.Seq {
			return errEnough
		}
		if e, err := Decode(data); err == nil {
			w.take(e, c.m)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return w, nil
}

// uncompared takes note of what a Partial collection did not compare: nothing
// says that the entries agree with it.
func (c *manifestCheck) uncompared(w *window) {
	w.foreign = map[string]bool{}
	if w.partial = c.entry.Collection.State != CollectionCompleted; !w.partial {
		return
	}
	w.unread = slices.ContainsFunc(c.m.Lists, func(l ManifestList) bool { return l.Failed != "" })
	for i := range c.m.Policies {
		p := &c.m.Policies[i]
		known, there := c.known.Policy(p.Name)
		w.foreign[p.Name] = !there || known.Deleted || known.UID != p.UID || known.Generation != p.Generation
	}
	for _, gap := range c.known.OpenGaps() {
		if gap.Policy != "" { // which is invalid
			w.foreign[gap.Policy] = true
		}
	}
}

func (w *window) take(e *Entry, m *Manifest) {
	switch e.Kind {
	case KindPolicyChanged, KindControlWithdrawn:
		w.all = true
		return
	case KindScopeEntered, KindScopeLeft, KindSubjectAdded, KindSubjectDeleted:
		if e.Control != "" {
			w.objects[Unit{e.Policy.Name, e.Control, *e.Subject}] = struct{}{}
		} else {
			w.moved[ScopeOf(*e.Subject)] = struct{}{}
		}
	case KindOutcomeChanged:
		u := Unit{e.Policy.Name, e.Control, *e.Subject}
		if _, seen := w.first[u]; !seen {
			w.first[u] = e.From
		}
		w.states[u] = append(w.states[u], *e.To)
	case KindDiscrepancy:
		if e.Schedule.Name == m.Schedule.Name && e.Discrepancy.Slot.Equal(m.Slot.Time) {
			w.excused[Unit{e.Policy.Name, e.Control, *e.Subject}] = true
		}
	default:
		return
	}
	w.scopes[ScopeOf(*e.Subject)] = struct{}{}
}

// left reports whether a unit may have come or gone, by itself or with its scope.
func (w *window) left(u Unit) bool {
	_, object := w.objects[u]
	_, scope := w.moved[ScopeOf(u.Subject)]
	return object || scope
}

// excuses reports whether a unit of the manifest may be what the entries do not
// imply.
func (w *window) excuses(u Unit, unit *ManifestUnit) bool {
	unread := w.unread || (w.partial && unit.State.Outcome == control.NotEvaluated)
	return w.excused[u] || w.all || unread || w.foreign[u.Policy]
}
