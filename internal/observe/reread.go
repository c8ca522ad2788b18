package observe

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// local is a table of a kind whose objects concern the namespace that they are in.
type local interface {
	// clear drops everything that is in a namespace.
	clear(st *store, namespace string)
}

// RereadShared reads those kinds again whose objects concern many scopes each, and
// come and go all the time, such as backups: in the stead of what List read, for all
// scopes. It is called before Reread.
func (s *Static) RereadShared(ctx context.Context, config *rest.Config) error {
	config = rest.CopyConfig(config)
	config.QPS = unlimited
	was := s.Versions()
	for _, source := range s.sources() {
		if _, read := was[source.id]; !read || source.extent != ofAll {
			continue
		}
		items, version, err := s.rereadKind(ctx, config, &source, control.Cluster)
		if err != nil && !s.withdrawn(ctx, config, &source, err) {
			return fmt.Errorf("read %s: %w", source.id, err)
		}
		s.mu.Lock()
		source.table.replace(s.store, items)
		clear(s.store.touched)
		s.shared[source.id] = version
		s.mu.Unlock()
	}
	return nil
}

// Reread reads one scope again, a namespace and what is in it, or what the cluster
// as a scope is judged by, in the stead of what List read there. What concerns
// many scopes stays as it was read last. It returns the resourceVersions at which it
// read, by kind; one that is served no more has none.
func (s *Static) Reread(ctx context.Context, config *rest.Config, scope string) (map[string]string, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.ContentType, config.AcceptContentTypes = unlimited, protobuf, protobuf+",application/json"
	versions := s.Versions()
	s.mu.Lock()
	maps.Copy(versions, s.shared)
	s.mu.Unlock()
	maps.DeleteFunc(versions, func(_, version string) bool { return version == "" })
	for _, source := range s.sources() {
		table, within := source.table.(local)
		if _, was := versions[source.id]; !was || !within || !source.extent.holds(scope) {
			continue // what could not be read at first is not evaluated, what concerns more stays
		}
		items, version, err := s.rereadKind(ctx, config, &source, scope)
		switch {
		case err == nil:
			versions[source.id] = version
		case s.withdrawn(ctx, config, &source, err):
			delete(versions, source.id)
		default:
			return nil, fmt.Errorf("read %s of %s: %w", source.id, cmp.Or(scope, "the cluster"), err)
		}
		s.mu.Lock()
		table.clear(s.store, scope)
		s.keep(&source, items)
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.settle()
	s.store.drain()
	return versions, nil
}

// sources are those of the kinds that are served.
func (s *Static) sources() []source {
	s.mu.Lock()
	defer s.mu.Unlock()
	sources := s.always()
	for i := range s.store.optionals {
		if version := s.store.versions[s.store.optionals[i].id]; version != "" {
			sources = append(sources, s.store.optionals[i].source(version, s.options.FieldManager))
		}
	}
	return sources
}

// holds reports whether a scope is one of those that objects of a kind concern
// alone.
func (e extent) holds(scope string) bool {
	return e != ofMany && e != ofAll && (e == ofCluster) == (scope == control.Cluster)
}

// rereadKind lists the objects of one kind that concern a scope: none where that
// fails.
func (s *Static) rereadKind(ctx context.Context, config *rest.Config, source *source, scope string) (items []any, version string, err error) {
	l := &lister{source: source, limit: s.options.PageSize, timeout: s.options.PageTimeout, now: s.options.Now,
		page: func(page []any) { items = append(items, page...) },
		drop: func() { items = nil },
	}
	switch {
	case source.id == string(control.NeedNamespaces):
		l.fields = fields.OneTermEqualSelector("metadata.name", scope).String()
	case source.extent == ofNamespaces:
		l.namespace = scope
	}
	reading := l.insist(ctx, s.options.Insistence, config)
	if source.extent == ofClaims {
		// Nothing narrows a list to them.
		items = slices.DeleteFunc(items, func(item any) bool { return !item.(interface{ concerns(string) bool }).concerns(scope) })
	}
	return items, reading.ResourceVersion, reading.Err
}

// clear implements local.
func (t namespaceTable) clear(st *store, namespace string) {
	if s := st.living(namespace); s != nil {
		t.remove(st, &namespaceItem{Namespace: s.namespace})
	}
}

// clear implements local.
func (t policyTable) clear(st *store, namespace string) {
	s := st.scopes[namespace]
	for s != nil && len(s.policies) > 0 {
		t.remove(st, &policyItem{namespace: namespace, policy: s.policies[len(s.policies)-1].NetworkPolicy})
	}
}

// clear implements local.
func (t podTable) clear(st *store, namespace string) {
	if s := st.scopes[namespace]; s != nil {
		for _, name := range slices.Collect(maps.Keys(s.pods)) {
			t.remove(st, podItem{namespace: namespace, name: name})
		}
	}
}

// clear implements local.
func (serviceTable) clear(st *store, namespace string) {
	s := st.scopes[namespace]
	for s != nil && len(s.services) > 0 {
		st.removeService(namespace, s.services[len(s.services)-1].Name)
	}
}

// clear implements local.
func (t entranceTable) clear(st *store, namespace string) {
	for _, key := range st.entrances.in(t.kind, namespace) {
		t.remove(st, &entranceItem{key: key})
	}
}

// clear implements local.
func (t overridingTable) clear(st *store, namespace string) {
	for _, key := range st.overriding.in(t.kind, namespace) {
		t.remove(st, &overridingItem{key: key})
	}
}
