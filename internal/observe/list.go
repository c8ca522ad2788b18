package observe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
)

const (
	// pageSize is how many objects one request lists.
	pageSize = 500
	// unlimited switches client-side throttling off, which would have a list of
	// many pages take minutes.
	unlimited = -1
)

// Reading is how one kind was read by List: all of it, at one resourceVersion.
type Reading struct {
	// Kind names the kind as GapEvent does.
	Kind                     string
	Group, Version, Resource string
	// Query is the path that was asked for, with its selectors, and without limit
	// and continue.
	Query string
	// ResourceVersion is that of all pages.
	ResourceVersion string
	// Pages and Count are the numbers of requests and of objects; Restarts is how
	// often the list began again because it had expired, or was not answered.
	Pages, Count, Restarts int
	From, To               time.Time
	// Err is why the kind could not be read. Nothing of it is kept then.
	Err error
}

// List reads everything once, or what Needs ask for. What is forbidden is
// unavailable in snapshots; any other failure is an error, unless Lenient says
// otherwise. Where namespaces cannot be read, which are first, nothing else is. A
// kind that ceases to be served meanwhile is not read.
func List(ctx context.Context, config *rest.Config, options StaticOptions) (*Static, error) {
	s := newStatic(options)
	for _, source := range s.always() {
		if err := s.list(ctx, config, &source); err != nil {
			return nil, err
		}
		if s.blind() {
			return s, nil
		}
	}
	for _, o := range s.store.optionals {
		version := s.store.versions[o.id]
		if version == "" {
			continue
		}
		source := o.source(version, options.FieldManager)
		if err := s.list(ctx, config, &source); err != nil {
			return nil, err
		}
	}
	s.store.settle()
	s.store.drain()
	return s, nil
}

// blind reports whether namespaces could not be read: without them there is nothing to
// say, however much else is waited for.
func (s *Static) blind() bool { return s.readings[0].Err != nil }

// needed reports whether a kind is to be read.
func (s *Static) needed(source *source) bool {
	return s.options.Needs == nil || source.needs[0] == control.NeedNamespaces ||
		slices.ContainsFunc(source.needs, func(need control.Need) bool { return slices.Contains(s.options.Needs, need) })
}

// list reads all objects of a kind.
func (s *Static) list(ctx context.Context, config *rest.Config, source *source) error {
	if !s.needed(source) {
		return nil
	}
	config, dialer := dedicated(config)
	defer dialer.CloseAll()
	config.QPS = unlimited
	l := &lister{source: source, limit: s.options.PageSize, timeout: s.options.PageTimeout, now: s.options.Now,
		page: func(items []any) { s.keep(source, items) },
		drop: func() { source.table.replace(s.store, nil) },
	}
	reading := l.insist(ctx, s.options.Insistence, config)
	if s.withdrawn(ctx, config, source, reading.Err) {
		return nil
	}
	s.readings = append(s.readings, reading)
	switch {
	case reading.Err == nil:
		s.reached(source, reading.ResourceVersion)
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("list %s: %w", source.id, context.Cause(ctx))
	case causeOf(reading.Err) == CauseForbidden:
		s.lack(source, control.ReasonForbidden)
		return nil
	case s.options.Lenient:
		s.lack(source, control.ReasonFailed)
		return nil
	default:
		return fmt.Errorf("list %s: %w", source.id, reading.Err)
	}
}

// keep stores the items of a page.
func (s *Static) keep(source *source, items []any) {
	for _, item := range items {
		source.table.put(s.store, item)
	}
	clear(s.store.touched)
}

// lack takes note that a kind could not be read.
func (s *Static) lack(source *source, reason string) {
	for _, need := range source.needs {
		if s.store.demanded.meets(need) {
			s.unavailable[need] = reason
		}
	}
}

// reached takes note of the resourceVersion of a list.
func (s *Static) reached(source *source, version string) {
	for _, need := range source.needs {
		if old, found := s.versions[need]; s.store.demanded.meets(need) && (!found || !reached(version, old)) {
			s.versions[need] = version
		}
	}
}

// Readings are how each kind was read by List, in its order.
func (s *Static) Readings() []Reading { return s.readings }

// Versions are the resourceVersions at which List read, by kind. What could not
// be read is left out.
func (s *Static) Versions() map[string]string {
	versions := make(map[string]string, len(s.readings))
	for i := range s.readings {
		if r := &s.readings[i]; r.Err == nil {
			versions[r.Kind] = r.ResourceVersion
		}
	}
	return versions
}
