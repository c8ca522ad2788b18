package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/observe"
)

// Options are what an Engine needs.
type Options struct {
	// Client reads ControlPolicies from the cache, and writes their status.
	Client client.Client
	// Observer takes snapshots.
	Observer *observe.Observer
	// Recorder records.
	Recorder *ledger.Recorder
	// LedgerEphemeral is whether the ledger ends with the pod.
	LedgerEphemeral bool
	// Applier repairs.
	Applier *enforce.Applier
	// Prober probes what controls rest on; nil where nothing is probed.
	Prober Prober
	// Contention notices repairs that are fought.
	Contention *enforce.Contention
	// Events publishes events.
	Events events.EventRecorder
	// ClockOffset is the API server's clock minus ours, and whether it is known.
	ClockOffset func() (time.Duration, bool)
	// Metrics counts.
	Metrics *Metrics
	// Now is the clock.
	Now func() time.Time
	Log logr.Logger
}

// Engine is what the reconcilers share.
type Engine struct {
	Options

	registry  *registry
	memos     memos
	proofs    proofs
	passes    passes
	issues    issues
	whys      whys
	settling  settling
	intros    introductions
	statusDue *statusDue
	pace      *enforce.Pace
	rollouts  rollouts
	// workloads returns how many pods of a namespace's workloads are ready.
	workloads func(namespace string) []observe.Workload
	// holds reports whether the observer knows an object, judged or not; demands have
	// it observe what controls need.
	holds   func(control.Subject) bool
	demands demands
	gaps    gaps
	// occurrences keep what backups are due.
	occurrences occurrences
	liveness    liveness
	selfTests   selfTests
	counts      counts
	announcer   *announcer
	encoder     assess.Encoder
	scopes      trigger
	policies    trigger
	// observing is closed once the observer has synced: before that, a namespace
	// that is not in the store may well exist.
	observing chan struct{}
}

// NewEngine returns an engine that is not set up yet.
func NewEngine(opts Options) *Engine {
	e := &Engine{
		Options:  opts,
		registry: newRegistry(),
		memos:    memos{by: map[string]*memo{}},
		proofs:   proofs{by: map[string]time.Time{}},
		passes:   passes{by: map[string]passState{}},
		issues:   issues{by: map[string]map[string][]issue{}},
		whys:     whys{by: map[enforce.Source]why{}},
		settling: settling{by: map[string]map[string]struct{}{}},
		intros:   introductions{by: map[string]*introduction{}},
		gaps:     gaps{open: map[string]openGap{}},
		counts:   counts{by: map[*definition]counted{}},
		pace:     enforce.NewPace(),
		rollouts: newRollouts(),

		workloads: opts.Observer.Workloads,
		holds:     opts.Observer.Holds,
		demands:   demands{by: map[string]demanded{}, observer: opts.Observer},

		occurrences: occurrences{runs: opts.Observer.BackupRuns},

		observing: make(chan struct{}),
	}
	e.scopes.asked = func(req ctrl.Request) { e.passes.ask(req.Name) }
	e.selfTests.types = controls.All
	e.statusDue = newStatusDue(&e.policies)
	e.announcer = newAnnouncer(opts)
	opts.Metrics.engine = e
	return e
}

// workers is the number of namespaces judged at once. A repair is one request
// under way: with fewer the API server waits for us, with more we for it.
const workers = 32

// SetupWithManager adds the reconcilers and what runs beside them.
func (r *Engine) SetupWithManager(mgr ctrl.Manager) error {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](5*time.Millisecond, 30*time.Second)
	scopes, err := controller.New("scope", mgr, controller.Options{
		Reconciler: &ScopeReconciler{r}, MaxConcurrentReconciles: workers, RateLimiter: limiter,
		LogConstructor: r.logFor("scope"),
	})
	if err != nil {
		return fmt.Errorf("set up the scope controller: %w", err)
	}
	if err := scopes.Watch(&r.scopes); err != nil {
		return fmt.Errorf("watch scopes: %w", err)
	}
	policies, err := controller.New("policy", mgr, controller.Options{
		Reconciler: &PolicyReconciler{r}, LogConstructor: r.logFor("policy"),
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](50*time.Millisecond, 30*time.Second),
	})
	if err != nil {
		return fmt.Errorf("set up the policy controller: %w", err)
	}
	if err := policies.Watch(&r.policies); err != nil {
		return fmt.Errorf("watch policies: %w", err)
	}
	edits := predicate.Or[*v1alpha1.ControlPolicy](
		predicate.TypedGenerationChangedPredicate[*v1alpha1.ControlPolicy]{},
		predicate.TypedAnnotationChangedPredicate[*v1alpha1.ControlPolicy]{})
	if err := policies.Watch(source.Kind(mgr.GetCache(), &v1alpha1.ControlPolicy{},
		&handler.TypedEnqueueRequestForObject[*v1alpha1.ControlPolicy]{}, edits)); err != nil {
		return fmt.Errorf("watch ControlPolicies: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(r.announcer.run)); err != nil {
		return fmt.Errorf("add the announcer: %w", err)
	}
	return nil
}

func (r *Engine) logFor(name string) func(*ctrl.Request) logr.Logger {
	return func(req *ctrl.Request) logr.Logger {
		if req == nil {
			return r.Log.WithName(name).V(1)
		}
		return r.Log.WithName(name).WithValues(name, cmp.Or(req.Name, "the cluster"))
	}
}

// Observing says that the observer has synced: passes may be made from now on.
func (r *Engine) Observing(ctx context.Context) {
	r.Recorder.ObservationBegan(r.Now())
	killpoint.Hit(killpoint.GapRecorded)
	r.selfTest()
	r.adoptAll(ctx)
	close(r.observing)
	r.Log.Info("Holdfast observes")
	go r.liveness.run(ctx, r)
	go r.selfTests.run(ctx, r)
}

// ScopeChanged takes a trigger of the observer.
func (r *Engine) ScopeChanged(t observe.Trigger) {
	r.proofs.note(t.Namespace, t.Proof)
	if t.Initial {
		r.scopes.low(scopeRequest(t.Namespace))
		return
	}
	r.scopes.now(scopeRequest(t.Namespace))
}

// LedgerAttached asks for everything that the ledger may not know to be
// recorded: policies that are gone since, and, to resync, everything.
func (r *Engine) LedgerAttached(policies []string, resync bool) {
	for _, name := range policies {
		r.policies.now(policyRequest(name))
	}
	if !resync {
		return
	}
	for _, name := range r.registry.renew() {
		r.policies.now(policyRequest(name))
	}
}

// LedgerHealthChanged asks for the status of every policy.
func (r *Engine) LedgerHealthChanged() {
	for _, def := range r.registry.load().sorted {
		r.statusDue.soon(def.Name)
	}
}

// Settled reports whether no pass over a namespace is asked for, or under way.
func (r *Engine) Settled(namespace string) bool { return r.passes.settled(namespace) }

// Requeue asks for a pass over a namespace.
func (r *Engine) Requeue(namespace string) { r.scopes.now(scopeRequest(namespace)) }

// Definition is the definition in force of a policy.
func (r *Engine) Definition(policy string) (*assess.Definition, bool) {
	def, ok := r.registry.load().byName[policy]
	if !ok {
		return nil, false
	}
	return def.Definition, true
}

// Observes is closed once policies are put in force and namespaces judged.
func (r *Engine) Observes() <-chan struct{} { return r.observing }

// awaitObserving waits until passes may be made.
func (r *Engine) awaitObserving(ctx context.Context) error {
	select {
	case <-r.observing:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func scopeRequest(namespace string) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Name: namespace}}
}

func policyRequest(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}
}
