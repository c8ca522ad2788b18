package observe

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"

	"github.com/holdfast-dev/holdfast/internal/control"
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
	resumed := o.writes.settle(k.source.need, resourceVersion)
	o.mu.Unlock()
	o.announce(resumed, false)
	return nil
}

// Replace implements cache.ReflectorStore: it is how a list ends, the first one
// or a later one.
func (f *feed) Replace(list []any, resourceVersion string) error {
	items := make([]any, 0, len(list))
	for _, obj := range list {
		item, err := f.kind.source.convert(obj)
		if err != nil {
			return fmt.Errorf("replace %s: %w", f.kind.source.need, err)
		}
		items = append(items, item)
	}
	f.kind.replace(items, resourceVersion)
	return nil
}

// event applies one change and announces the scope if an input of its verdict
// changed by another hand than ours.
func (k *kind) event(obj any, apply func(*Observer, any) change) error {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return fmt.Errorf("observe %s: %w", k.source.need, err)
	}
	item, err := k.source.convert(obj)
	if err != nil {
		return fmt.Errorf("observe %s: %w", k.source.need, err)
	}
	version := accessor.GetResourceVersion()
	k.turn.Lock()
	defer k.turn.Unlock()
	k.expose(version)
	k.progress()
	if namespace, due := k.observer.apply(k.source.need, item, version, apply); due {
		k.observer.options.OnScope(Trigger{Namespace: namespace})
	}
	return nil
}

// apply changes a table, and returns the namespace and whether it is due for
// evaluation.
func (o *Observer) apply(
	need control.Need, item any, version string, apply func(*Observer, any) change,
) (namespace string, due bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := apply(o, item)
	o.kinds[need].version = version
	echo, resume := o.writes.seen(c.key, version, c.present, c.matters)
	return c.key.namespace, c.matters && !echo || resume
}

// replace makes the table hold exactly items. A list that is not the first one
// means that changes may have been missed.
func (k *kind) replace(items []any, version string) {
	o := k.observer
	k.turn.Lock()
	defer k.turn.Unlock()

	o.mu.Lock()
	first := !k.synced
	changed := k.source.table.replace(o, items)
	k.version = version
	changed = append(changed, o.writes.settle(k.source.need, version)...)
	ended := k.relisted(first)
	o.mu.Unlock()

	if ended != nil {
		k.tell(*ended)
	}
	o.settleStart()
	switch {
	case !first || ended != nil:
		o.announce(changed, first)
		o.announce(o.concerned(k.source.need), true)
	case k.source.need == control.NeedPods:
		o.announce(o.concerned(k.source.need), true)
	}
}

// announce triggers namespaces.
func (o *Observer) announce(namespaces []string, initial bool) {
	for _, namespace := range namespaces {
		o.options.OnScope(Trigger{Namespace: namespace, Initial: initial})
	}
}

// concerned returns the namespaces whose verdict may rest on a kind.
func (o *Observer) concerned(need control.Need) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var namespaces []string
	for name, s := range o.scopes {
		if s.namespace != nil && (need != control.NeedPods || s.namespace.Terminating) {
			namespaces = append(namespaces, name)
		}
	}
	return namespaces
}

// settleStart ends the wait for the caches, once, when namespaces and network
// policies are each synced or in a gap, and announces every namespace.
func (o *Observer) settleStart() {
	o.mu.Lock()
	settled := !o.isReady
	for _, need := range []control.Need{control.NeedNamespaces, control.NeedNetworkPolicies} {
		k := o.kinds[need]
		settled = settled && (k.synced || k.gap != nil)
	}
	if settled {
		o.isReady = true
		close(o.ready)
	}
	o.mu.Unlock()
	if settled {
		o.announce(o.concerned(control.NeedNamespaces), true)
	}
}
