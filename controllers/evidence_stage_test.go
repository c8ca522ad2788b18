package controllers

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/anchor"
	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/exporting"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/controlplane"
)

// startAPI starts an API server with Holdfast's kinds.
func startAPI(t *testing.T) client.Client {
	t.Helper()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{NoControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := controlplane.InstallCRDs(t.Context(), cp.RESTConfig(), "../config/crd/bases"); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(cp.RESTConfig(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// patience bounds the waiting for what is sure to come.
const patience = time.Minute

// stage is a reconciler with a ledger and a clock of its own. Its collector
// finds what the test says.
type stage struct {
	*testing.T
	client.Client
	*EvidenceReconciler
	schedule  string
	micros    atomic.Int64
	dir       string
	collector *stubCollector
	anchors   map[string]anchorFn
	// broken is whether the ledger's volume cannot be written.
	broken atomic.Bool
	stop   func()
}

// newStage returns a stage whose clock stands at noon of 1 March 2026.
func newStage(t *testing.T, api client.Client, schedule string) *stage {
	t.Helper()
	s := &stage{T: t, Client: api, schedule: schedule, dir: t.TempDir(), anchors: map[string]anchorFn{}}
	s.set(noon)
	s.open()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *stage) clock() time.Time  { return time.UnixMicro(s.micros.Load()).UTC() }
func (s *stage) set(now time.Time) { s.micros.Store(now.UnixMicro()) }

// pass lets time pass. What was recorded before is durable then: it did not take
// the ledger all that time.
func (s *stage) pass(d time.Duration) {
	s.Recorder.Flushed().Wait(s.Context(), patience)
	s.set(s.clock().Add(d))
}

// open begins a process: it opens the ledger, and knows nothing else.
func (s *stage) open() {
	s.Helper()
	recorder := ledger.NewRecorder(ledger.RecorderOptions{
		Now: s.clock, Retry: 10 * time.Millisecond, Log: logr.Discard(),
		Operator: ledger.OperatorBody{Process: s.clock().String(), StartedAt: ledger.At(s.clock())},
		Open: func(ctx context.Context) (*ledger.Log, *ledger.Opened, error) {
			key, err := ledger.FileKey{Path: filepath.Join(s.dir, "key.pem")}.Key(ctx)
			if err != nil {
				return nil, nil, err
			}
			return ledger.Open(ctx, ledger.Options{Dir: s.volume(), Key: key, Head: ledger.FileHead{Path: filepath.Join(s.dir, "head")},
				CheckpointInterval: 100 * time.Millisecond, Now: s.clock, Log: logr.Discard(), Check: s.check})
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- recorder.Run(ctx) }()
	select {
	case <-recorder.Opened():
	case <-time.After(patience):
		s.Fatalf("the ledger does not open: %+v", recorder.Health())
	}
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("close the ledger: %v", err)
		}
		s.stop = func() {}
	}
	s.collector = &stubCollector{recorder: recorder, now: s.clock}
	observing := make(chan struct{})
	close(observing)
	s.EvidenceReconciler = NewEvidenceReconciler(EvidenceOptions{
		Client: s.Client, Records: s.Client, Recorder: recorder, LedgerDir: s.volume(), Collector: s.collector,
		Definition: func(string) (*assess.Definition, bool) { return nil, false },
		NewAnchor:  func(spec v1alpha1.EvidenceAnchor) (anchor.Anchor, error) { return s.newAnchor(spec) },
		Metrics:    NewMetrics(MetricsOptions{Now: s.clock}),
		Observing:  observing, Now: s.clock, Log: testr.New(s.T),
	})
}

func (s *stage) check(string, uint64) error {
	if s.broken.Load() {
		return ledger.ErrReadOnly
	}
	return nil
}

// breakLedger has the ledger fail until its volume is repaired.
func (s *stage) breakLedger() {
	s.broken.Store(true)
	s.Recorder.Record(ledger.Draft{At: s.clock(), Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{}}})
	s.await("the ledger fails", func() bool { return !s.Recorder.Health().Available })
}

func (s *stage) repairLedger() {
	s.broken.Store(false)
	s.await("the ledger is back", func() bool { return s.Recorder.Health().Available })
}

// await waits for a condition.
func (s *stage) await(what string, condition func() bool) {
	s.Helper()
	err := wait.PollUntilContextTimeout(s.Context(), 10*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// restart ends the process, and begins another one after a time.
func (s *stage) restart(after time.Duration) {
	s.Helper()
	s.stop()
	s.set(s.clock().Add(after))
	s.open()
}

func (s *stage) volume() string { return filepath.Join(s.dir, "ledger") }

// declare creates the stage's schedule, or edits it.
func (s *stage) declare(edits ...func(*v1alpha1.EvidenceScheduleSpec)) {
	s.Helper()
	object := &v1alpha1.EvidenceSchedule{ObjectMeta: metav1.ObjectMeta{Name: s.schedule}}
	err := s.Get(s.Context(), client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		s.Fatal(err)
	}
	object.Spec = *year(edits...)
	if err == nil {
		err = s.Update(s.Context(), object)
	} else {
		err = s.Create(s.Context(), object)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// reconcile makes one pass.
func (s *stage) reconcile() ctrl.Result {
	s.Helper()
	result, err := s.Reconcile(s.Context(), scheduleRequest(s.schedule))
	if err != nil {
		s.Fatal(err)
	}
	return result
}

// status makes passes until the status tells of what the ledger knows.
func (s *stage) status() v1alpha1.EvidenceScheduleStatus {
	s.Helper()
	for s.reconcile().RequeueAfter == behindWait {
		s.Recorder.Flushed().Wait(s.Context(), patience)
	}
	object := &v1alpha1.EvidenceSchedule{}
	if err := s.Get(s.Context(), client.ObjectKey{Name: s.schedule}, object); err != nil {
		s.Fatal(err)
	}
	return object.Status
}

// entries are the entries of some kinds that the ledger has.
func (s *stage) entries(kinds ...ledger.Kind) []ledger.Entry {
	s.Helper()
	var want uint64
	s.Recorder.Flushed().Wait(s.Context(), patience)
	s.Recorder.View(func(k *ledger.Known) { want = k.NextSeq })
	if _, _, err := s.published(s.Context(), want-1); err != nil {
		s.Fatal(err)
	}
	var found []ledger.Entry
	err := ledger.Read(s.Context(), s.volume(), ledger.ReadOptions{}, func(_ uint64, data []byte) error {
		e, err := ledger.Decode(data)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if e.Kind == kind {
				found = append(found, *e)
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return found
}

// records are the schedule's EvidenceRecords, oldest first.
func (s *stage) records() []v1alpha1.EvidenceRecord {
	s.Helper()
	list := &v1alpha1.EvidenceRecordList{}
	if err := s.List(s.Context(), list, client.MatchingLabels{v1alpha1.LabelSchedule: s.schedule}); err != nil {
		s.Fatal(err)
	}
	return list.Items // by name, and so by slot
}

// stubCollector records collections of one policy with one control.
type stubCollector struct {
	recorder *ledger.Recorder
	now      func() time.Time
	// state is what comes of the collections; empty means Completed.
	state    string
	requests []collect.Request
	// fail, where set, is returned.
	fail error
}

func (c *stubCollector) Collect(ctx context.Context, req collect.Request) (*collect.Result, error) {
	c.requests = append(c.requests, req)
	if c.fail != nil {
		return nil, c.fail
	}
	now := ledger.At(c.now())
	result := &collect.Result{Manifest: &ledger.Manifest{Schema: ledger.ManifestSchema, Schedule: req.Schedule, Slot: ledger.At(req.Slot),
		Policies: []ledger.ManifestPolicy{{Name: "baseline", Controls: []ledger.ManifestControl{
			{ID: "NET-1", Census: ledger.Census{Total: 6, Conforming: 2, Deviating: 1, Excluded: 1, NotSelected: 2}},
		}}}}}
	object, err := ledger.NewObject(result.Manifest)
	if err != nil {
		return nil, err
	}
	body := &ledger.CollectionBody{Slot: ledger.At(req.Slot), Next: timeOf(req.Next), Late: req.Late, Started: now, Ended: now,
		State: ledger.CollectionCompleted, Manifest: object.Digest, Compared: 3}
	if c.state != "" {
		body.State = c.state
	}
	if body.State == ledger.CollectionFailed {
		body.Manifest, result.Manifest, body.Compared = "", nil, 0
	} else if err := c.recorder.Log().PutObjects([]ledger.Object{object}); err != nil {
		return nil, err
	}
	transitions, ticket := c.recorder.Record(ledger.Draft{At: c.now(), Entry: ledger.Entry{Kind: ledger.KindCollected,
		Schedule: &req.Schedule, Collection: body, Message: "as the test says"}})
	if !ticket.Wait(ctx, patience) {
		return nil, collect.ErrUnavailable
	}
	result.Entry = transitions[0].Entry
	return result, nil
}

// anchorFn is an anchor made of a function.
type anchorFn func(context.Context, anchor.Target) (*anchor.Result, error)

// stubAnchor is a declared anchor with what the stage has it do.
type stubAnchor struct {
	spec v1alpha1.EvidenceAnchor
	do   anchorFn
}

func (a stubAnchor) Name() string { return a.spec.Name }
func (a stubAnchor) Type() string { return ledger.AnchorTimestamp }
func (a stubAnchor) Anchor(ctx context.Context, target anchor.Target) (*anchor.Result, error) {
	return a.do(ctx, target)
}

func (s *stage) newAnchor(spec v1alpha1.EvidenceAnchor) (anchor.Anchor, error) {
	do, ok := s.anchors[spec.Name]
	if !ok {
		return nil, errors.New("the test knows no such anchor")
	}
	return stubAnchor{spec, do}, nil
}

// acknowledges is an anchor that does, at the stage's time.
func (s *stage) acknowledges(_ context.Context, target anchor.Target) (*anchor.Result, error) {
	return &anchor.Result{At: s.clock(), Receipt: ledger.Receipt{Schema: ledger.ReceiptSchema, Type: ledger.AnchorTimestamp,
		Name: "tsa", Checkpoint: string(target.Note), Token: []byte("token")}}, nil
}

// refuses is an anchor that does not answer.
func refuses(context.Context, anchor.Target) (*anchor.Result, error) {
	return nil, errors.New("connection refused; start it, or take it out of spec.anchors")
}

// authority declares an anchor of a name.
func authority(names ...string) func(*v1alpha1.EvidenceScheduleSpec) {
	return func(s *v1alpha1.EvidenceScheduleSpec) {
		for _, name := range names {
			s.Anchors = append(s.Anchors, v1alpha1.EvidenceAnchor{Name: name, Timestamp: &v1alpha1.TimestampAnchor{URL: "http://" + name + ".example"}})
		}
	}
}

// exporterFn is an exporter made of a function.
type exporterFn func(exporting.Request) (bool, error)

func (f exporterFn) Write(_ context.Context, r exporting.Request) (bool, error) { return f(r) }

// exported is the status of the stage's only export, once it was written for a time.
func (s *stage) exported(writtenFor time.Time) v1alpha1.ExportStatus {
	s.Helper()
	var status v1alpha1.ExportStatus
	s.await("a record is exported for "+writtenFor.String(), func() bool {
		if all := s.status().Exports; len(all) == 1 {
			status = all[0]
		}
		return status.WrittenFor != nil && status.WrittenFor.Time.Equal(writtenFor)
	})
	return status
}
