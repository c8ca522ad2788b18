package observe

import (
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// tell hands triggers on.
func (o *Observer) tell(triggers []Trigger) {
	for _, trigger := range triggers {
		o.options.OnScope(trigger)
	}
}

// announceAll announces every scope.
func (o *Observer) announceAll() {
	o.mu.Lock()
	triggers := make([]Trigger, 0, len(o.store.scopes))
	for name, s := range o.store.scopes {
		if s.namespace != nil {
			triggers = append(triggers, Trigger{Namespace: name, Initial: true})
		}
	}
	if o.store.cluster.namespace != nil {
		triggers = append(triggers, Trigger{Namespace: control.Cluster, Initial: true})
	}
	o.mu.Unlock()
	o.tell(triggers)
}

// announceSettled announces every scope when more is known than at the last
// time: once when namespaces and network policies are each synced or in a gap,
// which ends the wait for the caches; once when everything else is; and after
// that whenever a need is met that was not. Regained are needs that were unmet
// for a while, whether or not anybody noticed.
func (o *Observer) announceSettled(regained ...control.Need) {
	o.mu.Lock()
	for _, need := range regained {
		delete(o.known, need)
	}
	met, gained := o.met()
	due := gained && (o.isComplete || o.isReady && len(regained) > 0)
	if !o.isReady && o.attempted(false, control.NeedNamespaces, control.NeedNetworkPolicies) {
		o.isReady, due = true, true
		close(o.ready)
	}
	completed := false
	if o.isReady && !o.isComplete && o.attempted(true, o.store.demanded.needs()...) {
		o.isComplete, completed = true, true
		due = due || gained
	}
	if due || o.isComplete {
		o.known = met
	}
	o.mu.Unlock()
	if due {
		o.announceAll()
	}
	if completed {
		close(o.complete)
	}
}

// forgetUnmet has every scope announced when the needs are met that are not
// now: who reads in between does without. The caller holds mu.
func (o *Observer) forgetUnmet() {
	for _, need := range o.store.demanded.needs() {
		if o.reason(need) != "" {
			delete(o.known, need)
		}
	}
}

// met returns the needs that are met, and whether there is one among them that
// was not when every scope was last announced. The caller holds mu.
func (o *Observer) met() (met map[control.Need]bool, gained bool) {
	met = map[control.Need]bool{}
	for _, need := range o.store.demanded.needs() {
		if o.reason(need) == "" {
			met[need] = true
			gained = gained || !o.known[need]
		}
	}
	return met, gained
}

// serving calls fn with each kind that serves a need, in a stable order, until it
// returns false: nil stands for an optional kind that is served, and not watched
// yet. The caller holds mu.
func (o *Observer) serving(need control.Need, fn func(*kind) bool) {
	for i := range o.always {
		if slices.Contains(o.always[i].needs, need) && !fn(o.kinds[o.always[i].id]) {
			return
		}
	}
	for i := range o.store.optionals {
		optional := &o.store.optionals[i]
		version := o.store.versions[optional.id]
		if version == "" || !slices.Contains(optional.needs, need) {
			continue
		}
		k := o.kinds[optional.id]
		if k != nil && k.source.version != version {
			k = nil
		}
		if !fn(k) {
			return
		}
	}
}

// reason returns why a need is not met, "" where it is. The caller holds mu.
func (o *Observer) reason(need control.Need) (reason string) {
	o.serving(need, func(k *kind) bool {
		reason = control.ReasonInconclusive
		if k != nil {
			reason = k.unavailable()
		}
		return reason == ""
	})
	return reason
}

// attempted reports whether every kind that serves one of the needs is synced, or
// is in a gap; or, leniently, has failed at least once. The caller holds mu.
func (o *Observer) attempted(leniently bool, of ...control.Need) bool {
	attempted := true
	for _, need := range of {
		o.serving(need, func(k *kind) bool {
			attempted = k != nil && (k.synced || k.gap != nil || leniently && k.failed)
			return attempted
		})
		if !attempted {
			return false
		}
	}
	return true
}
