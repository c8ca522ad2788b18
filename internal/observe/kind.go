package observe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/connrotation"
	"k8s.io/klog/v2"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// The pace at which a lost watch is opened again. The library's own maximum of a
// minute would prolong every gap.
const (
	retryFirst  = 200 * time.Millisecond
	retryMax    = 5 * time.Second
	retryFactor = 2
	retryJitter = 0.5
	retrySteps  = 5
)

// kind is one watched kind.
type kind struct {
	observer *Observer
	source   source
	log      logr.Logger
	// watched serves the watch, probed the live requests, each on connections of
	// its own.
	watched, probed           client
	watchDialer, probedDialer *connrotation.Dialer

	// turn is held while an event is applied or a gap begins or ends, the calls of
	// OnScope and OnGap included, so that they come in the order of what they
	// tell. It is taken before the observer's mu.
	turn sync.Mutex

	// The observer's mu guards the rest. version is the resourceVersion reached,
	// progressAt the last proof of observation.
	version    string
	progressAt time.Time
	synced     bool
	since      time.Time
	gap        *gap
	// failed is true where a request was refused since the kind was last synced.
	failed bool
	// forbiddenSince is since when every request was forbidden, zero where the
	// newest one was not.
	forbiddenSince time.Time
	// openedAt is when the present watch was opened, zero while there is none.
	openedAt time.Time
	check    *check
	probedAt time.Time
}

func (o *Observer) newKind(s source) (*kind, error) {
	k := &kind{observer: o, source: s, log: o.options.Log.WithValues("kind", s.id)}
	config, dialer := dedicated(o.options.Config)
	watched, err := s.connect(config, metav1.NamespaceAll)
	if err != nil {
		return nil, fmt.Errorf("observe %s: connect: %w", s.id, err)
	}
	k.watched, k.watchDialer = watched, dialer
	config, dialer = dedicated(o.options.Config)
	if k.probed, err = s.connect(config, metav1.NamespaceAll); err != nil {
		return nil, fmt.Errorf("observe %s: connect: %w", s.id, err)
	}
	k.probedDialer = dialer
	return k, nil
}

// run observes the kind until ctx ends.
func (k *kind) run(ctx context.Context) {
	var group errgroup.Group
	group.Go(func() error { k.reflect(ctx); return nil })
	group.Go(func() error { k.supervise(ctx); return nil })
	_ = group.Wait() // neither fails
}

// reflect feeds the table until ctx ends.
func (k *kind) reflect(ctx context.Context) {
	// The reflector logs every failed attempt as an error. What matters to people
	// is logged once, where a gap begins and ends.
	ctx = klog.NewContext(ctx, logr.Discard())
	reflector := cache.NewReflectorWithOptions(&listWatch{k}, k.source.example, &feed{k}, cache.ReflectorOptions{
		Name: k.source.id,
		Backoff: &wait.Backoff{
			Duration: retryFirst, Cap: retryMax, Factor: retryFactor, Jitter: retryJitter, Steps: retrySteps,
		},
	})
	reflector.RunWithContext(ctx)
}

// state returns how observation stands. The caller holds mu.
func (k *kind) state() ProgressState {
	switch {
	case k.gap != nil:
		return k.gap.state()
	case !k.synced:
		return Syncing
	default:
		return Live
	}
}

// unavailable returns the reason why the kind cannot be judged, or "". The
// caller holds mu.
func (k *kind) unavailable() string {
	switch {
	case k.gap != nil:
		return k.gap.reason()
	case !k.synced:
		return control.ReasonInconclusive
	default:
		return ""
	}
}

// listWatch serves a reflector, and takes note of what becomes of its requests.
type listWatch struct{ kind *kind }

// List implements cache.ListerWatcher.
func (l *listWatch) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

// Watch implements cache.ListerWatcher.
func (l *listWatch) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
}

// ListWithContext implements cache.ListerWatcherWithContext.
func (l *listWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := l.kind.watched.list(ctx, options)
	if err != nil {
		l.kind.refused(err)
		return nil, err
	}
	return list, nil
}

// WatchWithContext implements cache.ListerWatcherWithContext.
func (l *listWatch) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w, err := l.kind.watched.watch(ctx, options)
	if err != nil {
		l.kind.refused(err)
		return nil, err
	}
	l.kind.opened(true)
	return &openWatch{Interface: w, kind: l.kind}, nil
}

// openWatch takes note of the end of a watch.
type openWatch struct {
	watch.Interface
	kind *kind
	once sync.Once
}

// Stop implements watch.Interface. The reflector calls it whenever it is done
// with a watch, also with one that ended by itself.
func (w *openWatch) Stop() {
	w.once.Do(func() { w.kind.opened(false) })
	w.Interface.Stop()
}

// opened takes note that a watch was opened, or ended.
func (k *kind) opened(open bool) {
	k.observer.mu.Lock()
	defer k.observer.mu.Unlock()
	k.openedAt = time.Time{}
	if open {
		k.openedAt, k.forbiddenSince = k.observer.options.Now(), time.Time{}
	}
}
