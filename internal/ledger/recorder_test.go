package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// patience bounds the waiting of tests for what is sure to come.
const patience = 30 * time.Second

// clerk is a recorder of a ledger on a real disk, and its process.
type clerk struct {
	*rig
	rec     *Recorder
	process string
	// shut is set while the volume cannot be written.
	shut atomic.Bool
	// attempts receives what each attempt to open the ledger came to.
	attempts chan error
	attached chan attachment
	clock    atomic.Int64 // microseconds since epoch
	cancel   context.CancelFunc
	done     chan error
}

type attachment struct {
	policies []string
	resync   bool
}

var errShut = errors.New("the volume is shut")

// newClerk returns a process that is about to record on r's volume.
func newClerk(r *rig, process string) *clerk {
	r.t.Helper()
	c := &clerk{rig: r, process: process, attempts: make(chan error, 10_000), attached: make(chan attachment, 100), done: make(chan error, 1)}
	r.opts.Now, r.opts.Log = c.now, logr.Discard()
	r.opts.Check = func(string, uint64) error {
		if c.shut.Load() {
			return errShut
		}
		return nil
	}
	c.rec = NewRecorder(RecorderOptions{
		Open: func(ctx context.Context) (*Log, *Opened, error) {
			log, opened, err := Open(ctx, r.opts)
			c.attempts <- err
			return log, opened, err
		},
		Cluster: r.opts.Cluster, Operator: OperatorBody{Process: process, Version: "v0", StartedAt: At(epoch)},
		Now: c.now, Retry: time.Millisecond,
		OnAttach: func(policies []string, resync bool) { c.attached <- attachment{policies, resync} },
		Log:      logr.Discard(),
	})
	return c
}

// now is a clock that goes on by a millisecond whenever it is read.
func (c *clerk) now() time.Time {
	return epoch.Add(time.Duration(c.clock.Add(1000)) * time.Microsecond)
}

// start runs the recorder.
func (c *clerk) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() { c.done <- c.rec.Run(ctx) }()
	c.t.Cleanup(cancel)
}

// attach waits until the ledger is in use (again).
func (c *clerk) attach() attachment {
	c.t.Helper()
	return receive(c.t, c.attached)
}

// refused waits until an attempt to open the ledger failed, after this call.
func (c *clerk) refused() {
	c.t.Helper()
	for len(c.attempts) > 0 {
		<-c.attempts
	}
	for receive(c.t, c.attempts) == nil {
	}
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// record records drafts, observed now.
func (c *clerk) record(drafts ...Draft) ([]Transition, Ticket) {
	for i := range drafts {
		drafts[i].At = c.now()
	}
	return c.rec.Record(drafts...)
}

// durable records drafts, and waits until they are durable.
func (c *clerk) durable(drafts ...Draft) {
	c.t.Helper()
	_, ticket := c.record(drafts...)
	if !ticket.Wait(context.Background(), patience) {
		c.t.Fatal("what was recorded does not become durable")
	}
}

// flushed waits until everything is durable.
func (c *clerk) flushed() {
	c.t.Helper()
	if !c.rec.Flushed().Wait(context.Background(), patience) {
		c.t.Fatal("what was recorded does not become durable")
	}
}

// stop stops the process in order.
func (c *clerk) stop() {
	c.t.Helper()
	c.cancel()
	if err := receive(c.t, c.done); err != nil {
		c.t.Errorf("stop: %v", err)
	}
}

// entries reads the ledger back. Each id occurs once.
func (c *clerk) entries() []*Entry {
	c.t.Helper()
	c.onceEach()
	var entries []*Entry
	known := NewKnown()
	for _, data := range c.leaves() {
		e, err := Decode(data)
		if err != nil {
			c.t.Fatal(err)
		}
		if err := known.Apply(e); err != nil {
			c.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// kindsOf are the kinds of entries, in order, but for the given ones.
func kindsOf(entries []*Entry, without ...Kind) []Kind {
	var kinds []Kind
	for _, e := range entries {
		if !slices.Contains(without, e.Kind) {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func wantKinds(t *testing.T, got []Kind, want ...Kind) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// declared are the drafts that put p/c in operation over namespace a.
func declared() []Draft {
	return []Draft{policyDraft("p", ChangeCreated, 1), introDraft("p", "c", "d", second(0)), memberDraft(KindSubjectAdded, "p", namespace("a"))}
}

func drift() Draft      { return step{to: deviating}.draft() }
func correction() Draft { return step{to: conforming, byUs: true}.draft() }
func beat() Draft       { return Draft{Entry: Entry{Kind: KindHeartbeat, Alive: &AliveBody{}}} }

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

// TestEvidenceLost: beyond the bounds what is lost is counted, and the count is
// what the ledger states first.
func TestEvidenceLost(t *testing.T) {
	payload := func() ([]Input, []Object, error) { return nil, []Object{{Data: make([]byte, 1<<20)}}, nil }
	big := beat()
	big.Payload = payload
	cases := map[string]struct {
		fill Draft
		n    int
	}{
		"too many":  {beat(), maxPending},
		"too large": {big, 4 + 15},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.opts.SegmentSize = 2 * maxPending
			c := newClerk(r, "one")
			c.record(append(declared(), correction())...)
			for range tc.n - 4 {
				c.record(tc.fill)
			}
			before := c.rec.Health()
			if before.Lost != 0 || before.Pending != tc.n {
				t.Fatalf("health before: %+v", before)
			}
			over := make([]Draft, 0, 5)
			for _, d := range []Draft{drift(), correction(), stateDraft("p", "c", "d", namespace("b"), deviating)} {
				d.Payload = tc.fill.Payload
				over = append(over, d)
			}
			first, ticket := c.record(over...)
			if h := c.rec.Health(); h.Lost != 3 || h.Pending != tc.n {
				t.Errorf("health: %+v, want 3 lost", h)
			}
			if ticket.Wait(context.Background(), time.Hour) {
				t.Error("what is lost is durable")
			}
			if !first[0].Changed || !first[2].Changed {
				t.Errorf("what is lost happened all the same: %+v", first)
			}

			if tc.fill.Payload != nil {
				return // the objects of this case are no objects
			}
			c.start()
			if got := c.attach(); !got.resync || !slices.Equal(got.policies, []string{"p"}) {
				t.Errorf("attached with %+v, want everything of p to be recorded again", got)
			}
			c.flushed()
			if h := c.rec.Health(); h.Lost != 0 {
				t.Errorf("health after: %+v", h)
			}
			if ticket.Wait(context.Background(), time.Millisecond) {
				t.Error("what was lost became durable")
			}
			c.stop()
			entries := c.entries()
			wantKinds(t, kindsOf(entries, KindHeartbeat), KindLedgerOpened, KindOperatorStarted, KindEvidenceLost,
				KindPolicyChanged, KindControlIntroduced, KindSubjectAdded, KindOutcomeChanged, KindOperatorStopped)
			want := &LostBody{Count: 3, From: first[0].Entry.ObservedAt, To: first[2].Entry.ObservedAt, Units: 2}
			if diff := cmp.Diff(want, entries[2].Lost); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDownTimeIsOneGap: from the last proof of an earlier process to the first
// observation of this one.
func TestDownTimeIsOneGap(t *testing.T) {
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprintf("observing before the ledger is open is %t", early), func(t *testing.T) {
			r := newRig(t)
			one := newClerk(r, "one")
			one.rec.ObservationBegan(one.now())
			one.start()
			one.attach()
			forbidden := &GapBody{Cause: CauseForbidden, Kind: "pods", From: At(one.now())}
			invalid := &GapBody{Cause: CauseInvalidPolicy, Policy: "p", From: At(one.now())}
			one.durable(append(declared(), Draft{Entry: Entry{Kind: KindGap, Gap: forbidden}}, Draft{Entry: Entry{Kind: KindGap, Gap: invalid}})...)
			one.stop()
			before := one.entries()
			wantKinds(t, kindsOf(before), KindLedgerOpened, KindOperatorStarted, KindPolicyChanged, KindControlIntroduced, KindSubjectAdded,
				KindGap, KindGap, KindOperatorStopped)
			proof := before[len(before)-1].ObservedAt

			two := newClerk(r, "two")
			two.clock.Store(one.clock.Load() + 60_000_000)
			began := two.now()
			if early {
				two.rec.ObservationBegan(began)
			}
			two.start()
			two.attach()
			if got := two.rec.LastProof(); !got.Equal(proof.Time) {
				t.Errorf("last proof %s, want %s", got, proof)
			}
			if !early {
				two.rec.ObservationBegan(began)
			}
			two.flushed()
			two.fail()
			two.shut.Store(false)
			two.attach()
			two.rec.ObservationBegan(two.now()) // once is enough
			two.flushed()
			two.stop()

			after := two.entries()[len(before):]
			wantKinds(t, kindsOf(after, KindHeartbeat, KindRecoveredTail), KindOperatorStarted, KindGap, KindGap, KindOperatorStopped)
			to := At(began)
			want := []*GapBody{
				{Cause: CauseForbidden, Kind: "pods", From: forbidden.From, To: &to, Ends: before[5].ID},
				{Cause: CauseNotRunning, From: proof, To: &to},
			}
			var got []*GapBody
			for _, e := range after {
				if e.Gap != nil {
					got = append(got, e.Gap)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			two.rec.View(func(k *Known) {
				if open := k.OpenGaps(); len(open) != 1 || open[before[6].ID].Cause != CauseInvalidPolicy {
					t.Errorf("open gaps: %v, want that of the policy, which is for others to end", open)
				}
			})
		})
	}
}

func TestFirstProcessHasNoGap(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	c.attach()
	c.rec.ObservationBegan(c.now())
	c.flushed()
	c.stop()
	wantKinds(t, kindsOf(c.entries()), KindLedgerOpened, KindOperatorStarted, KindOperatorStopped)
}

// TestSuccessorWhileRunning: the volume is replaced by an empty one.
func TestSuccessorWhileRunning(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.rec.ObservationBegan(c.now())
	c.start()
	c.attach()
	c.durable(append(declared(), correction())...)
	first := c.rec.Health().LedgerID
	c.fail()
	c.record(drift(), beat())
	if err := os.RemoveAll(c.opts.Dir); err != nil {
		t.Fatal(err)
	}
	c.shut.Store(false)
	if got := c.attach(); !got.resync {
		t.Error("a new ledger knows less than the process, and nothing is to be recorded again")
	}
	c.flushed()
	// What the controllers record again after a resync.
	c.durable(append(declared(), drift())...)
	c.stop()
	entries := c.entries()
	wantKinds(t, kindsOf(entries, KindHeartbeat)[:3], KindLedgerOpened, KindOperatorStarted, KindOutcomeChanged)
	opened := entries[0].Ledger
	if opened.Reason != OpenVolumeLost || opened.Predecessor == nil || opened.Predecessor.LedgerID != first || opened.LedgerID == first {
		t.Errorf("got %+v, want a successor of %s", opened, first)
	}
	drifts := 0
	for _, e := range entries {
		if e.Kind == KindOutcomeChanged && e.To.Outcome == control.Deviating {
			drifts++
		}
	}
	if drifts != 1 {
		t.Errorf("the drift is there %d times", drifts)
	}
}

// TestSegmentsRollWhileRecording: also where the ledger fails at the seam.
func TestSegmentsRollWhileRecording(t *testing.T) {
	r := newRig(t)
	r.opts.SegmentSize, r.opts.SnapshotEvery = 50, 30
	c := newClerk(r, "one")
	c.start()
	c.attach()
	for i := range 180 {
		c.record(beat())
		if i%47 == 46 {
			c.fail()
			c.record(beat(), beat(), beat(), beat(), beat())
			c.shut.Store(false)
			c.attach()
		}
	}
	c.flushed()
	c.stop()
	entries := c.entries()
	for i, e := range entries {
		rolled := e.Kind == KindLedgerOpened && e.Ledger.Reason == OpenRolled
		if want := i > 0 && i%50 == 0; rolled != want {
			t.Errorf("entry %d: begins a segment is %t, want %t", i, rolled, want)
		}
		if rolled && (e.Ledger.Segment != uint64(i/50) || e.Ledger.Predecessor == nil || e.Ledger.Predecessor.Checkpoint == "") {
			t.Errorf("entry %d: %+v", i, e.Ledger)
		}
	}
	beats := 0
	for _, e := range entries {
		if e.Kind == KindHeartbeat {
			beats++
		}
	}
	if want := 180 + 3*(5+1); beats != want {
		t.Errorf("got %d heartbeats, want %d", beats, want)
	}
	again := newClerk(r, "two")
	again.start()
	again.attach()
	again.stop()
	if got, want := len(again.entries()), len(entries)+2; got < want || got > want+1 {
		t.Errorf("got %d entries after another process, want %d", got, want)
	}
}

// TestOneEntryNeverStopsTheLedger: it is bounded, or counted as lost.
func TestOneEntryNeverStopsTheLedger(t *testing.T) {
	c := newClerk(newRig(t), "one")
	c.start()
	c.attach()
	long := string(bytes.Repeat([]byte("x"), MaxEntrySize))
	huge := stateDraft("p", "c", "d", control.Subject{Kind: "Namespace", Name: long}, deviating)
	transitions, _ := c.record(huge)
	if transitions[0].Changed {
		t.Error("an entry that cannot be written was announced")
	}
	many := drift()
	many.To = &control.State{Outcome: control.Deviating, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Opened", Culprits: []string{long, long}}}}
	many.Message = long
	c.durable(append(declared(), many)...)
	if h := c.rec.Health(); !h.Available {
		t.Errorf("health: %+v", h)
	}
	c.stop()
	entries := c.entries()
	wantKinds(t, kindsOf(entries), KindLedgerOpened, KindOperatorStarted, KindEvidenceLost, KindPolicyChanged, KindControlIntroduced,
		KindSubjectAdded, KindOutcomeChanged, KindOperatorStopped)
	if got := entries[2].Lost; got.Count != 1 || got.Units != 1 {
		t.Errorf("lost: %+v", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	r := newRig(t)
	r.opts.SnapshotEvery = 20
	c := newClerk(r, "one")
	c.start()
	c.attach()
	c.durable(append(declared(), memberDraft(KindSubjectAdded, "p", namespace("b")))...)
	var group sync.WaitGroup
	for i := range 4 {
		subject := namespace(string(rune('a' + i)))
		group.Go(func() {
			for n := range 50 {
				to := conforming
				if n%2 == 0 {
					to = deviating
				}
				c.record(stateDraft("p", "c", "d", subject, to))
			}
		})
	}
	group.Go(func() {
		for range 200 {
			c.rec.View(func(k *Known) {
				if tally := k.Tally("p", "c"); tally != nil && len(tally.Open) > 4 {
					t.Errorf("%d open episodes of 4 subjects", len(tally.Open))
				}
			})
			c.rec.Health()
			c.rec.Log()
			c.rec.Flushed()
		}
	})
	group.Go(func() {
		for range 3 {
			c.fail()
			c.shut.Store(false)
			c.attach()
		}
	})
	group.Wait()
	c.flushed()
	c.stop()
	states := 0
	for _, e := range c.entries() {
		if e.Kind == KindOutcomeChanged {
			states++
		}
	}
	if states != 200 {
		t.Errorf("got %d states, want 200", states)
	}
}

// TestVolumeThatDoesNotAnswer: a ledger that is open and makes nothing durable
// is unavailable after a while, and has failed when memory is full.
func TestVolumeThatDoesNotAnswer(t *testing.T) {
	c := newClerk(newRig(t), "one")
	r := c.rec
	r.mu.Lock()
	log := &Log{}
	r.log, r.source, r.failed = log, log, make(chan struct{})
	r.health = Health{Available: true, LedgerID: "id"}
	r.pending = make([]*item, maxPending)
	for i := range r.pending {
		r.pending[i] = &item{at: c.now(), durable: make(chan struct{})}
	}
	oldest := r.pending[0].at
	r.mu.Unlock()
	// Each of them took a millisecond of this clock.
	if h := r.Health(); h.Available || !h.Since.Equal(oldest) || h.Message != errNoAnswer.Error() || h.LedgerID != "id" {
		t.Errorf("health: %+v, want it unavailable since %s", h, oldest)
	}
	ticket := r.Flushed()
	r.mu.Lock()
	full := r.full(&item{})
	r.mu.Unlock()
	if !full || r.Log() != nil {
		t.Errorf("full is %t and the log %v, want the log given up", full, r.Log())
	}
	if ticket.Wait(context.Background(), time.Hour) {
		t.Error("what waits for it is durable")
	}
}

// TestClockSetBackBetweenProcesses: times that came twice are a gap.
func TestClockSetBackBetweenProcesses(t *testing.T) {
	r := newRig(t)
	one := newClerk(r, "one")
	one.clock.Store(3_600_000_000)
	one.start()
	one.attach()
	one.durable(declared()...)
	one.stop()
	before := one.entries()

	two := newClerk(r, "two")
	two.clock.Store(60_000_000)
	two.start()
	two.attach()
	began := two.now()
	two.rec.ObservationBegan(began)
	two.flushed()
	two.stop()
	after := two.entries()[len(before):]
	wantKinds(t, kindsOf(after, KindRecoveredTail), KindOperatorStarted, KindGap, KindOperatorStopped)
	proof := before[len(before)-1].ObservedAt
	want := &GapBody{Cause: CauseClockStepped, From: At(began), To: &proof}
	for _, e := range after {
		if e.Gap == nil {
			continue
		}
		if diff := cmp.Diff(want, e.Gap); diff != "" {
			t.Errorf("gap (-want +got):\n%s", diff)
		}
	}
}
