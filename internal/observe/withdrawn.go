package observe

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
)

// withdrawn reports whether a kind could not be read because it is served no
// more: it is then known to be empty, as one is that was never served. That the
// API server does not find it is not enough, for an instance of it that lags
// behind does not either: what said that the kind is served is read again.
func (s *Static) withdrawn(ctx context.Context, config *rest.Config, source *source, failed error) bool {
	if !apierrors.IsNotFound(failed) {
		return false
	}
	i := slices.IndexFunc(s.store.optionals, func(o optional) bool { return o.id == source.id })
	if i < 0 {
		return false
	}
	o := &s.store.optionals[i]
	return s.servesNothing(ctx, config, definitionSource(), o.id) &&
		(o.aggregated == "" || s.servesNothing(ctx, config, apiServiceSource(), o.aggregated))
}

// servesNothing reports whether an object is known to be gone, or to serve no kind.
func (s *Static) servesNothing(ctx context.Context, config *rest.Config, by source, name string) bool {
	serving := false
	l := &lister{
		source: &by, fields: fields.OneTermEqualSelector("metadata.name", name).String(),
		limit: s.options.PageSize, timeout: s.options.PageTimeout, now: s.options.Now,
		page: func(items []any) {
			serving = serving || slices.ContainsFunc(items, func(item any) bool {
				served := item.(*callerItem).served
				return served != nil && len(served.versions) > 0
			})
		},
		drop: func() { serving = false },
	}
	return l.insist(ctx, s.options.Insistence, config).Err == nil && !serving
}
