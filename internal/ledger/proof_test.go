package ledger

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// TestInvariant5StartingProvesNothing: a process that dies before it observes
// leaves the last proof of observation where it was.
func TestInvariant5StartingProvesNothing(t *testing.T) {
	to := At(second(60))
	cases := map[string]struct {
		entry Entry
		want  bool
	}{
		"ledger opened":      {Entry{Kind: KindLedgerOpened, Ledger: &LedgerBody{LedgerID: "any"}}, false},
		"operator started":   {Entry{Kind: KindOperatorStarted, Operator: &OperatorBody{}}, false},
		"recovered tail":     {Entry{Kind: KindRecoveredTail, Tail: &TailBody{Count: 1}}, false},
		"evidence lost":      {Entry{Kind: KindEvidenceLost, Lost: &LostBody{Count: 1}}, false},
		"permission changed": {Entry{Kind: KindPermissionChanged}, false},
		"gap that is open":   {Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseForbidden, Kind: "pods"}}, false},
		"gap that ended":     {Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseNotRunning, To: &to}}, true},
		"heartbeat":          {Entry{Kind: KindHeartbeat, Alive: &AliveBody{}}, true},
		"operator stopped":   {Entry{Kind: KindOperatorStopped}, true},
		"missed slots":       {Entry{Kind: KindOccurrence, Occurrence: &OccurrenceBody{Of: "any"}}, false},
		"self-test":          {Entry{Kind: KindSelfTested, SelfTest: &SelfTestBody{}}, false},
		"anchored":           {Entry{Kind: KindAnchored, Anchor: &AnchorBody{}}, false},
		"no anchor":          {Entry{Kind: KindAnchorFailed, Anchor: &AnchorBody{}}, false},
		"pruned":             {Entry{Kind: KindPruned, Pruned: &PrunedBody{}}, false},
		"object erased":      {Entry{Kind: KindObjectErased, Erased: &ErasedBody{}}, false},
		"collected":          {Entry{Kind: KindCollected, Schedule: &ScheduleRef{}, Collection: &CollectionBody{}}, true},
		"access":             {Entry{Kind: KindAccessObserved, Access: &AccessBody{}}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k := NewKnown()
			e := tc.entry
			e.Schema, e.ObservedAt, e.AppendedAt = Schema, At(second(60)), At(second(60))
			if err := k.Apply(&e); err != nil {
				t.Fatal(err)
			}
			if got := k.LastObserved.Equal(to.Time); got != tc.want {
				t.Errorf("proves observation: %t, want %t", got, tc.want)
			}
		})
	}
}

// TestHeadMarkKeepsTheProof: where the volume is lost and the process that finds
// it so dies at once, only the head mark says since when nobody observed.
func TestHeadMarkKeepsTheProof(t *testing.T) {
	r := newRig(t)
	at := second(0)
	r.opts.Now = func() time.Time { return at }
	r.open()
	r.write(r.beats(3)...)
	at = second(3600)
	r.close()
	for hour := range 3 {
		at = second(2*3600 + hour*3600)
		r.opts.Dir = filepath.Join(t.TempDir(), "empty")
		log, opened, err := Open(context.Background(), r.opts)
		if err != nil {
			t.Fatal(err)
		}
		if want := second(3600); opened.Reason != OpenVolumeLost || !opened.LastProof.Equal(want) {
			t.Errorf("loss %d: reason %q, last proof %s, want %s", hour, opened.Reason, opened.LastProof, want)
		}
		if err := log.abandon(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := log.lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLateLedgerHasEverythingRecordedAgain: what was recorded before the first
// opening was not compared with what the ledger knows.
func TestLateLedgerHasEverythingRecordedAgain(t *testing.T) {
	for _, late := range []bool{true, false} {
		r := newRig(t)
		one := newClerk(r, "one")
		one.start()
		one.attach()
		one.stop()
		c := newClerk(r, "two")
		c.clock.Store(one.clock.Load())
		if late {
			c.rec.ObservationBegan(c.now())
		}
		select {
		case <-c.rec.Opened():
			t.Error("it is open before it was opened")
		default:
		}
		c.start()
		if got := c.attach().resync; got != late {
			t.Errorf("observed first: %t, recorded again: %t", late, got)
		}
		<-c.rec.Opened()
		c.stop()
	}
}
