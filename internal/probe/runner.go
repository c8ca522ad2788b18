package probe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

const (
	// defaultConcurrency is how many targets of one kind are probed at once, and
	// defaultTimeout how long one of them may take.
	defaultConcurrency = 16
	defaultTimeout     = 10 * time.Second
	// coalesce is how long new targets wait for others of their scope.
	coalesce = 100 * time.Millisecond
	// maxRun is how many targets one run probes at most: an entry, and what it
	// names, stay small, and the first results come early. The others follow at once.
	maxRun = 256
)

// Options are what a Runner works with.
type Options struct {
	// Config is how the operator reaches the API server.
	Config *rest.Config
	// Now is the clock; nil means that of the system.
	Now func() time.Time
	Log logr.Logger
	// Concurrency is how many targets of one kind are probed at once: 16 by default.
	Concurrency int
	// Timeout is how long one target may take: 10 s by default.
	Timeout time.Duration
	// Record has a run recorded, and returns once it is. What the run saw counts
	// from then on.
	Record func(Run)
	// OnSeen is called with a scope whose observations are newer than before.
	OnSeen func(scope string)
	// FirstSeen says since when a key is known by the ledger.
	FirstSeen func(keyID string) (time.Time, bool)
	// Namespaces are the namespaces in a policy's scope, in a stable order. An
	// object that guards are to refuse is made in the first.
	Namespaces func(policy string) []string
	// OwnNamespace is the operator's, where canaries are written.
	OwnNamespace string
	// Prober is the identity that can do nothing but dry runs.
	Prober Prober
	// Probes replace the real probes, by kind.
	Probes map[string]Func
}

// Prober is a service account.
type Prober struct {
	Namespace      string
	ServiceAccount string
}

// Func probes a target, and fills in what it saw. An error says why it saw nothing:
// where it is an *unseen.Error it is quoted. It must return when ctx is done.
type Func func(ctx context.Context, wanted Wanted, seen *control.Observation) error

// Wanted is a target, and the control that asks for it.
type Wanted struct {
	control.Target
	Policy  string
	Control string
}

// Run is one run of the probes of one kind in one scope.
type Run struct {
	// Scope is a namespace's name, or control.Cluster.
	Scope string
	// Of is the kind of the probes, such as control.ProbeCanary.
	Of string
	// BeganAt is when the first probe began, EndedAt when the last ended.
	BeganAt, EndedAt time.Time
	// Observations are what was seen, by target: 1 to 256.
	Observations []control.Observation
	// For are the controls that asked for it, by policy and id.
	For []ledger.ProbedFor
	// Keys are the keys that were seen in use, by id, of canaries.
	Keys []ledger.SeenKey
}

// Runner probes what scopes want probed. Its methods may be called from any
// goroutine, and none of them waits for a probe.
type Runner struct {
	options Options
	lanes   map[string]*lane
	keys    *keys

	mu     sync.Mutex
	scopes map[string]map[string]*batch // by scope and kind
}

// New returns a Runner that probes nothing before Start.
func New(options Options) (*Runner, error) {
	options.Concurrency = cmp.Or(options.Concurrency, defaultConcurrency)
	options.Timeout = cmp.Or(options.Timeout, defaultTimeout)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Record == nil || options.OnSeen == nil {
		return nil, errors.New("make the runner of probes: nobody records what is seen")
	}
	probes, err := realProbes(&options)
	if err != nil {
		return nil, err
	}
	r := &Runner{options: options, lanes: map[string]*lane{}, keys: newKeys(options.FirstSeen), scopes: map[string]map[string]*batch{}}
	for kind, p := range probes {
		if replaced := options.Probes[kind]; replaced != nil {
			p.probe = replaced
		}
		r.lanes[kind] = newLane(kind, p, options.Concurrency)
	}
	return r, nil
}

// Start probes until ctx is done, and returns once every probe has ended.
func (r *Runner) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for _, l := range r.lanes {
		running.Go(func() { r.serve(ctx, l) })
	}
	running.Wait()
	return nil
}

// Want states what is wanted of a scope, in the stead of what was wanted before.
// It returns the newest observation of each target, by target, and whether a
// target awaits its first.
func (r *Runner) Want(scope string, wanted []Wanted) (observations []control.Observation, awaited bool) {
	now := r.options.Now()
	byKind := merge(wanted)
	r.mu.Lock()
	defer r.mu.Unlock()
	batches := r.scopes[scope]
	for kind, targets := range byKind {
		if batches[kind] != nil {
			continue
		}
		if batches == nil {
			batches = map[string]*batch{}
			r.scopes[scope] = batches
		}
		batches[kind] = &batch{scope: scope, kind: kind, targets: make(map[string]*target, len(targets)), index: none}
	}
	for kind, b := range batches {
		b.want(byKind[kind], now)
		if len(b.targets) == 0 {
			delete(batches, kind)
		}
		r.lanes[kind].schedule(b)
	}
	if len(batches) == 0 {
		delete(r.scopes, scope)
	}
	return r.observations(scope)
}

// Observations returns what Want returned last, with what was seen since.
func (r *Runner) Observations(scope string) (observations []control.Observation, awaited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.observations(scope)
}

// Forget drops what a scope wanted, and what was seen of it.
func (r *Runner) Forget(scope string) { r.Want(scope, nil) }

// observations are those of a scope. The caller holds the lock.
func (r *Runner) observations(scope string) (observations []control.Observation, awaited bool) {
	seen := map[string]*control.Observation{}
	for _, b := range r.scopes[scope] {
		for key, t := range b.targets {
			if t.seen == nil {
				awaited = true
				continue
			}
			seen[key] = t.seen
		}
	}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		observations = append(observations, *seen[key])
	}
	return observations, awaited
}
