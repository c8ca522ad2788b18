package ledger

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// TestE41EvidenceLost: beyond the bounds what is lost is counted, and the count is
// what the ledger states first.
func TestE41EvidenceLost(t *testing.T) {
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
			c.integrated()
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
