package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEntriesTellWhichEpisodesTheyEnd: also those that end because the subject
// goes, or the control.
func TestEntriesTellWhichEpisodesTheyEnd(t *testing.T) {
	a, b := namespace("a"), namespace("b")
	cases := map[string]struct {
		last Draft
		want []Ended
	}{
		"repaired":        {correction(), []Ended{{Policy: "p", Control: "c", Ending: EndingRepaired}}},
		"still deviating": {stateDraft("p", "c", "d", a, opened), nil},
		"out of sight":    {stateDraft("p", "c", "d", a, unseen), nil},
		"deleted":         {memberDraft(KindSubjectDeleted, "p", a), []Ended{{Policy: "p", Control: "c", Ending: EndingSubjectDeleted}}},
		"left":            {memberDraft(KindScopeLeft, "p", a), []Ended{{Policy: "p", Control: "c", Ending: EndingLeftScope}}},
		"withdrawn": {Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "d"), Control: "c"}},
			[]Ended{{Policy: "p", Control: "c", Ending: EndingControlWithdrawn}, {Policy: "p", Control: "c", Ending: EndingControlWithdrawn}}},
		"another subject": {memberDraft(KindSubjectDeleted, "p", namespace("c")), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.declare("p", "c", "d")
			for _, s := range []string{"a", "b", "c"} {
				h.must(memberDraft(KindSubjectAdded, "p", namespace(s)))
			}
			h.must(stateDraft("p", "c", "d", namespace("c"), conforming))
			began := h.must(stateDraft("p", "c", "d", b, deviating)).ObservedAt
			h.must(stateDraft("p", "c", "d", b, unseen))
			beganA := h.must(stateDraft("p", "c", "d", a, deviating)).ObservedAt

			tc.last.At = h.clock.Add(time.Minute)
			e, _ := tc.last.settle(h.known, "p", tc.last.At)
			got := h.known.ends(&e)
			slices.SortFunc(got, func(x, y Ended) int { return y.Began.Compare(x.Began) })
			for i := range tc.want {
				tc.want[i].Began, tc.want[i].At = []time.Time{beganA.Time, began.Time}[i], tc.last.At
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEachEntryIsToldOnce: although the ledger fails, and what is pending is settled
// again, and also of what the recorder itself states.
func TestEachEntryIsToldOnce(t *testing.T) {
	c := newClerk(newRig(t), "one")
	var told []string
	ended := 0
	c.rec.opts.OnRecorded = func(e *Entry, ends []Ended) {
		told = append(told, string(e.Kind))
		ended += len(ends)
	}
	c.start()
	c.attach()
	c.durable(append(declared(), correction())...)
	c.fail()
	c.record(drift(), correction())
	c.shut.Store(false)
	c.attach()
	c.flushed()
	c.stop()
	var kept []string
	for _, kind := range kindsOf(c.entries(), KindHeartbeat, KindRecoveredTail) {
		kept = append(kept, string(kind))
	}
	told = slices.DeleteFunc(told, func(kind string) bool { return kind == string(KindHeartbeat) || kind == string(KindRecoveredTail) })
	if diff := cmp.Diff(strings.Join(kept, " "), strings.Join(told, " ")); diff != "" {
		t.Errorf("told (-in the ledger +told):\n%s", diff)
	}
	if ended != 1 {
		t.Errorf("told of the end of %d episodes, want one", ended)
	}
}
