package restoretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/permissions"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// Options are what a Tester works with.
type Options struct {
	// Config is how the operator reaches the API server.
	Config *rest.Config
	// ClusterUID is the UID of the namespace kube-system. What bears another one is
	// of another cluster, and not touched.
	ClusterUID string
	// Now is the clock; nil means that of the system.
	Now func() time.Time
	Log logr.Logger
	// Ready is closed once what was found before can be known, and Record can record.
	Ready <-chan struct{}
	// Recall returns the newest recorded observations of a namespace, and whether they
	// are known.
	Recall func(scope string) (newest []control.Observation, known bool)
	// Record has a test recorded, and returns once it is.
	Record func(probe.Run)
	// OnSeen is called with a namespace whose observations are newer than before.
	OnSeen func(scope string)
	// Alarm tells people that they have to act, because of a test of a namespace.
	Alarm func(namespace, reason, note string)
	// Pace is how patient the Tester is; the zero value means its defaults.
	Pace Pace
}

// api is what a Tester asks of the API server, past any cache. It can change nothing.
type api interface {
	client.Reader
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
}

// Tester restores the backups of namespaces, one at a time. Its methods may be called
// from any goroutine, and none of them waits for a test.
type Tester struct {
	options Options
	api     api
	pace    Pace
	table   permissions.Table
	// leftovers are of the goroutine that tests.
	leftovers leftovers
	// tending and testing wake the two loops.
	tending, testing chan struct{}

	mu     sync.Mutex
	ready  bool
	wishes map[string]map[string]*wish // by scope and key of the target
	// busy are the namespaces that a loop works in, and unwanted those whose sentinel
	// is to be removed.
	busy, unwanted map[string]bool
}

// New returns a Tester that tests nothing before Start.
func New(options Options) (*Tester, error) {
	if options.Record == nil || options.OnSeen == nil || options.Recall == nil || options.Alarm == nil || options.ClusterUID == "" {
		return nil, errors.New("make the tester of restores: it is not told where to, or of which cluster")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("make the tester of restores: %w", err)
		}
	}
	c, err := client.New(options.Config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make the tester of restores: %w", err)
	}
	return &Tester{
		options: options, api: c, pace: options.Pace.orDefaults(), table: permissions.Holdfast(),
		tending: make(chan struct{}, 1), testing: make(chan struct{}, 1),
		wishes: map[string]map[string]*wish{}, busy: map[string]bool{}, unwanted: map[string]bool{},
	}, nil
}

// Start tests until ctx is done. What it is in the middle of then stays, for the next
// process to remove.
func (t *Tester) Start(ctx context.Context) error {
	select {
	case <-t.options.Ready:
	case <-ctx.Done():
		return nil
	}
	t.begin()
	var loops sync.WaitGroup
	loops.Go(func() { t.loop(ctx, t.tending, t.tendNext) })
	loops.Go(func() { t.loop(ctx, t.testing, t.testNext) })
	loops.Wait()
	return nil
}

// begin goes by what was found before.
func (t *Tester) begin() {
	t.mu.Lock()
	t.ready = true
	var scopes []string
	for scope := range t.wishes {
		scopes = append(scopes, scope)
	}
	t.mu.Unlock()
	for _, scope := range scopes {
		t.recall(scope)
		t.options.OnSeen(scope)
	}
}

// loop does what is next, again and again, until ctx is done. next returns how long
// there is nothing to do: 0 where there may be more at once.
func (t *Tester) loop(ctx context.Context, wake <-chan struct{}, next func(context.Context) time.Duration) {
	for ctx.Err() == nil {
		wait := next(ctx)
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// stir has both loops look for what is next.
func (t *Tester) stir() {
	for _, wake := range []chan struct{}{t.tending, t.testing} {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}
