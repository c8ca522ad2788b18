package ledger

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func TestWhatIsRecordedIsDurableAndReadBack(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	if got := c.attach(); got.resync || len(got.policies) != 0 {
		t.Errorf("attached with %+v, want nothing to resync", got)
	}
	object, err := NewObject(map[string]string{"spec": "inputs"})
	if err != nil {
		t.Fatal(err)
	}
	withInputs := drift()
	withInputs.Payload = func() ([]Input, []Object, error) {
		return []Input{{"namespace", object.Digest}}, []Object{object}, nil
	}
	c.durable(append(declared(), correction())...)
	transitions, ticket := c.record(withInputs, drift(), correction())
	if !ticket.Wait(context.Background(), patience) {
		t.Fatal("it is not durable")
	}
	if !transitions[0].Changed || transitions[1].Changed || !transitions[2].Changed {
		t.Errorf("got %+v, want the second to be no news", transitions)
	}
	c.stop()

	entries := c.entries()
	wantKinds(t, kindsOf(entries), KindLedgerOpened, KindOperatorStarted, KindPolicyChanged, KindControlIntroduced, KindSubjectAdded,
		KindOutcomeChanged, KindOutcomeChanged, KindOutcomeChanged, KindOperatorStopped)
	if diff := cmp.Diff(transitions[0].Entry.Inputs, entries[6].Inputs); diff != "" || len(entries[6].Inputs) != 1 {
		t.Errorf("inputs (-announced +read):\n%s", diff)
	}
	if got := entries[7]; got.Ending != EndingRepaired || got.Run != 1 || got.MonoMicros <= 0 {
		t.Errorf("got %+v, want a repaired episode of run 1", got)
	}
	if h := c.rec.Health(); h.LedgerID != entries[0].Ledger.LedgerID || h.VerifierKey == "" {
		t.Errorf("health does not name the ledger: %+v", h)
	}
	snapshot := filepath.Join(c.opts.Dir, "ledgers", entries[0].Ledger.LedgerID, "snapshots", snapshotName(uint64(len(entries))))
	if _, err := os.Stat(snapshot); err != nil {
		t.Errorf("no state snapshot at stop: %v", err)
	}
}

// TestEvidenceWaitsForTheLedger: unavailable at the start, nothing is lost and
// nobody waits.
func TestEvidenceWaitsForTheLedger(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.shut.Store(true)
	c.start()
	c.refused()
	_, ticket := c.record(append(declared(), correction(), drift(), correction())...)
	if ticket.Wait(context.Background(), time.Hour) {
		t.Error("what is in memory only is called durable")
	}
	c.refused()
	h := c.rec.Health()
	if h.Available || h.Pending != 6 || h.Lost != 0 || h.Reason != "LedgerUnavailable" || h.Message == "" {
		t.Errorf("health: %+v", h)
	}
	c.shut.Store(false)
	if got := c.attach(); got.resync {
		t.Error("everything is to be recorded again, although nothing was lost")
	}
	c.flushed()
	if h := c.rec.Health(); !h.Available || h.Pending != 0 || !h.Since.After(epoch) {
		t.Errorf("health: %+v", h)
	}
	c.stop()
	entries := c.entries()
	wantKinds(t, kindsOf(entries), KindLedgerOpened, KindOperatorStarted, KindPolicyChanged, KindControlIntroduced, KindSubjectAdded,
		KindOutcomeChanged, KindOutcomeChanged, KindOutcomeChanged, KindOperatorStopped)
	if got := entries[6]; got.Origin != OriginDrift || got.Prev != entries[5].ID {
		t.Errorf("the drift in memory became %+v", got)
	}
}

// fail makes the volume fail, and waits until the recorder knows.
func (c *clerk) fail() {
	c.t.Helper()
	c.shut.Store(true)
	c.record(beat())
	c.refused()
	if h := c.rec.Health(); h.Available {
		c.t.Fatal("the ledger is available on a volume that is shut")
	}
}

// TestEvidenceOutlivesAFailure: the ledger fails while it is written, and comes
// back. No drift is lost, none is written twice, and none changes its story.
func TestEvidenceOutlivesAFailure(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	c.attach()
	c.durable(append(declared(), correction())...)
	drifts := 0
	for range 5 {
		c.fail()
		for range 3 {
			_, ticket := c.record(drift(), correction())
			if ticket.Wait(context.Background(), time.Hour) {
				t.Error("what is in memory only is called durable")
			}
			drifts++
		}
		c.shut.Store(false)
		if got := c.attach(); got.resync {
			t.Error("everything is to be recorded again, although nothing was lost")
		}
		// Some are under way when it fails again, and maybe durable already.
		for range 20 {
			c.record(drift(), correction())
			drifts++
		}
	}
	c.flushed()
	c.stop()

	got := 0
	for _, e := range c.entries() {
		switch {
		case e.Kind == KindOutcomeChanged && e.To.Outcome == control.Deviating:
			got++
			if e.Origin != OriginDrift {
				t.Errorf("drift %d has origin %s", got, e.Origin)
			}
		case e.Kind == KindOutcomeChanged && e.From != nil && e.Ending != EndingRepaired:
			t.Errorf("drift %d ended as %s", got, e.Ending)
		}
	}
	if got != drifts {
		t.Errorf("the ledger holds %d drifts, want %d", got, drifts)
	}
	wantKinds(t, kindsOf(c.entries(), KindOutcomeChanged, KindHeartbeat, KindRecoveredTail),
		KindLedgerOpened, KindOperatorStarted, KindPolicyChanged, KindControlIntroduced, KindSubjectAdded, KindOperatorStopped)
}

// TestReplayIsANoOp: the ledger has what the recorder believes pending, because
// the answer was lost with the failure. States that came and went are told
// apart by their ids.
func TestReplayIsANoOp(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	c.attach()
	c.durable(append(declared(), correction())...)
	r := c.rec
	r.mu.Lock()
	for _, d := range []Draft{beat(), drift(), correction(), repairDraft("deny", "1"), drift(), correction()} {
		d.At = c.now()
		r.admitNumbered(d)
	}
	pending := slices.Clone(r.pending)
	r.send()
	log := r.log
	r.mu.Unlock()
	c.flushed()

	r.mu.Lock()
	for _, it := range pending {
		again := *it
		again.durable = make(chan struct{})
		r.pending = append(r.pending, &again)
	}
	r.failLocked(log, errShut)
	r.mu.Unlock()
	c.attach()
	c.flushed()
	c.durable(drift())
	c.stop()
	if got := kindsOf(c.entries()); len(got) != 14 {
		t.Errorf("got %d entries, want each of the 14 once: %v", len(got), got)
	}
}

// TestAnswersCountAfterAFailure: what became durable while the log failed is
// not pending any more.
func TestAnswersCountAfterAFailure(t *testing.T) {
	r := newClerk(newRig(t), "one").rec
	log := &Log{}
	r.mu.Lock()
	r.log, r.source, r.failed = log, log, make(chan struct{})
	first := &item{data: []byte("1"), durable: make(chan struct{})}
	r.pending = []*item{first, {data: []byte("2"), durable: make(chan struct{})}}
	r.bytes, r.sent = 2, 2
	ticket := Ticket{durable: first.durable, failed: r.failed}
	r.mu.Unlock()

	r.fail(log, errShut)
	r.done(log, 1, epoch, nil)
	r.done(log, 1, epoch, errShut)
	r.done(&Log{}, 1, epoch, nil)
	if !ticket.Wait(context.Background(), 0) {
		t.Error("the first entry is durable, and not called so")
	}
	if h := r.Health(); h.Pending != 1 || r.bytes != 1 || h.Message != errShut.Error() {
		t.Errorf("%+v with %d bytes, want the second entry pending", h, r.bytes)
	}
}

func TestOpeningAgainWritesNoPrologueTwice(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	c.attach()
	c.rec.mu.Lock()
	log := c.rec.log
	var prologue []*item
	for _, e := range []Entry{{Kind: KindLedgerOpened, Ledger: &LedgerBody{LedgerID: c.rec.known.LedgerID, Reason: OpenRolled}},
		{Kind: KindOperatorStarted, Operator: &OperatorBody{Process: "one"}}} {
		prologue = append(prologue, &item{draft: Draft{Entry: e, At: c.now(), n: 7}, entry: e, durable: make(chan struct{})})
	}
	c.rec.mu.Unlock()
	c.flushed()

	// A segment that was to begin when the ledger failed begins somewhere else,
	// if at all.
	c.rec.mu.Lock()
	c.rec.pending = append(c.rec.pending, prologue[0])
	c.rec.failLocked(log, errShut)
	c.rec.mu.Unlock()
	c.attach()
	c.flushed()
	c.stop()
	wantKinds(t, kindsOf(c.entries(), KindRecoveredTail), KindLedgerOpened, KindOperatorStarted, KindOperatorStopped)
}
