package observe

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"
)

var (
	_ cache.TransformingStore      = &feed{}
	_ cache.ReflectorBookmarkStore = &feed{}
)

// feed is the store of a reflector: it turns what arrives into changes of the
// table and announces the scopes concerned.
type feed struct{ kind *kind }

// Add implements cache.ReflectorStore.
func (f *feed) Add(obj any) error {
	return f.kind.event(obj, f.kind.source.table.put)
}

// Update implements cache.ReflectorStore.
func (f *feed) Update(obj any) error {
	return f.kind.event(obj, f.kind.source.table.put)
}

// Delete implements cache.ReflectorStore. The object carries the
// resourceVersion of its deletion.
func (f *feed) Delete(obj any) error {
	return f.kind.event(obj, f.kind.source.table.remove)
}

// Resync implements cache.ReflectorStore. There is nothing to do: whatever
// matters is announced when it changes.
func (f *feed) Resync() error { return nil }

// Transformer implements cache.TransformingStore: objects of an initial list
// are converted as they arrive.
func (f *feed) Transformer() cache.TransformFunc { return f.kind.source.convert }

// Bookmark implements cache.ReflectorBookmarkStore.
func (f *feed) Bookmark(resourceVersion string) error {
	k, o := f.kind, f.kind.observer
	k.turn.Lock()
	defer k.turn.Unlock()
	k.progress()
	o.mu.Lock()
	k.version = resourceVersion
	resumed := o.writes.settle(k.source.id, resourceVersion)
	o.mu.Unlock()
	o.tell(hurried(resumed))
	return nil
}

// Replace implements cache.ReflectorStore: it is how a list ends, the first one
// or a later one.
func (f *feed) Replace(list []any, resourceVersion string) error {
	items := make([]any, 0, len(list))
	for _, obj := range list {
		item, err := f.kind.source.convert(obj)
		if err != nil {
			return fmt.Errorf("replace %s: %w", f.kind.source.id, err)
		}
		items = append(items, item)
	}
	f.kind.replace(items, resourceVersion)
	return nil
}

// event applies one change and announces the scopes of which an input of the
// verdict changed by another hand than ours.
func (k *kind) event(obj any, apply func(*store, any) change) error {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return fmt.Errorf("observe %s: %w", k.source.id, err)
	}
	item, err := k.source.convert(obj)
	if err != nil {
		return fmt.Errorf("observe %s: %w", k.source.id, err)
	}
	version := accessor.GetResourceVersion()
	k.turn.Lock()
	defer k.turn.Unlock()
	k.expose(version)
	before := k.progress()
	triggers := k.apply(item, version, apply)
	for i := range triggers {
		triggers[i].Proof = before
	}
	k.observer.tell(triggers)
	return nil
}

// apply changes the store, and returns what is due for evaluation.
func (k *kind) apply(item any, version string, apply func(*store, any) change) []Trigger {
	o := k.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	c := apply(o.store, item)
	k.version = version
	if c.matters {
		o.store.mark(c.key.scope())
	}
	echo, resume := o.writes.seen(c.key, version, c.present, c.matters)
	if c.matters && !echo || resume {
		o.store.touch(c.key.scope(), false)
	}
	return o.drain()
}

// drain returns what the store has touched. The caller holds mu.
func (o *Observer) drain() []Trigger {
	o.store.settle()
	if o.store.servedStale {
		o.store.servedStale = false
		o.forgetUnmet()
		select {
		case o.served <- struct{}{}:
		default: // it will be looked at anyway
		}
	}
	return o.store.drain()
}

// replace makes the table hold exactly items. A list that is not the first one
// means that changes may have been missed.
func (k *kind) replace(items []any, version string) {
	o := k.observer
	k.turn.Lock()
	defer k.turn.Unlock()

	o.mu.Lock()
	first := !k.synced
	k.source.table.replace(o.store, items)
	k.version = version
	changed := append(o.drain(), hurried(o.writes.settle(k.source.id, version))...)
	ended := k.relisted(first)
	o.mu.Unlock()

	if ended == nil {
		// What a first list holds is announced when everything is there.
		o.announceSettled()
		return
	}
	k.tell(*ended)
	for i := range changed {
		changed[i].Initial = changed[i].Initial || first
	}
	o.tell(changed)
	o.announceSettled(k.source.needs...)
}

// hurried returns triggers of live changes.
func hurried(namespaces []string) []Trigger {
	triggers := make([]Trigger, 0, len(namespaces))
	for _, namespace := range namespaces {
		triggers = append(triggers, Trigger{Namespace: namespace})
	}
	return triggers
}
