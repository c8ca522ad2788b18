package restoretest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/probe"
	"github.com/holdfast-dev/holdfast/internal/probe/unseen"
)

// wish is a test that is wanted of a namespace at an interval.
type wish struct {
	order
	// candidate is the newest backup that may be restored; nil where there is none.
	candidate *control.RestoreCandidate
	// sentinel is what is in the namespace; nil while it is not known to be whole.
	sentinel *sentinel
	// tendAt is when the sentinel is looked at next, testAt when a test is due.
	tendAt, testAt time.Time
	// unfit is whether the sentinel could not be written, and failed how often in a row.
	unfit  bool
	failed int
	// hindrance is why it could not be tested, as people were told; the zero value where
	// they were told of nothing, or of what is over.
	hindrance unseen.Error
	// seen is the newest observation; nil where there is none. It is never changed.
	seen *control.Observation
}

// order is what a loop has to know of a wish.
type order struct {
	scope, key string
	target     control.RestoreTarget
	every      time.Duration
	askers     []ledger.ProbedFor
	// recalled is whether it is known what was found before this process.
	recalled bool
	// spent is the hash of the ConfigMap of the sentinel that the newest test compared:
	// the next test is of another one.
	spent string
}

// Want states what is wanted of a namespace, in the stead of what was wanted before.
// It returns the newest observation of each target, by target. One is awaited only
// until it is known what was found before: a test may take days to come.
func (t *Tester) Want(scope string, wanted []probe.Wanted) (observations []control.Observation, awaited bool) {
	if t.take(scope, ordersOf(scope, wanted)) {
		t.recall(scope)
	}
	t.stir()
	return t.Observations(scope)
}

// take takes over what is wanted of a namespace, and reports whether some of it is new.
func (t *Tester) take(scope string, orders map[string]*wish) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.wishes[scope]
	for key, w := range orders {
		if old := before[key]; old != nil {
			w.recalled, w.spent = old.recalled, old.spent
			old.order, old.candidate = w.order, w.candidate
			orders[key] = old
			continue
		}
		news = true
	}
	if withVolume(before) && !withVolume(orders) || len(before) > 0 && len(orders) == 0 {
		t.unwanted[scope] = true
	}
	if len(orders) == 0 {
		delete(t.wishes, scope)
	} else {
		t.wishes[scope] = orders
	}
	return news && t.ready
}

// withVolume reports whether one of the wishes is for a sentinel with a volume.
func withVolume(wishes map[string]*wish) bool {
	for _, w := range wishes {
		if w.target.Image != "" {
			return true
		}
	}
	return false
}

// ordersOf are the tests that are wanted, by key. Those of several controls that are
// equal are one, at the shortest interval.
func ordersOf(scope string, wanted []probe.Wanted) map[string]*wish {
	orders := map[string]*wish{}
	for _, w := range wanted {
		if w.Restore == nil {
			continue
		}
		key, asker := w.Key(), ledger.ProbedFor{Policy: w.Policy, Control: w.Control}
		o := orders[key]
		if o == nil {
			o = &wish{order: order{scope: scope, key: key, target: *w.Restore, every: w.Every}, candidate: w.Restore.Candidate}
			o.target.Candidate = nil
			orders[key] = o
		}
		o.every = min(o.every, w.Every)
		o.askers = append(o.askers, asker)
	}
	for _, o := range orders {
		slices.SortFunc(o.askers, func(a, b ledger.ProbedFor) int {
			return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control))
		})
		o.askers = slices.Compact(o.askers)
	}
	return orders
}

// recall goes by what was found of a namespace before this process, unless something
// was found since. It reports whether that is known.
func (t *Tester) recall(scope string) bool {
	newest, known := t.options.Recall(scope)
	if !known {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.wishes[scope] {
		w.recalled = true
	}
	for i := range newest {
		if w := t.wishes[scope][newest[i].Key()]; w != nil && (w.seen == nil || w.seen.At.Before(newest[i].At)) {
			w.recall(&newest[i])
		}
	}
	return true
}

// recall goes by what was found.
func (w *wish) recall(found *control.Observation) {
	w.see(found)
	w.unfit = found.Restored == nil
	if found.Restored != nil {
		w.testAt = found.At.Add(retest(w.every, !good(found)))
	}
}

// see takes over what was seen.
func (w *wish) see(seen *control.Observation) {
	w.seen = seen
	if seen.Restored == nil {
		return
	}
	w.hindrance = unseen.Error{}
	for _, item := range seen.Restored.Items {
		if item.Kind == itemConfigMap {
			w.spent = item.SHA256
		}
	}
}

// Observations returns what Want returned last, with what was seen since.
func (t *Tester) Observations(scope string) (observations []control.Observation, awaited bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wishes := t.wishes[scope]
	for _, key := range slices.Sorted(maps.Keys(wishes)) {
		switch w := wishes[key]; {
		case w.seen != nil:
			observations = append(observations, *w.seen)
		case !w.recalled:
			awaited = true
		}
	}
	return observations, awaited
}

// Forget drops what is wanted of a namespace, and has its sentinel removed.
func (t *Tester) Forget(scope string) { t.Want(scope, nil) }

// Count says how many targets there are, by how they stand.
func (t *Tester) Count() map[string]int {
	now := t.options.Now()
	counts := map[string]int{}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, wishes := range t.wishes {
		for _, w := range wishes {
			switch {
			case w.seen == nil:
				counts[probe.Awaited]++
			case now.After(w.seen.ValidUntil):
				counts[probe.Stale]++
			default:
				counts[probe.Result(w.seen)]++
			}
		}
	}
	return counts
}
