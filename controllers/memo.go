package controllers

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// memo is what this process remembers of a namespace from one pass to the next.
type memo struct {
	// uid is the namespace that was seen; another one starts afresh.
	uid string
	// met is when this process first looked at it, and looked when it did last.
	met, looked time.Time
	// probed is whether anything is wanted to be probed in it.
	probed bool
	// objects are the NetworkPolicies as they were seen last.
	objects map[string]seen
	// generations are those of the policies that it was held against last; nil
	// before the first time. All namespaces share them.
	generations map[string]int64
	// fought is the end of the last back-off that was recorded, by object.
	fought map[enforce.Object]time.Time
	// failed is the last repair failure that was recorded, by object.
	failed map[enforce.Object]failure
	// unanswered are the changes that no answer came for, by object.
	unanswered map[enforce.Object]unanswered
	// repairs are the units that deviated when this process last changed
	// something, until their state is recorded again: if they conform then,
	// that is its work, also where they could not be evaluated in between.
	repairs map[ledger.Unit]struct{}
	// conformed are the controls under which the namespace was seen to conform.
	conformed []conformed
	// watch is set while the namespace's pods are watched, after it began to be
	// enforced.
	watch *firstWatch
}

// failure is a repair that failed in the same way a number of times.
type failure struct {
	reason string
	times  int
}

// Bounds of the time between two attempts of a repair that fails.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// seen is one object as it was seen last.
type seen struct {
	uid        string
	generation int64
}

// memos hold the memo of each namespace. A memo is used by one pass at a time:
// the queue never hands out a namespace twice.
type memos struct {
	mu sync.Mutex
	by map[string]*memo
}

// of returns the memo of a namespace.
func (m *memos) of(ns control.Namespace) *memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, ok := m.by[ns.Name]; ok && last.uid == ns.UID {
		return last
	}
	fresh := &memo{uid: ns.UID}
	m.by[ns.Name] = fresh
	return fresh
}

func (m *memos) forget(namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, namespace)
}

// skipped returns the objects of which a state was skipped since they were
// seen last, and remembers them as they are now (E43).
func (m *memo) skipped(snapshot *control.Snapshot) []skip {
	var skips []skip
	next := make(map[string]seen, len(snapshot.NetworkPolicies))
	for _, np := range snapshot.NetworkPolicies {
		now := seen{np.Identity.UID, np.Identity.Generation}
		next[np.Name] = now
		last, known := m.objects[np.Name]
		if known && (last.uid != now.uid || now.generation > last.generation+1) {
			skips = append(skips, skip{name: np.Name, before: last, after: np.Identity})
		}
	}
	m.objects = next
	return skips
}

// skip is an object of which a state was skipped.
type skip struct {
	name   string
	before seen
	after  control.Identity
}

// meet remembers when this process first looked at the namespace.
func (m *memo) meet(now time.Time) {
	if m.met.IsZero() {
		m.met = now
	}
}

// knew is whether this process knew the namespace before it came into the scope
// of a policy that exists since then: it was held against the policy, or looked
// at before there was one. Passes that a start makes before the policies are in
// force say nothing.
func (m *memo) knew(policy string, since time.Time) bool {
	_, held := m.generations[policy]
	return held || m.met.Before(since)
}

// judged remembers the definitions that the namespace was held against, as it was at
// a time.
func (m *memo) judged(all *definitions, at time.Time) {
	m.looked, m.generations = at, all.stated()
}

// saw remembers an object as this process itself left it.
func (m *memo) saw(name string, id control.Identity) {
	if m.objects == nil {
		m.objects = map[string]seen{}
	}
	m.objects[name] = seen{id.UID, id.Generation}
}

// removed remembers that this process itself removed an object.
func (m *memo) removed(name string) { delete(m.objects, name) }

// failing remembers a repair failure. It reports whether it is the same one
// again, and in how long the repair is to be tried anew.
func (m *memo) failing(object enforce.Object, reason string) (again bool, retry time.Duration) {
	last := m.failed[object]
	again = last.reason == reason
	if !again {
		last = failure{reason: reason}
	}
	last.times++
	if m.failed == nil {
		m.failed = map[enforce.Object]failure{}
	}
	m.failed[object] = last
	return again, min(lastRetry, firstRetry<<min(last.times-1, 16))
}

// lost remembers a change that no answer came for.
func (m *memo) lost(u unanswered) {
	if m.unanswered == nil {
		m.unanswered = map[enforce.Object]unanswered{}
	}
	m.unanswered[enforce.ObjectOf(u.change.Change)] = u
}

// backedOff remembers a back-off, and reports whether it is another one than before.
func (m *memo) backedOff(object enforce.Object, until time.Time) bool {
	if m.fought[object].Equal(until) {
		return false
	}
	if m.fought == nil {
		m.fought = map[enforce.Object]time.Time{}
	}
	m.fought[object] = until
	return true
}

// lostInOrder are the changes that no answer came for, by kind and name.
func (m *memo) lostInOrder() []unanswered {
	return slices.SortedFunc(maps.Values(m.unanswered), func(a, b unanswered) int {
		return cmp.Or(cmp.Compare(a.change.Kind, b.change.Kind), cmp.Compare(a.change.Name, b.change.Name))
	})
}

// repaired remembers that a change was made while units deviated.
func (m *memo) repaired(change enforce.Change, units []unit) {
	object := enforce.ObjectOf(change.Change)
	delete(m.failed, object)
	delete(m.unanswered, object)
	for i := range units {
		if u := &units[i]; u.State.Outcome == control.Deviating && u.mendedBy(change) {
			if m.repairs == nil {
				m.repairs = map[ledger.Unit]struct{}{}
			}
			m.repairs[u.key()] = struct{}{}
		}
	}
}

// mendedBy reports whether a change may end the unit's episode. In a namespace what one
// control has applied may mend what another one finds; of objects, it is what the
// change is about.
func (u *unit) mendedBy(change enforce.Change) bool {
	if u.Control.JudgesNamespaces() {
		return change.Kind == networkPolicyKind
	}
	if change.Subject != nil && *change.Subject != u.Subject {
		return false
	}
	return slices.ContainsFunc(u.Failing(), func(rule string) bool { return slices.Contains(change.Rules, rule) })
}

// ours reports whether the state that a unit is in now may be this process's
// work. It is asked once per recorded state.
func (m *memo) ours(u *unit) bool {
	_, ours := m.repairs[u.key()]
	if delete(m.repairs, u.key()); len(m.repairs) == 0 {
		m.repairs = nil // an empty map is not small, and there is one for each namespace
	}
	return ours
}
