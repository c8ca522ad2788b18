package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Observer watches namespaces, network policies and pods. Its methods may be
// used concurrently, and from within OnScope and OnGap.
type Observer struct {
	options Options
	kinds   map[control.Need]*kind
	// ready is closed when namespaces and network policies are each either synced
	// or in a gap.
	ready chan struct{}

	// mu guards everything below, and what the kinds say it guards.
	mu      sync.Mutex
	isReady bool
	scopes  map[string]*scope
	writes  writes
}

// New returns an observer that has not started.
func New(options Options) (*Observer, error) {
	if options.Config == nil || options.FieldManager == "" {
		return nil, errors.New("observe: Config and FieldManager are required")
	}
	options.ProgressTimeout = cmp.Or(options.ProgressTimeout, DefaultProgressTimeout)
	options.ProbeTimeout = cmp.Or(options.ProbeTimeout, DefaultProbeTimeout)
	options.PollInterval = cmp.Or(options.PollInterval, DefaultPollInterval)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.OnScope == nil {
		options.OnScope = func(Trigger) {}
	}
	if options.OnGap == nil {
		options.OnGap = func(GapEvent) {}
	}
	o := &Observer{
		options: options,
		kinds:   map[control.Need]*kind{},
		ready:   make(chan struct{}),
		scopes:  map[string]*scope{},
		writes:  newWrites(),
	}
	for _, s := range []source{namespaceSource(), policySource(options.FieldManager), podSource()} {
		k, err := o.newKind(s)
		if err != nil {
			return nil, fmt.Errorf("observe %s: %w", s.need, err)
		}
		o.kinds[s.need] = k
	}
	return o, nil
}

// Start observes until ctx ends, and returns nil then.
func (o *Observer) Start(ctx context.Context) error {
	begin := o.options.Now()
	o.mu.Lock()
	for _, k := range o.kinds {
		k.progressAt, k.since = begin, begin
	}
	o.mu.Unlock()
	var group errgroup.Group
	for _, k := range o.kinds {
		group.Go(func() error { k.reflect(ctx); return nil })
		group.Go(func() error { k.supervise(ctx); return nil })
	}
	return group.Wait()
}

// WaitForSync returns when namespaces and network policies are each either
// synced or in a gap. Pods are not waited for: until they are synced, they are
// unavailable in snapshots of terminating namespaces.
func (o *Observer) WaitForSync(ctx context.Context) error {
	select {
	case <-o.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the caches: %w", context.Cause(ctx))
	}
}

// Progress returns how far each kind got.
func (o *Observer) Progress() map[control.Need]Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	progress := make(map[control.Need]Progress, len(o.kinds))
	for need, k := range o.kinds {
		progress[need] = Progress{Version: k.version, At: k.progressAt, State: k.state(), Since: k.since}
	}
	return progress
}

// Epoch grows with each gap of one of the kinds that ended. It is 1 at first.
func (o *Observer) Epoch(needs ...control.Need) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	epoch := uint64(1)
	for _, need := range needs {
		if k, ok := o.kinds[need]; ok {
			epoch += k.gapsEnded
		}
	}
	return epoch
}
