package ledger

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

func scheduleRef(name string, generation int64) *ScheduleRef {
	return &ScheduleRef{Name: name, UID: "uid-" + name, Generation: generation, Definition: "spec"}
}

func scheduleDraft(s *ScheduleRef, change string, floor int64, hold bool, next *Time) Draft {
	return Draft{Entry: Entry{Kind: KindScheduleChanged, Schedule: s,
		Change: &ChangeBody{Type: change, To: "spec", NextSlot: next}, Retention: &RetentionBody{FloorSeconds: floor, LegalHold: hold}}}
}

func anchorDraft(kind Kind, s *ScheduleRef, origin string, size uint64) Draft {
	a := &AnchorBody{Type: AnchorWitness, Name: "w", Origin: origin, Size: size, RootHash: "r"}
	if kind == KindAnchored {
		a.Receipt = "receipt"
	}
	return Draft{Entry: Entry{Kind: kind, Schedule: s, Anchor: a}}
}

// TestE42RetentionOnlyGrows: the floor is the maximum over all schedules ever
// declared, and a legal hold outlives its schedule.
func TestE42RetentionOnlyGrows(t *testing.T) {
	h := newHistory(t)
	steps := []struct {
		draft     Draft
		wantFloor int64
		wantHold  bool
	}{
		{scheduleDraft(scheduleRef("a", 1), ChangeCreated, 100, false, nil), 100, false},
		{scheduleDraft(scheduleRef("b", 1), ChangeCreated, 40, true, nil), 100, true},
		{scheduleDraft(scheduleRef("a", 2), ChangeUpdated, 10, false, nil), 100, true},
		{scheduleDraft(scheduleRef("b", 1), ChangeDeleted, 0, false, nil), 100, true},
		{scheduleDraft(scheduleRef("a", 2), ChangeDeleted, 0, false, nil), 100, true},
		{scheduleDraft(scheduleRef("b", 2), ChangeCreated, 300, false, nil), 300, false},
	}
	for i, s := range steps {
		h.must(s.draft)
		if e := h.known.Evidence(); e.RetentionSeconds != s.wantFloor || e.LegalHold() != s.wantHold {
			t.Errorf("step %d: got a floor of %d, legal hold %t, want %d, %t", i, e.RetentionSeconds, e.LegalHold(), s.wantFloor, s.wantHold)
		}
	}
}

// TestE6SlotsFollowEachOther: what is due next follows from what was stated last.
func TestE6SlotsFollowEachOther(t *testing.T) {
	h := newHistory(t)
	slots := make([]Time, 6)
	for i := range slots {
		slots[i] = At(second(3600 * i))
	}
	s := scheduleRef("a", 1)
	h.must(scheduleDraft(s, ChangeCreated, 1, false, &slots[1]))
	want := func(what string, next *Time, manifest string) {
		t.Helper()
		got := h.known.Evidence().Schedules["a"]
		if diff := cmp.Diff(next, got.Next); diff != "" || got.Manifest != manifest {
			t.Errorf("%s: manifest %q, next slot (-want +got):\n%s", what, got.Manifest, diff)
		}
	}
	want("declared", &slots[1], "")
	h.must(Draft{Entry: Entry{Kind: KindCollected, Schedule: s, Collection: &CollectionBody{Slot: slots[1], Next: &slots[2], Manifest: "m"}}})
	want("collected", &slots[2], "m")
	h.must(Draft{Entry: Entry{Kind: KindCollected, Schedule: s, Collection: &CollectionBody{Slot: slots[2], Next: &slots[3], State: CollectionFailed}}})
	want("failed", &slots[3], "m")
	h.must(Draft{Entry: Entry{Kind: KindOccurrence, Schedule: s,
		Occurrence: &OccurrenceBody{Of: OccurrenceOfCollection, First: slots[3], Last: slots[4], Count: 2, Next: &slots[5]}}})
	want("missed", &slots[5], "m")
	h.must(Draft{Entry: Entry{Kind: KindOccurrence, Occurrence: &OccurrenceBody{Of: "Rehearsal", First: slots[0]}}})
	want("an occurrence of another kind", &slots[5], "m")
	h.must(scheduleDraft(scheduleRef("a", 2), ChangeUpdated, 1, false, nil))
	want("suspended", nil, "m")
}

// TestWhatAnchorsReached: each segment is a log of its own, and two schedules
// may call different anchors the same.
func TestWhatAnchorsReached(t *testing.T) {
	h := newHistory(t)
	a, b := scheduleRef("a", 1), scheduleRef("b", 1)
	steps := []struct {
		draft      Draft
		wantReach  uint64
		wantFailed bool
	}{
		{anchorDraft(KindAnchored, a, "o", 900), 900, false},
		{anchorDraft(KindAnchorFailed, a, "o", 950), 900, true},
		{anchorDraft(KindAnchored, b, "o", 5000), 900, true},
		{anchorDraft(KindAnchored, a, "o", 700), 900, false},
		{anchorDraft(KindAnchorFailed, a, "o/1", 10), 0, true},
		{anchorDraft(KindAnchored, a, "o/1", 20), 20, false},
	}
	for i, s := range steps {
		h.must(s.draft)
		if got := h.known.Evidence().Anchors["a/w"]; got.Reached != s.wantReach || got.Failed != s.wantFailed {
			t.Errorf("step %d: reached %d, failed %t, want %d, %t", i, got.Reached, got.Failed, s.wantReach, s.wantFailed)
		}
	}
}

// TestEvidenceThatSaysNothingNew is left out.
func TestEvidenceThatSaysNothingNew(t *testing.T) {
	access := func(digest string) Draft {
		return Draft{Entry: Entry{Kind: KindAccessObserved, Access: &AccessBody{Access: digest}}}
	}
	s := scheduleRef("a", 1)
	h := newHistory(t)
	steps := map[string][]struct {
		draft Draft
		want  bool
	}{
		"schedule": {
			{scheduleDraft(s, ChangeCreated, 1, false, nil), true},
			{scheduleDraft(s, ChangeUpdated, 1, false, nil), false},
			{scheduleDraft(scheduleRef("a", 2), ChangeUpdated, 1, false, nil), true},
			{scheduleDraft(scheduleRef("a", 2), ChangeDeleted, 1, false, nil), true},
			{scheduleDraft(scheduleRef("a", 2), ChangeDeleted, 1, false, nil), false},
		},
		"access": {{access("x"), true}, {access("x"), false}, {access("y"), true}, {access("x"), true}},
		"anchor": {
			{anchorDraft(KindAnchorFailed, s, "o", 1), true}, {anchorDraft(KindAnchorFailed, s, "o", 2), false},
			{anchorDraft(KindAnchored, s, "o", 3), true}, {anchorDraft(KindAnchored, s, "o", 3), true},
			{anchorDraft(KindAnchorFailed, s, "o", 4), true},
		},
	}
	for name, list := range steps {
		for i, step := range list {
			before := h.known.Evidence().Access
			e, news := h.say(step.draft)
			if news != step.want {
				t.Errorf("%s, step %d: news is %t, want %t", name, i, news, step.want)
			}
			if e.Access != nil && e.Access.Previous != before {
				t.Errorf("%s, step %d: names %q as the one before, want %q", name, i, e.Access.Previous, before)
			}
		}
	}
}

// TestOversizedEvidence: no name and no text keeps what is said of evidence
// from being written.
func TestOversizedEvidence(t *testing.T) {
	long, wide := strings.Repeat("n", 253), strings.Repeat("\x01", 5000)
	state := control.State{Outcome: control.Deviating, Rules: []control.RuleState{{Rule: "NP-01", Reason: "Opened", Culprits: []string{wide, wide}}}}
	s := &ScheduleRef{Name: long, UID: strings.Repeat("u", 36), Generation: 1 << 52, Definition: Digest(nil)}
	at := At(epoch)
	failed := make([]string, 16)
	for i := range failed {
		failed[i] = strings.Repeat("f", 253)
	}
	paths := make([]string, 32)
	for i := range paths {
		paths[i] = strings.Repeat("x", 256)
	}
	note := strings.Repeat("n", 1024)
	cases := map[string]Entry{
		"discrepancy": {Kind: KindDiscrepancy, Schedule: s, Policy: policyRef(long, Digest(nil)), Control: strings.Repeat("c", 63),
			Subject: &control.Subject{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: strings.Repeat("n", 63), Name: long, UID: long[:36]},
			From:    &state, To: &state, Message: wide, Discrepancy: &DiscrepancyBody{Slot: at, Reads: 3},
			Inputs: []Input{{"definition", Digest(nil)}, {"namespace", Digest(nil)}, {"networkPolicies", Digest(nil)}, {"unavailable", Digest(nil)}}},
		"schedule": {Kind: KindScheduleChanged, Schedule: s, Retention: &RetentionBody{FloorSeconds: 1 << 40, LegalHold: true},
			Change: &ChangeBody{Type: ChangeUpdated, From: Digest(nil), To: Digest(nil), Paths: paths, Manager: wide, ChangeRef: wide, Invalid: wide, NextSlot: &at}},
		"self-test": {Kind: KindSelfTested, Message: wide, SelfTest: &SelfTestBody{Type: long, Digest: Digest(nil), Failed: failed, MoreFailed: 2}},
		"anchor": {Kind: KindAnchored, Schedule: s, Message: wide,
			Anchor: &AnchorBody{Type: AnchorTimestamp, Name: long, Origin: long, Size: 1 << 52, RootHash: Digest(nil), Receipt: Digest(nil), At: &at}},
		"pruned": {Kind: KindPruned, Message: wide, Pruned: &PrunedBody{Checkpoint: note, LastAppended: at, State: Digest(nil)}},
	}
	for name, e := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			d := Draft{Entry: e, At: epoch}
			settled, _ := d.settle(h.known, "p", epoch)
			data, err := settled.seal()
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if s := decoded.SelfTest; s != nil && len(s.Failed)+s.MoreFailed != 18 {
				t.Errorf("%d failed fixtures are counted, want 18", len(s.Failed)+s.MoreFailed)
			}
		})
	}
}

// TestFloorsAreIntegersThatJSONHolds: RFC 8785 numbers are doubles.
func TestFloorsAreIntegersThatJSONHolds(t *testing.T) {
	const century = 100 * 366 * 24 * 3600
	data, err := canonical(RetentionBody{FloorSeconds: century + 1})
	if err != nil {
		t.Fatal(err)
	}
	var got RetentionBody
	if err := json.Unmarshal(data, &got); err != nil || got.FloorSeconds != century+1 {
		t.Errorf("got %+v, %v", got, err)
	}
}
