package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger/tlog"
)

// WriterOptions are what a Writer needs.
type WriterOptions struct {
	// Options open the ledger. Now is not used: time is what drafts say.
	Options
	// Operator says which process writes, and since when. Process must be unique.
	Operator OperatorBody
	// OperatorObjects are the objects that Operator names by digest.
	OperatorObjects []Object
}

// Writer writes a ledger of what happened at times that its caller states: a
// generated past. It settles drafts as a Recorder does and hands them to the
// same Log, but waits for the disk instead of losing anything, and has no clock.
// It is used by one goroutine.
type Writer struct {
	log      *Log
	known    *Known
	process  string
	started  time.Time
	vkey     string
	cluster  ClusterBody
	now      *atomic.Int64 // microseconds; the newest time that a draft stated
	drafts   uint64
	batch    []Sealed
	bytes    int
	inFlight chan struct{}
	failed   chan error
}

const (
	writerBatch    = 512     // entries
	writerBytes    = 2 << 20 // of objects
	writerInFlight = 8       // batches
	// writerBehind is how many entries may be durable in the journal and not in
	// the log yet.
	writerBehind = 16_384
)

// OpenWriter opens the ledger, or begins one, and states that the process starts.
func OpenWriter(ctx context.Context, opts WriterOptions) (*Writer, error) {
	now := &atomic.Int64{}
	now.Store(opts.Operator.StartedAt.UnixMicro())
	opts.Now = func() time.Time { return time.UnixMicro(now.Load()) }
	log, opened, err := Open(ctx, opts.Options)
	if err != nil {
		return nil, err
	}
	w := &Writer{
		log: log, known: opened.Known, process: opts.Operator.Process, started: opts.Operator.StartedAt.Time,
		vkey: opened.VerifierKey, cluster: opts.Cluster, now: now,
		inFlight: make(chan struct{}, writerInFlight), failed: make(chan error, 1),
	}
	var prologue []Draft
	if opened.Reason != "" {
		prologue = append(prologue, Draft{At: w.started, Entry: Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
			LedgerID: opened.LedgerID, Reason: opened.Reason, Predecessor: opened.Predecessor,
			Cluster: opts.Cluster, VerifierKey: opened.VerifierKey,
		}}})
	}
	prologue = append(prologue, Draft{At: w.started, Entry: Entry{Kind: KindOperatorStarted, Operator: &opts.Operator},
		Payload: func() ([]Input, []Object, error) { return nil, opts.OperatorObjects, nil }})
	if _, err := w.Write(prologue...); err != nil {
		return nil, errors.Join(err, w.Close(ctx))
	}
	return w, nil
}

// Known is what is known after all drafts so far. It must not be changed.
func (w *Writer) Known() *Known { return w.known }

// VerifierKey is the note verifier key of the ledger.
func (w *Writer) VerifierKey() string { return w.vkey }

// PutObjects makes objects durable before an entry names them; see Log.PutObjects.
func (w *Writer) PutObjects(objects []Object) error { return w.log.PutObjects(objects) }

// Write settles drafts, in order, and hands the log what is new.
func (w *Writer) Write(drafts ...Draft) ([]Transition, error) {
	transitions := make([]Transition, len(drafts))
	for i := range drafts {
		if err := w.roll(drafts[i].At); err != nil {
			return nil, err
		}
		t, err := w.admit(&drafts[i])
		if err != nil {
			return nil, err
		}
		transitions[i] = t
	}
	return transitions, nil
}

// admit settles one draft.
func (w *Writer) admit(d *Draft) (Transition, error) {
	w.now.Store(max(w.now.Load(), d.At.UnixMicro()))
	w.drafts++
	d.n = w.drafts
	e, news := d.settle(w.known, w.process, d.At)
	if !news {
		return Transition{}, nil
	}
	e.MonoMicros = max(0, d.At.Sub(w.started).Microseconds())
	var objects []Object
	if d.Payload != nil {
		var err error
		if e.Inputs, objects, err = d.Payload(); err != nil {
			return Transition{}, fmt.Errorf("%s entry: %w", e.Kind, err)
		}
	}
	data, err := e.seal()
	if err != nil {
		return Transition{}, err
	}
	if err := w.known.Apply(&e); err != nil {
		return Transition{}, err
	}
	w.known.mark(&e, d)
	w.batch = append(w.batch, Sealed{Seq: e.Seq, ID: e.ID, ObservedAt: e.ObservedAt.Time, Data: data, Objects: objects})
	for _, o := range objects {
		w.bytes += len(o.Data)
	}
	if w.log.SnapshotDue(w.known.NextSeq) {
		if err := w.log.WriteSnapshot(w.known); err != nil {
			return Transition{}, err
		}
	}
	if len(w.batch) >= writerBatch || w.bytes >= writerBytes {
		err = w.flush()
	}
	return Transition{Changed: true, Entry: e}, err
}

// roll begins a new segment where the next entry is to be its first.
func (w *Writer) roll(at time.Time) error {
	if _, _, due, _ := w.log.RollDue(w.known.NextSeq); !due {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	pred, segment, _, err := w.log.RollDue(w.known.NextSeq)
	if err != nil {
		return err
	}
	_, err = w.admit(&Draft{At: at, Entry: Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
		LedgerID: w.known.LedgerID, Reason: OpenRolled, Segment: segment, Predecessor: pred,
		Cluster: w.cluster, VerifierKey: w.vkey,
	}}})
	return err
}

// flush hands the log what is settled, and waits where it falls behind.
func (w *Writer) flush() error {
	if len(w.batch) > 0 {
		w.inFlight <- struct{}{}
		w.log.Append(w.batch, func(err error) {
			<-w.inFlight
			if err != nil {
				select {
				case w.failed <- err:
				default: // the first one says it
				}
			}
		})
		w.batch, w.bytes = nil, 0
	}
	return w.await(writerBehind)
}

// Flush waits until everything that was written is in the log.
func (w *Writer) Flush() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.await(0)
}

// await waits until at most behind entries are not in the log.
func (w *Writer) await(behind uint64) error {
	for {
		if s := w.log.Status(); s.Integrated+behind >= s.Next {
			return nil
		}
		select {
		case err := <-w.failed:
			return fmt.Errorf("write the ledger: %w", err)
		case err := <-w.log.Failed():
			return fmt.Errorf("write the ledger: %w", err)
		case <-time.After(time.Millisecond):
		}
	}
}

// Checkpoint returns the checkpoint of all entries so far, a signed note, and
// their number. The log need not have come so far: what it will sign is known.
func (w *Writer) Checkpoint() (note []byte, entries uint64, err error) {
	if err := w.flush(); err != nil {
		return nil, 0, err
	}
	l := w.log
	l.mu.Lock()
	defer l.mu.Unlock()
	root, err := tlog.Root(l.front)
	if err != nil {
		return nil, 0, err
	}
	segment, leaves := l.place.treeOf(l.next)
	cp, err := tlog.Sign(tlog.Origin(l.place.id, segment), l.opts.Key, leaves, root)
	if err != nil {
		return nil, 0, err
	}
	return cp.Note, l.next, nil
}

// Close hands the log what is left, with a state snapshot, and closes it in
// order. It states nothing of its own.
func (w *Writer) Close(ctx context.Context) error {
	return errors.Join(w.Flush(), w.log.WriteSnapshot(w.known), w.log.Close(ctx))
}
