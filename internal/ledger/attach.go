package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

// ObservationBegan says that this process observes from at on. The time since
// the last proof of observation, by an earlier process, is one gap.
func (r *Recorder) ObservationBegan(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed = at
	if r.attached {
		r.admitGap()
		r.send()
	}
}

// Opened is closed once this process has the ledger. What was recorded before
// was not compared with what the ledger knows.
func (r *Recorder) Opened() <-chan struct{} { return r.opened }

// LastProof is the last proof of observation by an earlier process, zero if
// there is none or the ledger was not opened yet.
func (r *Recorder) LastProof() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proof
}

// attach takes an opened ledger into use: what it knows replaces what is known
// here, then what is pending is settled against it, in order. It returns what
// is closed when the ledger fails.
func (r *Recorder) attach(log *Log, opened *Opened) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	live, pending, lost := r.known, r.pending, r.lost
	r.known, r.pending, r.bytes, r.sent, r.lost = opened.Known, nil, 0, 0, evidenceLost{}
	r.known.copyMarks(live, pending)
	if !r.attached {
		r.proof, r.inherited = opened.LastProof, opened.Known.OpenGaps()
		maps.DeleteFunc(r.inherited, func(_ string, g GapBody) bool { return g.Policy != "" })
	}
	r.log, r.source, r.failed = log, log, make(chan struct{})
	failed := r.failed
	r.health = Health{Available: true, Since: r.opts.Now(), LedgerID: opened.LedgerID, VerifierKey: opened.VerifierKey}
	starts := false
	for _, d := range r.prologue(opened) {
		r.admitNumbered(d)
		starts = starts || d.Kind == KindOperatorStarted
	}
	late := !r.attached && !r.resumed.IsZero()
	if !r.attached {
		r.attached = true
		close(r.opened)
	}
	if !r.resumed.IsZero() {
		r.admitGap()
	}
	if lost.count > 0 {
		r.admitNumbered(Draft{At: r.opts.Now(), Entry: Entry{
			Kind: KindEvidenceLost,
			Lost: &LostBody{Count: lost.count, From: lost.from, To: lost.to, Units: len(lost.units)},
		}})
	}
	for _, it := range pending {
		switch kind := it.entry.Kind; {
		case kind == KindLedgerOpened, kind == KindOperatorStarted && starts:
			close(it.durable) // the prologue says it, or a segment that begins
		default:
			r.readmit(it, opened)
		}
	}
	r.send()
	killpoint.Hit(killpoint.Attached)
	r.opts.Log.Info("The ledger is open", "ledger", r.known.LedgerID, "entries", r.known.NextSeq, "reason", string(opened.Reason))
	if r.opts.OnAttach != nil {
		go r.opts.OnAttach(r.known.Policies(), late || lost.count > 0 || (opened.Reason != "" && !r.resumed.IsZero()))
	}
	r.healthChanged()
	return failed
}

// prologue is what a ledger that was just opened has to state first.
func (r *Recorder) prologue(opened *Opened) []Draft {
	now := r.opts.Now()
	var drafts []Draft
	if opened.Reason != "" {
		drafts = append(drafts, Draft{At: now, Entry: Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{
			LedgerID: opened.LedgerID, Reason: opened.Reason, Predecessor: opened.Predecessor,
			Cluster: r.opts.Cluster, VerifierKey: opened.VerifierKey,
		}}})
	}
	if opened.RecoveredTail > 0 {
		drafts = append(drafts, Draft{At: now, Entry: Entry{Kind: KindRecoveredTail, Tail: &TailBody{
			Count: opened.RecoveredTail, CheckpointSize: opened.NextSeq - opened.RecoveredTail,
		}}})
	}
	if !r.attached || opened.Reason != "" {
		operator := r.opts.Operator
		objects := r.opts.OperatorObjects
		started := Entry{Kind: KindOperatorStarted, Operator: &operator}
		if opened.HeadMissing {
			started.Reason = "HeadMarkMissing"
			started.Message = "the ledger was continued although nothing outside its volume says how far it had come"
		}
		drafts = append(drafts, Draft{At: now, Entry: started,
			Payload: func() ([]Input, []Object, error) { return nil, objects, nil }})
	}
	return drafts
}

// admitGap states the time in which no process observed, once.
func (r *Recorder) admitGap() {
	if r.gapDone {
		return
	}
	r.gapDone = true
	to := At(r.resumed)
	for _, id := range slices.Sorted(maps.Keys(r.inherited)) {
		ended := r.inherited[id]
		ended.To, ended.Ends = &to, id
		r.admitNumbered(Draft{At: r.resumed, Entry: Entry{Kind: KindGap, Reason: ended.Cause, Gap: &ended}})
	}
	from, cause := At(r.proof), CauseNotRunning
	if r.proof.After(r.resumed) {
		// The clock was set back in between. These times came twice.
		from, to, cause = to, from, CauseClockStepped
	}
	if r.proof.IsZero() || from.Equal(to.Time) {
		return
	}
	r.admitNumbered(Draft{At: r.resumed, Entry: Entry{
		Kind: KindGap, Reason: cause, Gap: &GapBody{Cause: cause, From: from, To: &to},
	}})
}

func (r *Recorder) admitNumbered(d Draft) {
	r.drafts++
	d.n = r.drafts
	r.admit(&d, false)
}

// readmit settles a pending item again. What the ledger already has is durable.
func (r *Recorder) readmit(it *item, opened *Opened) {
	if _, has := opened.TailIDs[it.entry.ID]; has {
		close(it.durable)
		return
	}
	again := r.admit(&it.draft, false)
	if again == nil {
		close(it.durable)
		return
	}
	again.durable = it.durable
}

// copyMarks takes over what this process remembers of records that are the
// same, or were before what is pending.
func (k *Known) copyMarks(live *Known, pending []*item) {
	base := map[string]marks{}
	for _, it := range pending {
		if it.entry.Prev != "" {
			base[it.entry.Prev] = it.base
		}
	}
	for u, mine := range k.units {
		if rec, ok := live.units[u]; ok && mine.ID == rec.ID {
			mine.marks = rec.marks
		} else if m, ok := base[mine.ID]; ok {
			mine.marks = m
		}
	}
}

// stop states that the process stops, and closes the ledger in order.
func (r *Recorder) stop(log *Log) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, ticket := r.Record(Draft{At: r.opts.Now(), Entry: Entry{Kind: KindOperatorStopped}})
	ticket.Wait(ctx, 5*time.Second)
	killpoint.Hit(killpoint.StopRecorded)
	r.mu.Lock()
	var err error
	if r.log == log {
		err = log.WriteSnapshot(r.known)
		r.log = nil
		close(r.failed)
	}
	r.mu.Unlock()
	return errors.Join(err, log.Close(ctx))
}
