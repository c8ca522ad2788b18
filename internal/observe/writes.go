package observe

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// write is what is known of our latest write of an object whose effect the
// store has not shown yet.
type write struct {
	// inFlight counts requests without an answer. Events that arrive meanwhile
	// are held back: they may be the echo of a write whose version is not known yet.
	inFlight    int
	held        int
	heldVersion string
	// heldRemoval is true where a deletion is among what was held back.
	heldRemoval bool
	// version is the resourceVersion the write gave. It is empty while none is known.
	version string
	// absent is true where the object is known to be gone.
	absent bool
	// unknown is true where the outcome must be found out by the caller.
	unknown bool
	// at is when the write was noted. The floor is forgotten some time after that.
	at time.Time
}

// writes are the own writes that the stores have not shown yet, and the scopes that
// wait for one.
type writes struct {
	byScope map[string]map[object]*write
	waiting map[string]struct{}
}

func newWrites() writes {
	return writes{byScope: map[string]map[object]*write{}, waiting: map[string]struct{}{}}
}

// of returns the write of an object, and makes it where there is none.
func (w *writes) of(key object) *write {
	entries := w.byScope[key.scope()]
	if entries == nil {
		entries = map[object]*write{}
		w.byScope[key.scope()] = entries
	}
	if entries[key] == nil {
		entries[key] = &write{}
	}
	return entries[key]
}

// forget drops the write of an object, unless a request is in flight. It
// reports whether the namespace waited for it, and waits for no other now.
func (w *writes) forget(key object) bool {
	entries := w.byScope[key.scope()]
	if e := entries[key]; e == nil || e.inFlight > 0 {
		return false
	}
	delete(entries, key)
	if len(entries) > 0 {
		return false
	}
	delete(w.byScope, key.scope())
	_, waited := w.waiting[key.scope()]
	delete(w.waiting, key.scope())
	return waited
}

// abandon drops the writes in a namespace that is gone, but for requests in flight.
func (w *writes) abandon(namespace string) {
	for key := range w.byScope[namespace] {
		w.forget(key)
	}
}

// seen takes note of an event of an object, which is present or not after it,
// and which matters to a verdict or not. echo is true where the event is
// nothing but the effect of our own write, or is held back until that is known;
// resume is true where the namespace waited for it.
func (w *writes) seen(key object, version string, present, matters bool) (echo, resume bool) {
	e := w.byScope[key.scope()][key]
	switch {
	case e == nil:
		return false, false
	case e.version != "" && e.version == version:
		return true, w.forget(key)
	case e.inFlight > 0:
		if matters {
			e.held++
			e.heldVersion, e.heldRemoval = version, e.heldRemoval || !present
		}
		return true, false
	case e.unknown:
		return false, false
	case e.absent:
		if present {
			return false, false
		}
		return true, w.forget(key)
	default:
		return false, reached(version, e.version) && w.forget(key)
	}
}

// settle forgets the writes of a kind that its store has reached, and returns
// the namespaces that waited for them.
func (w *writes) settle(kind, version string) []string {
	var resumed []string
	for namespace, entries := range w.byScope {
		for key, e := range entries {
			if key.kind == kind && e.version != "" && reached(version, e.version) && w.forget(key) {
				resumed = append(resumed, namespace)
			}
		}
	}
	return resumed
}

// reached reports whether a store at version has seen floor. Versions that
// cannot be compared must not read as stale for ever.
func reached(version, floor string) bool {
	order, err := resourceversion.CompareResourceVersion(version, floor)
	return err != nil || order >= 0
}

// Write is an own write under way.
type Write struct {
	observer *Observer
	key      object
}

// BeginChange is called before an own write is sent. Until the write is Done, Removed
// or Failed, one of which must follow, events of the object are held back, so that the
// echo of the write triggers nothing. A write of a kind that is not observed at the time
// is not waited for.
func (o *Observer) BeginChange(apiVersion, kind, namespace, name string) *Write {
	key := o.written(apiVersion, kind, namespace, name)
	w := &Write{observer: o, key: key}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes.of(w.key).inFlight++
	return w
}

// written names an object by the kind that its API gives it. That of a kind that
// is not observed has no kind here.
func (o *Observer) written(apiVersion, kind, namespace, name string) object {
	gk := schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind()
	return object{o.ids[gk], namespace, name}
}

// Done says that the write was answered with the object at resourceVersion, ""
// where the outcome is unknown: then the namespace's snapshots are refused with
// an UnresolvedWriteError until NoteChange or NoteGone.
func (w *Write) Done(resourceVersion string) {
	w.observer.endWrite(w.key, func(e *write) (echo bool) {
		e.note(resourceVersion)
		return e.heldVersion == resourceVersion
	})
}

// Removed says that the write was a deletion, and that the object is gone. A
// store that saw a deletion meanwhile has reached it: what it holds since is
// another object.
func (w *Write) Removed() {
	w.observer.endWrite(w.key, func(e *write) (echo bool) {
		if !e.heldRemoval {
			e.gone()
		}
		return e.heldRemoval
	})
}

// Failed says that nothing was written.
func (w *Write) Failed() {
	w.observer.endWrite(w.key, func(*write) (echo bool) { return false })
}

// NoteChange says that an own write, or a live read after one whose outcome was
// unknown, gave the object at resourceVersion. "" means that the outcome is
// unknown, as for Write.Done.
func (o *Observer) NoteChange(apiVersion, kind, namespace, name, resourceVersion string) {
	o.noteWrite(o.written(apiVersion, kind, namespace, name), func(e *write) { e.note(resourceVersion) })
}

// NoteGone says that the object is gone, because we deleted it, or because a
// live read did not find it.
func (o *Observer) NoteGone(apiVersion, kind, namespace, name string) {
	o.noteWrite(o.written(apiVersion, kind, namespace, name), (*write).gone)
}

// gone records that the object is known to be gone.
func (e *write) gone() {
	e.version, e.unknown, e.absent = "", false, true
}

// note records the outcome of a write. A later write never lowers the floor.
func (e *write) note(version string) {
	e.absent = false
	switch {
	case version == "":
		e.version, e.unknown = "", true
	case e.version == "" || reached(version, e.version):
		e.version, e.unknown = version, false
	}
}

// noteWrite records the outcome of a write that is not in flight.
func (o *Observer) noteWrite(key object, note func(*write)) {
	o.mu.Lock()
	e := o.writes.of(key)
	e.at = o.options.Now()
	note(e)
	resume := o.settled(key, e) && o.writes.forget(key)
	o.mu.Unlock()
	if resume {
		o.options.OnScope(Trigger{Namespace: key.scope()})
	}
}

// endWrite ends a write in flight, and announces the namespace if what was held
// back meanwhile is more than the write's own echo: note records the outcome, and
// reports whether an event that was held back may be that.
func (o *Observer) endWrite(key object, note func(*write) (echo bool)) {
	o.mu.Lock()
	e := o.writes.of(key)
	e.inFlight--
	e.at = o.options.Now()
	echo := note(e)
	announce := e.held > 1 || e.held == 1 && !echo
	if e.inFlight == 0 {
		e.held, e.heldRemoval = 0, false
		if o.settled(key, e) && o.writes.forget(key) {
			announce = true
		}
	}
	o.mu.Unlock()
	if announce {
		o.options.OnScope(Trigger{Namespace: key.scope()})
	}
}

// settled reports whether the store shows what is known of the write. The
// caller holds mu.
func (o *Observer) settled(key object, e *write) bool {
	k := o.kinds[key.kind]
	switch {
	case k == nil:
		return true // nobody is there who could see it
	case e.unknown:
		return false
	case e.absent:
		return !k.holds(key)
	case e.version == "":
		return true
	default:
		return reached(k.version, e.version)
	}
}

// fresh returns nil when the stores show all own writes in the namespace. Else
// the namespace is announced when they do. The caller holds mu.
func (o *Observer) fresh(namespace string) error {
	for key, e := range o.writes.byScope[namespace] {
		k := o.kinds[key.kind]
		expired := o.options.Now().Sub(e.at) > o.options.ProgressTimeout
		switch {
		case e.unknown && k != nil:
			apiVersion, kind := k.source.api()
			return &UnresolvedWriteError{Need: k.source.needs[0], APIVersion: apiVersion, Kind: kind, Namespace: key.namespace, Name: key.name}
		case expired || o.settled(key, e):
			o.writes.forget(key)
		default:
			o.writes.waiting[namespace] = struct{}{}
			return ErrStale
		}
	}
	return nil
}
