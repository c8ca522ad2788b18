package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

// Bounds of what is kept in memory while the ledger is unavailable.
const (
	maxPending      = 10_000
	maxPendingBytes = 16 << 20
)

// RecorderOptions are what a Recorder needs.
type RecorderOptions struct {
	// Open opens the ledger. It is called again whenever the ledger failed.
	Open func(context.Context) (*Log, *Opened, error)
	// Cluster says which cluster the ledger belongs to.
	Cluster ClusterBody
	// Operator says which process writes. Process must be unique.
	Operator OperatorBody
	// OperatorObjects are the objects that Operator names by digest.
	OperatorObjects []Object
	// Now is the clock.
	Now func() time.Time
	// Retry is the time between attempts to open the ledger.
	Retry time.Duration
	// OnDurable is told how long each batch took to become durable. May be nil.
	OnDurable func(time.Duration)
	// OnAttach is called each time the ledger was opened, with the policies it
	// knows. With resync the ledger and this process do not know the same (a new
	// ledger was begun, entries were lost, or observation began before the first
	// was opened): everything is then to be recorded again; what the ledger has
	// is not written twice. May be nil.
	OnAttach func(policies []string, resync bool)
	// OnRecorded is told each entry, and the episodes that it ends, as it takes its
	// place, durable or not. What is settled again, because the ledger was opened
	// anew, is told once. It must be quick, and must not call the recorder. May be
	// nil.
	OnRecorded func(e *Entry, ended []Ended)
	// OnHealth is called when the ledger became unavailable, or available. May be nil.
	OnHealth func()
	Log      logr.Logger
}

// Recorder turns what was observed and done into entries, and hands them to
// the ledger. While the ledger is unavailable it keeps them in memory, within
// bounds, and counts what it cannot keep.
type Recorder struct {
	opts    RecorderOptions
	started time.Time

	mu        sync.Mutex
	known     *Known
	log       *Log // nil while the ledger is unavailable
	source    *Log // the log that pending was handed to last, open or not
	pending   []*item
	bytes     int
	sent      int // how many of pending were handed to the log
	drafts    uint64
	lost      evidenceLost
	health    Health
	failed    chan struct{}      // closed while the ledger is unavailable
	proof     time.Time          // last proof of observation before this process
	inherited map[string]GapBody // gaps that an earlier process left open
	resumed   time.Time          // when this process began to observe
	attached  bool               // whether this process ever held the ledger
	opened    chan struct{}      // closed once it did
	gapDone   bool
	rolling   bool
}

// item is a draft that is not durable yet, and the entry it became.
type item struct {
	draft   Draft
	entry   Entry
	data    []byte
	objects []Object
	// base are the marks of the record that a state entry follows.
	base    marks
	lost    bool
	durable chan struct{}
	at      time.Time
}

func (it *item) size() int {
	size := len(it.data)
	for _, o := range it.objects {
		size += len(o.Data)
	}
	return size
}

// Transition says what became of a draft.
type Transition struct {
	// Changed is whether the draft said something new.
	Changed bool
	// Entry is the entry it became.
	Entry Entry
}

// NewRecorder returns a recorder of an empty ledger that is not available yet.
func NewRecorder(opts RecorderOptions) *Recorder {
	now := opts.Now()
	r := &Recorder{opts: opts, started: now, known: NewKnown(), failed: make(chan struct{}), opened: make(chan struct{})}
	close(r.failed)
	r.health = Health{Since: now, Reason: "Opening", Message: "the ledger is being opened"}
	return r
}

// Run opens the ledger, keeps it open until ctx ends, and closes it in order.
func (r *Recorder) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		log, opened, err := r.opts.Open(ctx)
		if err != nil {
			r.unavailable(err)
			sleep(ctx, r.opts.Retry)
			continue
		}
		failed := r.attach(log, opened)
		select {
		case <-ctx.Done():
			return r.stop(log)
		case <-failed:
		case err := <-log.Failed():
			r.fail(log, err)
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		if err := log.Close(closing); err != nil {
			r.opts.Log.V(1).Info("The failed ledger did not close in order", "error", err.Error())
		}
		cancel()
		sleep(ctx, r.opts.Retry)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Record records what was observed and done, in order. The ticket stands for
// everything recorded so far.
func (r *Recorder) Record(drafts ...Draft) ([]Transition, Ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	transitions := make([]Transition, len(drafts))
	lost := false
	for i := range drafts {
		d := drafts[i]
		r.drafts++
		d.n = r.drafts
		if it := r.admit(&d, true); it != nil {
			transitions[i] = Transition{Changed: true, Entry: it.entry}
			lost = lost || it.lost
		}
	}
	r.send()
	ticket := r.ticket()
	if lost {
		ticket.durable = nil // never
	}
	return transitions, ticket
}

// admit folds a draft into what is known. It returns nil if it says nothing
// new. Beyond the bounds the item is counted, and not kept.
func (r *Recorder) admit(d *Draft, bounded bool) *item {
	r.roll()
	it := &item{draft: *d, base: r.marksBefore(d), durable: make(chan struct{})}
	entry, news := d.settle(r.known, r.opts.Operator.Process, r.opts.Now())
	if !news {
		return nil
	}
	it.entry = entry
	if err := r.seal(it); err != nil {
		r.opts.Log.Error(err, "An entry cannot be written, and is only counted")
		r.admitNumbered(Draft{At: d.At, Entry: Entry{Kind: KindEvidenceLost,
			Lost: &LostBody{Count: 1, From: entry.ObservedAt, To: entry.ObservedAt, Units: 1}}})
		return nil
	}
	ended := r.known.ends(&it.entry)
	if err := r.known.Apply(&it.entry); err != nil {
		r.opts.Log.Error(err, "An entry does not follow from what is known, and was left out")
		return nil
	}
	r.tell(it, ended)
	r.known.mark(&it.entry, d)
	r.snapshot()
	if bounded && r.full(it) {
		r.lost.add(&it.entry)
		r.health.Lost = r.lost.count
		it.lost = true
		return it
	}
	it.at = r.opts.Now()
	r.pending = append(r.pending, it)
	r.bytes += it.size()
	return it
}

// tell tells of an item, once.
func (r *Recorder) tell(it *item, ended []Ended) {
	if r.opts.OnRecorded != nil && !it.draft.told {
		r.opts.OnRecorded(&it.entry, ended)
	}
	it.draft.told = true
}

// full reports whether there is no room in memory for another item. A ledger
// that is open and lets so much wait does not answer: it has failed.
func (r *Recorder) full(it *item) bool {
	if len(r.pending) < maxPending && r.bytes+it.size() <= maxPendingBytes {
		return false
	}
	r.failLocked(r.log, errNoAnswer)
	return true
}

// seal completes an item's entry with its inputs, and encodes it.
func (r *Recorder) seal(it *item) (err error) {
	e, d := &it.entry, &it.draft
	e.MonoMicros = max(0, d.At.Sub(r.started).Microseconds())
	if d.Payload != nil {
		inputs, objects, payloadErr := d.Payload()
		d.Payload = func() ([]Input, []Object, error) { return inputs, objects, payloadErr }
		e.Inputs, it.objects = inputs, objects
		if payloadErr != nil {
			e.Message = "inputs could not be encoded"
			r.opts.Log.Error(payloadErr, "An entry has no inputs", "kind", e.Kind)
		}
	}
	it.data, err = e.seal()
	return err
}

func (r *Recorder) marksBefore(d *Draft) marks {
	if d.Kind == KindOutcomeChanged {
		if rec, ok := r.known.Unit(Unit{d.Policy.Name, d.Control, *d.Subject}); ok {
			return rec.marks
		}
	}
	return marks{}
}

// roll begins a new segment where the next entry is to be its first.
func (r *Recorder) roll() {
	if r.log == nil || r.rolling {
		return
	}
	if _, _, due, _ := r.log.RollDue(r.known.NextSeq); !due {
		return
	}
	r.send()
	if r.log == nil {
		return
	}
	pred, segment, _, err := r.log.RollDue(r.known.NextSeq)
	if err != nil {
		r.failLocked(r.log, err)
		return
	}
	d := Draft{At: r.opts.Now(), Entry: Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
		LedgerID: r.known.LedgerID, Reason: OpenRolled, Segment: segment, Predecessor: pred,
		Cluster: r.opts.Cluster, VerifierKey: r.health.VerifierKey,
	}}}
	r.rolling = true
	r.admitNumbered(d)
	killpoint.Hit(killpoint.RollRecorded)
	r.rolling = false
}

// snapshot hands the log what is known, where a state snapshot is due. Encoding
// it takes a while on a large cluster, so that nobody waits for it.
func (r *Recorder) snapshot() {
	if r.log == nil || !r.log.SnapshotDue(r.known.NextSeq) {
		return
	}
	log, known := r.log, r.known.collect()
	go func() {
		if err := log.writeSnapshot(known); err != nil {
			r.opts.Log.Error(err, "A state snapshot was left out")
		}
	}()
}

// send hands the log what it has not been handed yet.
func (r *Recorder) send() {
	if r.log == nil || r.sent >= len(r.pending) {
		return
	}
	items := r.pending[r.sent:]
	batch := make([]Sealed, 0, len(items))
	for _, it := range items {
		batch = append(batch, Sealed{Seq: it.entry.Seq, ID: it.entry.ID, ObservedAt: it.entry.ObservedAt.Time, Data: it.data, Objects: it.objects})
	}
	log, count, begun := r.log, len(items), r.opts.Now()
	r.sent = len(r.pending)
	log.Append(batch, func(err error) { r.done(log, count, begun, err) })
}

// done is called, in order, when a batch is durable, or cannot become so. What
// became durable while the log failed is not to be written again.
func (r *Recorder) done(log *Log, count int, begun time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source != log {
		return
	}
	if err != nil {
		r.failLocked(log, err)
		return
	}
	for _, it := range r.pending[:count] {
		r.bytes -= it.size()
		close(it.durable)
	}
	r.pending = append(r.pending[:0:0], r.pending[count:]...)
	r.sent = max(0, r.sent-count)
	if r.opts.OnDurable != nil {
		r.opts.OnDurable(r.opts.Now().Sub(begun))
	}
}

func (r *Recorder) ticket() Ticket {
	if len(r.pending) == 0 {
		return Ticket{durable: closed, failed: r.failed}
	}
	return Ticket{durable: r.pending[len(r.pending)-1].durable, failed: r.failed}
}

// Flushed returns a ticket for everything recorded so far.
func (r *Recorder) Flushed() Ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ticket()
}

// View calls fn with what is known. fn must not keep it.
func (r *Recorder) View(fn func(*Known)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(r.known)
}

// Log returns the open log, or nil while the ledger is unavailable.
func (r *Recorder) Log() *Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log
}

// fail marks the ledger unavailable, unless it is another one by now.
func (r *Recorder) fail(log *Log, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(log, err)
}

func (r *Recorder) failLocked(log *Log, err error) {
	if log == nil || r.log != log {
		return
	}
	r.log, r.sent = nil, 0
	close(r.failed)
	r.setUnavailable(err)
}
