package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Observer watches what controls need. Its methods may be used concurrently, and
// from within OnScope and OnGap.
type Observer struct {
	options Options
	always  []source
	// ids are the ids of kinds.
	ids map[schema.GroupKind]string
	// ready is closed when namespaces and network policies are each either synced
	// or in a gap, and complete when everything else is.
	ready, complete chan struct{}
	// served is sent on when another set of optional kinds is served.
	served chan struct{}

	// mu guards everything below, and what the kinds say it guards.
	mu                  sync.Mutex
	store               *store
	kinds               map[string]*kind
	isReady, isComplete bool
	// known are the needs that were met when every scope was last announced.
	known     map[control.Need]bool
	gapsBegun uint64
	gapsEnded map[control.Need]uint64
	writes    writes
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
	if options.DNSService == (types.NamespacedName{}) {
		options.DNSService = defaultDNS()
	}
	o := &Observer{
		options:   options,
		always:    always(options.FieldManager, options.DNSService),
		ids:       ids(),
		ready:     make(chan struct{}),
		complete:  make(chan struct{}),
		served:    make(chan struct{}, 1),
		store:     newStore(options.DNSService),
		kinds:     map[string]*kind{},
		known:     map[control.Need]bool{},
		gapsEnded: map[control.Need]uint64{},
		writes:    newWrites(),
	}
	o.store.now, o.store.demanded = options.Now, demand{}
	o.store.renewServed()
	for _, s := range o.always {
		k, err := o.newKind(s)
		if err != nil {
			return nil, err
		}
		o.kinds[s.id] = k
	}
	return o, nil
}

// Start observes until ctx ends, and returns nil then.
func (o *Observer) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	begin := o.options.Now()
	o.mu.Lock()
	for _, k := range o.kinds {
		k.progressAt, k.since = begin, begin
		group.Go(func() error { k.run(ctx); return nil })
	}
	o.mu.Unlock()
	group.Go(func() error { return o.watchServed(ctx) })
	return group.Wait()
}

// WaitForSync returns when namespaces and network policies are each either
// synced or in a gap. Nothing else is waited for: until it is synced it is
// unavailable in snapshots.
func (o *Observer) WaitForSync(ctx context.Context) error {
	select {
	case <-o.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the caches: %w", context.Cause(ctx))
	}
}

// Progress returns how far each need got: as far as the kind that got least far.
func (o *Observer) Progress() map[control.Need]Progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	progress := map[control.Need]Progress{}
	for _, need := range o.store.demanded.needs() {
		o.serving(need, func(k *kind) bool {
			if k == nil {
				return true
			}
			p := Progress{Kind: k.source.id, Version: k.version, At: k.progressAt, State: k.state(), Since: k.since}
			if least, found := progress[need]; !found || p.behind(least) {
				progress[need] = p
			}
			return true
		})
	}
	return progress
}

// Epoch grows with each gap of one of the needs that ended. It is 1 at first.
func (o *Observer) Epoch(needs ...control.Need) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	epoch := uint64(1)
	for _, need := range needs {
		epoch += o.gapsEnded[need]
	}
	return epoch
}
