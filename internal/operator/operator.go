// Package operator wires the engine: what reads the cluster, what writes it,
// the ledger, and the order in which they start and stop.
package operator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/controllers"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/exporting"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/ledger/clusterstore"
	"github.com/holdfast-dev/holdfast/internal/observe"
	"github.com/holdfast-dev/holdfast/internal/serve"
	"github.com/holdfast-dev/holdfast/internal/version"
)

// Options are what the operator is started with.
type Options struct {
	// Namespace is the operator's own.
	Namespace string
	// LedgerDir is the ledger's volume.
	LedgerDir string
	// LedgerEphemeral is whether LedgerDir ends with the pod.
	LedgerEphemeral bool
	// KeyFile is the file of the signing key; empty means the Secret.
	KeyFile string
	// ExportDir is where the exports of schedules are written; empty means nowhere.
	ExportDir string
	// LedgerAddress is where the ledger is served for reading; empty, or 0, means
	// nowhere.
	LedgerAddress string
	// ContentionThreshold is the number of repairs of one object within an
	// hour beyond which it counts as contested.
	ContentionThreshold int
	// ProgressTimeout is how long a watch may show no sign of life.
	ProgressTimeout time.Duration
	// DNSService is the Service of the cluster's DNS, as namespace/name; empty
	// means the one that the operator's pod resolves names by.
	DNSService string
	// PodUID and Image name the process, where the deployment states them.
	PodUID, Image string
	// Arguments are the command line.
	Arguments []string
	// LeaderElection is whether a lease has one process act at a time.
	LeaderElection bool
	// Clock compares the API server's clock with ours.
	Clock *ServerClock
	Log   logr.Logger
}

// retryOpen is the time between attempts to open the ledger.
const retryOpen = time.Second

// openWait is how long the first judgement waits for the ledger: long enough for
// the process before to let go of it.
const openWait = 2 * time.Second

// Setup adds everything that the operator runs to the manager. The function it
// returns closes the ledger, and is to be called when the manager has stopped:
// the ledger outlives everything that writes to it.
func Setup(ctx context.Context, mgr ctrl.Manager, opts Options, facts *Facts, probes *Probes) (stop func() error, err error) {
	m := controllers.NewMetrics(controllers.MetricsOptions{Version: version.String(), LedgerDir: filepath.Clean(opts.LedgerDir), Now: time.Now})
	if err := metrics.Registry.Register(m); err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	var engine *controllers.Engine
	var evidence *controllers.EvidenceReconciler
	recorder := ledger.NewRecorder(ledger.RecorderOptions{
		Open:    opener(mgr, opts, facts.cluster, m),
		Cluster: facts.cluster, Operator: facts.self, OperatorObjects: facts.objects,
		Now: time.Now, Retry: retryOpen, Log: opts.Log.WithName("ledger"),
		OnDurable: m.Durable, OnRecorded: m.Recorded,
		OnAttach: func(policies []string, resync bool) { engine.LedgerAttached(policies, resync) },
		OnHealth: func() { engine.LedgerHealthChanged(); evidence.LedgerChanged(ctx) },
	})
	observer, err := observe.New(observe.Options{
		DNSService: facts.dns,
		Config:     mgr.GetConfig(), FieldManager: enforce.FieldManager, ProgressTimeout: opts.ProgressTimeout,
		Owned:   owned(recorder),
		OnScope: func(t observe.Trigger) { engine.ScopeChanged(t) },
		OnGap:   func(g observe.GapEvent) { engine.GapChanged(g) },
		Log:     opts.Log.WithName("observe"),
	})
	if err != nil {
		return nil, err
	}
	applier, err := enforce.NewApplier(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetRESTMapper())
	if err != nil {
		return nil, err
	}
	probers, err := newProbers(ctx, mgr, opts, facts, recorder, &engine)
	if err != nil {
		return nil, err
	}
	m.Probing(probers.Count)
	engine = controllers.NewEngine(controllers.Options{
		Client: mgr.GetClient(), Observer: observer, Recorder: recorder, Applier: applier, Prober: probers,
		Contention: enforce.NewContention(opts.ContentionThreshold),
		Events:     mgr.GetEventRecorder("holdfast"), Metrics: m, Now: time.Now, Log: opts.Log,
		ClockOffset: opts.Clock.Offset, LedgerEphemeral: opts.LedgerEphemeral,
	})
	if err := engine.SetupWithManager(mgr); err != nil {
		return nil, err
	}
	evidence = newEvidence(mgr, opts, engine, probers, facts.dns)
	if err := evidence.SetupWithManager(mgr); err != nil {
		return nil, err
	}
	if err := addCustody(mgr, opts, recorder); err != nil {
		return nil, err
	}
	ledgerCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	record := &background{run: func() error { return recorder.Run(ledgerCtx) }, done: make(chan struct{})}
	return func() error { cancel(); return record.wait() }, addRunnables(mgr, engine, recorder, record, observer, probers, probes)
}

// newEvidence returns the reconciler of schedules.
func newEvidence(mgr ctrl.Manager, opts Options, engine *controllers.Engine, probers *probers, dns types.NamespacedName) *controllers.EvidenceReconciler {
	collector := collect.New(collect.Options{
		Config: mgr.GetConfig(), Observer: engine.Observer, Recorder: engine.Recorder, FieldManager: enforce.FieldManager, DNSService: dns,
		Namespace: opts.Namespace, KeySecret: keySecret(opts), Settled: engine.Settled, Requeue: engine.Requeue,
		Distrusted: engine.Distrusted, Probed: probers.Observations,
		Now: time.Now, Log: opts.Log.WithName("collect"),
	})
	options := controllers.EvidenceOptions{
		Client: mgr.GetClient(), Records: mgr.GetAPIReader(), Recorder: engine.Recorder,
		LedgerDir: filepath.Clean(opts.LedgerDir), LedgerEphemeral: opts.LedgerEphemeral,
		Collector: collector, Definition: engine.Definition, Observing: engine.Observes(), Metrics: engine.Metrics,
		NewAnchor: func(spec v1alpha1.EvidenceAnchor) (anchor.Anchor, error) { return anchor.New(spec, nil) },
		Now:       time.Now, Log: opts.Log.WithName("evidence"),
	}
	if opts.ExportDir != "" {
		options.Exporter = &exporting.Exporter{Dir: filepath.Clean(opts.ExportDir), LedgerDir: options.LedgerDir, Version: version.String()}
	}
	return controllers.NewEvidenceReconciler(options)
}

// addCustody adds what serves the ledger for reading, and what prunes it.
func addCustody(mgr ctrl.Manager, opts Options, recorder *ledger.Recorder) error {
	pruning := &retention{prune: recorder.Prune, first: pruneFirst, every: pruneEvery, log: opts.Log.WithName("retention")}
	if err := mgr.Add(pruning); err != nil {
		return fmt.Errorf("add retention: %w", err)
	}
	if opts.LedgerAddress == "" || opts.LedgerAddress == "0" {
		return nil
	}
	server := &serve.Server{Address: opts.LedgerAddress, Dir: filepath.Clean(opts.LedgerDir), Log: opts.Log.WithName("serve")}
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("add the server of the ledger: %w", err)
	}
	return nil
}

// keySecret is the Secret of the signing key; empty where a file holds it.
func keySecret(opts Options) string {
	if opts.KeyFile != "" {
		return ""
	}
	return clusterstore.KeyName
}

// addRunnables adds what runs for as long as the process leads.
func addRunnables(mgr ctrl.Manager, engine *controllers.Engine, recorder *ledger.Recorder, record *background, observer *observe.Observer, probers *probers, probes *Probes) error {
	probes.Waiting("the caches are not synced yet")
	observing := func(ctx context.Context) error {
		if err := observer.WaitForSync(ctx); err != nil {
			return err
		}
		// What changed while nobody observed shows only beside what the ledger
		// knows. A ledger that does not open keeps nobody from enforcing.
		select {
		case <-recorder.Opened():
		case <-time.After(openWait):
		case <-ctx.Done():
			return nil
		}
		engine.Observing(ctx)
		return nil
	}
	for _, r := range []manager.Runnable{
		record,
		manager.RunnableFunc(observer.Start),
		manager.RunnableFunc(observing),
		manager.RunnableFunc(probers.runner.Start),
		manager.RunnableFunc(probers.tester.Start),
		standby{probes.Ready},
	} {
		if err := mgr.Add(r); err != nil {
			return fmt.Errorf("add a runnable: %w", err)
		}
	}
	return nil
}

// background runs in a goroutine of its own, that outlives the manager.
type background struct {
	run     func() error
	started atomic.Bool
	done    chan struct{}
	err     error
}

// Start starts it, and waits for the manager to stop.
func (b *background) Start(ctx context.Context) error {
	b.started.Store(true)
	go func() {
		defer close(b.done)
		b.err = b.run()
	}()
	<-ctx.Done()
	return nil
}

// wait waits until it has ended, if it was started, and returns its error.
func (b *background) wait() error {
	if !b.started.Load() {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	case <-time.After(stopWait):
		return errors.New("the ledger's volume does not answer; what is in its journal is read at the next start")
	}
}

// stopWait is how long a process that stops waits for the ledger to close.
const stopWait = 20 * time.Second

// standby runs once the caches are synced, whether the process leads or not.
type standby struct{ do func() }

// Start does it.
func (s standby) Start(context.Context) error { s.do(); return nil }

// NeedLeaderElection says no.
func (standby) NeedLeaderElection() bool { return false }

// opener returns how the ledger is opened.
func opener(mgr ctrl.Manager, opts Options, cluster ledger.ClusterBody, m *controllers.Metrics) func(context.Context) (*ledger.Log, *ledger.Opened, error) {
	keys, head, records := stores(mgr, opts)
	return func(ctx context.Context) (*ledger.Log, *ledger.Opened, error) {
		key, err := keys.Key(ctx)
		if err != nil {
			return nil, nil, err
		}
		return ledger.Open(ctx, ledger.Options{
			Dir: filepath.Clean(opts.LedgerDir), Key: key, Head: head, Record: records.Newest, Holder: opts.PodUID, Cluster: cluster,
			SegmentSize: killpoint.Setting(killpoint.EnvSegmentSize), SnapshotEvery: killpoint.Setting(killpoint.EnvSnapshotEvery),
			OnIntegrated: m.Integrated, Log: opts.Log.WithName("ledger"),
		})
	}
}

// owned says whether the ledger knows that Holdfast created an object.
func owned(recorder *ledger.Recorder) func(kind, namespace, name, uid string) bool {
	return func(kind, namespace, name, uid string) bool {
		found := false
		recorder.View(func(k *ledger.Known) {
			for _, o := range k.Created(namespace) {
				found = found || (o.Kind == kind && o.Name == name && o.UID == uid)
			}
		})
		return found
	}
}

// processID is a random id of the process.
func processID() string {
	id := make([]byte, 16)
	// crypto/rand.Read never fails.
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}
