package observe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// maxRestarts is how often a list begins again that expires before its end.
const maxRestarts = 3

// errMoved says that a page was read at another resourceVersion than the first.
var errMoved = errors.New("a page has another resourceVersion than the first one")

// errUnreadable says that what an API server answered is not what was asked for.
var errUnreadable = errors.New("the answer cannot be read")

// lister lists one kind page by page.
type lister struct {
	source *source
	// namespace and fields narrow the list.
	namespace, fields string
	limit             int64
	timeout           time.Duration
	now               func() time.Time
	// page takes the items of a page; drop forgets those of all pages before.
	page func(items []any)
	drop func()
}

// read lists the kind. Where its Err is set, everything was dropped.
func (l *lister) read(ctx context.Context, config *rest.Config) Reading {
	r := Reading{Kind: l.source.id, Group: l.source.group, Version: l.source.version, Resource: l.source.resource, From: l.now()}
	query := &query{}
	config = rest.CopyConfig(config)
	config.Wrap(query.wrap)
	c, err := l.source.connect(config, l.namespace)
	if err == nil {
		err = l.pages(ctx, c, &r)
		for expired(err) && r.Restarts < maxRestarts {
			// A continuation of a list that expired is not what was there at one time.
			l.drop()
			r.Restarts++
			err = l.pages(ctx, c, &r)
		}
	}
	if err != nil {
		l.drop()
		r.Err, r.Count, r.ResourceVersion = err, 0, ""
	}
	r.Query, r.To = query.asked(), l.now()
	return r
}

// insist reads the kind, again while it is not answered.
func (l *lister) insist(ctx context.Context, insistence *Insistence, config *rest.Config) (r Reading) {
	restarts := 0
	again, _ := insistence.Ask(ctx, func() error {
		r = l.read(ctx, config)
		restarts += r.Restarts
		return r.Err
	})
	r.Restarts = restarts + again
	return r
}

// expired reports whether a list has to begin again.
func expired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || errors.Is(err, errMoved)
}

// pages lists all pages, from the first one.
func (l *lister) pages(ctx context.Context, c client, r *Reading) error {
	options := metav1.ListOptions{Limit: l.limit, FieldSelector: l.fields}
	r.Count, r.ResourceVersion = 0, ""
	for {
		page, err := l.request(ctx, c, options)
		r.Pages++
		if err != nil {
			return err
		}
		accessor, err := meta.ListAccessor(page)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
		version := accessor.GetResourceVersion()
		if r.ResourceVersion != "" && version != r.ResourceVersion {
			return errMoved
		}
		r.ResourceVersion = version
		items, err := convertPage(page, l.source)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
		r.Count += len(items)
		l.page(items)
		if options.Continue = accessor.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

func (l *lister) request(ctx context.Context, c client, options metav1.ListOptions) (runtime.Object, error) {
	if l.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.timeout)
		defer cancel()
	}
	return c.list(ctx, options)
}

// convertPage returns the items of a list.
func convertPage(page runtime.Object, source *source) ([]any, error) {
	items := make([]any, 0, meta.LenList(page))
	err := meta.EachListItem(page, func(object runtime.Object) error {
		item, err := source.convert(object)
		items = append(items, item)
		return err
	})
	return items, err
}

// query takes note of what is asked for.
type query struct {
	mu  sync.Mutex
	url string
}

func (q *query) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		u := *request.URL
		parameters := u.Query()
		parameters.Del("limit")
		parameters.Del("continue")
		u.RawQuery = parameters.Encode()
		q.mu.Lock()
		q.url = u.RequestURI()
		q.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// asked returns the path of the newest request.
func (q *query) asked() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.url
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
