package ledger

import (
	"context"
	"testing"
	"time"
)

// anotherGeneration has a manifest judged by a generation of the policy that the
// entries do not have.
func anotherGeneration(state string) func(*Manifest, []*ManifestChunk, *CollectionBody) {
	return func(m *Manifest, _ []*ManifestChunk, body *CollectionBody) {
		m.Policies[0].Generation, body.State = 2, state
	}
}

func invalidPolicy() Draft {
	return Draft{Entry: Entry{Kind: KindGap, Policy: policyRef("p", "d"), Reason: CauseInvalidPolicy,
		Gap: &GapBody{Cause: CauseInvalidPolicy, Policy: "p", From: At(epoch)}}}
}

// TestWhatWasNotComparedIsComparedNextTime: what a Partial collection is excused
// is wrong in one that says it compared it, also where they share all chunks.
func TestWhatWasNotComparedIsComparedNextTime(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.edit = anotherGeneration(CollectionPartial)
	c.collect(both(conforming, deviating))
	c.edit = func(*Manifest, []*ManifestChunk, *CollectionBody) {}
	c.collect(both(conforming, deviating))
	got := c.verify(r, VerifyOptions{})
	wantProblem(t, got, "Namespace b: the manifest has it as Deviating, the entries as Conforming")
	if len(got.Problems) != 1 {
		t.Errorf("got %v", got.Problems)
	}
}

// TestAManifestOutlivesWhereItBegan: comparing began in a segment that was pruned
// since, and with it the entry that tells what was read from what came then.
func TestAManifestOutlivesWhereItBegan(t *testing.T) {
	t.Parallel()
	c, r := newCensus(t)
	c.collect(both(conforming, conforming))
	for c.w.Known().NextSeq < r.opts.SegmentSize-1 {
		c.say(beat())
	}
	c.collect(both(conforming, conforming), anotherState("b", deviating), beat())
	c.collect(both(conforming, deviating))
	if err := c.w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	next := newClerk(r, "two")
	next.clock.Store(time.Hour.Microseconds() * 100)
	next.start()
	next.attach()
	next.settled()
	got, err := next.rec.Prune(context.Background())
	if err != nil || len(got.Segments) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	next.stop()
	if report := next.sound("pruned"); report.Ledgers[0].First != r.opts.SegmentSize || report.Ledgers[0].Manifests != 2 {
		t.Errorf("got %+v", report.Ledgers[0])
	}
}
