package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Collector reads whole populations again.
type Collector interface {
	// Collect makes one collection and records it. It returns an error only when
	// ctx ended or the ledger is unavailable.
	Collect(ctx context.Context, request collect.Request) (*collect.Result, error)
}

// EvidenceOptions are what an EvidenceReconciler needs.
type EvidenceOptions struct {
	// Client reads EvidenceSchedules and ControlPolicies from a cache, and writes
	// the status of schedules, and EvidenceRecords.
	Client client.Client
	// Records reads EvidenceRecords from the API server.
	Records client.Reader
	// Recorder records.
	Recorder *ledger.Recorder
	// LedgerDir is the ledger's volume.
	LedgerDir string
	// LedgerEphemeral is whether that volume ends with the pod.
	LedgerEphemeral bool
	// Collector collects.
	Collector Collector
	// Definition is the definition in force of a policy, by name.
	Definition func(policy string) (*assess.Definition, bool)
	// NewAnchor makes an anchor of what a schedule declares.
	NewAnchor func(v1alpha1.EvidenceAnchor) (anchor.Anchor, error)
	// Exporter writes records to files; nil where no directory is configured.
	Exporter Exporter
	// Metrics counts.
	Metrics *Metrics
	// Observing is closed once policies are put in force.
	Observing <-chan struct{}
	// Now is the clock.
	Now func() time.Time
	Log logr.Logger
}

// EvidenceReconciler makes the collections of EvidenceSchedules. It works on one
// schedule at a time, so that one collection is made at a time.
type EvidenceReconciler struct {
	EvidenceOptions

	trigger trigger
	started time.Time
	// declared are the newest generations, and adopted those that the ledger knows,
	// by schedule.
	declared, adopted map[string]*declared
	// finished is the newest Collected entry, by schedule, after which nothing is
	// left to be done.
	finished map[string]uint64
	// witnessed is what is known of the newest collection's checkpoint, by schedule.
	witnessed map[string]*witnessed
	// refusals say why an anchor did not acknowledge, by schedule and name.
	refusals map[string]string
	// unavailable is when the ledger was found to be unavailable last.
	unavailable time.Time
	tally       slotTally
	exports     exports
}

// NewEvidenceReconciler returns a reconciler that is not set up yet.
func NewEvidenceReconciler(opts EvidenceOptions) *EvidenceReconciler {
	return &EvidenceReconciler{EvidenceOptions: opts, started: opts.Now(), declared: map[string]*declared{}, adopted: map[string]*declared{},
		finished: map[string]uint64{}, witnessed: map[string]*witnessed{}, refusals: map[string]string{},
		exports: exports{done: map[exportKey]v1alpha1.ExportStatus{}, again: map[exportKey]time.Time{}}}
}

// SetupWithManager adds the reconciler.
func (r *EvidenceReconciler) SetupWithManager(mgr ctrl.Manager) error {
	schedules, err := controller.New("evidence", mgr, controller.Options{
		Reconciler: r, MaxConcurrentReconciles: 1,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](time.Second, time.Minute),
		LogConstructor: func(req *ctrl.Request) logr.Logger {
			if req == nil {
				return r.Log.V(1)
			}
			return r.Log.WithValues("schedule", req.Name)
		},
	})
	if err != nil {
		return fmt.Errorf("set up the evidence controller: %w", err)
	}
	if err := schedules.Watch(&r.trigger); err != nil {
		return fmt.Errorf("watch the ledger: %w", err)
	}
	edits := predicate.TypedGenerationChangedPredicate[*v1alpha1.EvidenceSchedule]{}
	if err := schedules.Watch(source.Kind(mgr.GetCache(), &v1alpha1.EvidenceSchedule{},
		&handler.TypedEnqueueRequestForObject[*v1alpha1.EvidenceSchedule]{}, edits)); err != nil {
		return fmt.Errorf("watch EvidenceSchedules: %w", err)
	}
	return nil
}

// LedgerChanged asks for every schedule that the ledger or the cluster knows: the
// ledger was opened, or became unavailable.
func (r *EvidenceReconciler) LedgerChanged(ctx context.Context) {
	r.Recorder.View(func(k *ledger.Known) {
		for name := range k.Evidence().Schedules {
			r.trigger.low(scheduleRequest(name))
		}
	})
	list := &v1alpha1.EvidenceScheduleList{}
	if err := r.Client.List(ctx, list); err != nil {
		return // the watch asks for each of them
	}
	for i := range list.Items {
		r.trigger.low(scheduleRequest(list.Items[i].Name))
	}
}

// schedulePass is one pass over one schedule.
type schedulePass struct {
	schedule *v1alpha1.EvidenceSchedule
	*declared
	now    time.Time
	health ledger.Health
	// exports is whether the operator has an export directory.
	exports bool
	// ephemeral is whether the ledger ends with the pod.
	ephemeral bool
}

// wakeAtLeast is how often a schedule is looked at: the wall clock may be set.
const wakeAtLeast = time.Minute

// Reconcile states what a schedule declares, collects what is due, and publishes
// where the evidence stands.
func (r *EvidenceReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	select {
	case <-r.Observing:
	case <-ctx.Done():
		return ctrl.Result{}, ctx.Err()
	}
	schedule := &v1alpha1.EvidenceSchedule{}
	err := r.Client.Get(ctx, req.NamespacedName, schedule)
	switch {
	case apierrors.IsNotFound(err):
		r.withdraw(req.Name)
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read EvidenceSchedule %s: %w", req.Name, err)
	}
	p := &schedulePass{schedule: schedule, now: r.Now(), health: r.Recorder.Health(),
		exports: r.Exporter != nil, ephemeral: r.LedgerEphemeral}
	if p.declared, err = r.declare(schedule); err != nil {
		return ctrl.Result{}, err
	}
	work := r.collectDue(ctx, p)
	wait, err := r.publish(ctx, p)
	// What a process that stops left undone the next one goes on with.
	if err := errors.Join(work, err); err != nil && ctx.Err() == nil {
		r.Log.Error(err, "The evidence of a schedule is not complete yet", "schedule", req.Name)
		wait = min(wait, retryEvidence)
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// retryEvidence is the time after which what failed is tried again. It does not
// grow: a slot may come due meanwhile.
const retryEvidence = 5 * time.Second

// collectDue brings the ledger up to date: the edit, the slots that passed, what a
// crash or an error left unfinished, and the slot that is due. While the ledger is
// unavailable nothing is collected: what it knows is what says which slots are due.
func (r *EvidenceReconciler) collectDue(ctx context.Context, p *schedulePass) error {
	if !p.health.Available || r.Recorder.Log() == nil {
		r.unavailable = p.now
		return nil
	}
	r.adopt(p)
	due := r.stateMissed(p)
	err := r.resume(ctx, p)
	if due == nil {
		return err
	}
	return errors.Join(err, r.collect(ctx, p, *due))
}

// record is what the ledger knows of a schedule; nil where it knows none of that name.
func (r *EvidenceReconciler) record(schedule string) *ledger.ScheduleRecord {
	var record *ledger.ScheduleRecord
	r.Recorder.View(func(k *ledger.Known) { record = k.Evidence().Schedules[schedule] })
	return record
}

func scheduleRequest(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Name: name}}
}
