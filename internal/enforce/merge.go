package enforce

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Source is one control of one policy.
type Source struct {
	// Policy is the policy's name.
	Policy string
	// Control is the control's id.
	Control string
}

// String returns policy/control.
func (s Source) String() string { return s.Policy + "/" + s.Control }

// compare orders sources by policy and control.
func (s Source) compare(o Source) int {
	return cmp.Or(cmp.Compare(s.Policy, o.Policy), cmp.Compare(s.Control, o.Control))
}

// Wish is what one enforcing control wants in one scope.
type Wish struct {
	Source
	// Paused is true while the policy's pause holds back its repairs.
	Paused bool
	// Changes are everything that the control wants, also what is so already.
	Changes []control.Change
	// Failing are the rules that deviate for any of the control's subjects in the
	// scope; FailingOn those of each subject, for changes that are about one.
	Failing   []string
	FailingOn map[control.Subject][]string
}

// Plan is what several controls over one scope want done, merged. Whatever is
// due is in one of Changes and Held, and no object is in both.
type Plan struct {
	// Changes are to be carried out, in this order: permissions, restrictions,
	// removals of restrictions, removals of permissions, each by object.
	Changes []Change
	// Held are due, and not to be carried out: they are wanted only by policies
	// that are paused, or one of the Conflicts says why. Ordered likewise.
	Held []Change
	// Conflicts are the contradictions, ordered by object, whether or not
	// anything is due.
	Conflicts []Conflict
}

// Change is a change with those who want it.
type Change struct {
	control.Change
	// WantedBy are the controls that want exactly this and for which it is due,
	// sorted: it repairs a rule that fails for them, or is what their restriction
	// requires. What becomes of it is recorded for each of them, and for no
	// control that had nothing to repair.
	WantedBy []Source
	// After are those of the plan's changes, sorted, without which this one would
	// do harm: where one of them did not take effect, this one must not be sent.
	// They are the permissions that a restriction requires, and the removals of
	// restrictions that come before the removal of a permission.
	After []Object
}

// Conflict is a contradiction between controls about one object. It concerns
// each of them.
type Conflict struct {
	Object Object
	// Between are the controls that contradict each other, sorted.
	Between []Source
	// Reason is a reason constant of the Enforced condition.
	Reason string
	// Message is one sentence for people.
	Message string
}

// Object says which object a change is about.
type Object struct {
	APIVersion, Kind, Namespace, Name string
}

// ObjectOf returns the object of a change.
func ObjectOf(c control.Change) Object {
	return Object{APIVersion: c.APIVersion, Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
}

// String returns kind and name, as messages about one namespace write them.
func (o Object) String() string { return o.Kind + " " + o.Name }

// compare orders objects.
func (o Object) compare(p Object) int {
	return cmp.Or(cmp.Compare(o.Namespace, p.Namespace), cmp.Compare(o.APIVersion, p.APIVersion),
		cmp.Compare(o.Kind, p.Kind), cmp.Compare(o.Name, p.Name))
}

// Merge merges the wishes of every enforcing control over one scope. The order
// of the wishes does not matter.
//
// First it decides what becomes of each object, from everything that is wanted.
// What policies that are not paused want counts; what only paused ones want is
// held. Where they contradict each other, which is a conflict, the stricter side
// wins, unless that would do harm:
//   - A rollback wins over all who want the object.
//   - A restriction wins over those who want it gone. Of several forms the
//     strictest is applied: the one which selects every pod, before one that does
//     not; then the one with more policy types; then the one with fewer rules;
//     then, so that the choice never flaps, the one whose JSON sorts first.
//   - A permission is applied only if every control that restricts one of its
//     aspects wants the same of it; where none does, if all who want it want the
//     same. A removal wins over those who want it, unless a control requires it
//     for a restriction that stays, or nobody who wants it gone restricts any of
//     its aspects: what else denies them may need it.
//   - A restriction is held for a control whose required permission is withheld.
//   - What the pause of one policy holds back is done nevertheless if another
//     one wants it.
//
// Then it plans what of that is due: what repairs a failing rule and is not in
// place, what is required by a restriction that is due and is not in place, and
// every rollback of what is still there.
func Merge(wishes []Wish) Plan {
	m := newMerger(wishes)
	m.decideRemovals()
	m.decidePermissions()
	m.decideRestrictions()
	return m.plan()
}

// merger is a merge under way.
type merger struct {
	// objects are all that anybody wants something of, in order.
	objects []*object
	byName  map[Object]*object
}

// object is one object with all who want something of it, and what becomes of it.
type object struct {
	Object
	// permits is true where everybody takes the object for a permission.
	permits bool
	// active and paused are the claims, sorted.
	active, paused []*claim

	// decided are the claims that prevail: they all want the same.
	decided []*claim
	// held is true where that is not to be done.
	held bool
	// removed is true where it is that the object must not be.
	removed   bool
	conflicts []Conflict
}

func newMerger(wishes []Wish) *merger {
	m := &merger{byName: map[Object]*object{}}
	for i := range wishes {
		for j := range wishes[i].Changes {
			m.add(&wishes[i], &wishes[i].Changes[j])
		}
	}
	for _, o := range m.objects {
		o.sort()
	}
	slices.SortFunc(m.objects, func(a, b *object) int { return a.compare(b.Object) })
	return m
}

func (m *merger) add(w *Wish, change *control.Change) {
	name := ObjectOf(*change)
	o := m.byName[name]
	if o == nil {
		o = &object{Object: name, permits: true}
		m.byName[name] = o
		m.objects = append(m.objects, o)
	}
	o.permits = o.permits && change.Effect == control.Permits
	c := &claim{wish: w, change: change}
	if w.Paused {
		o.paused = append(o.paused, c)
	} else {
		o.active = append(o.active, c)
	}
}
