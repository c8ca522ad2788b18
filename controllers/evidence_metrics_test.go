package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

func TestE41SlotsAndAnchorsAreMetrics(t *testing.T) {
	now := noon
	e := newEngine(t, &now)
	ref := &ledger.ScheduleRef{Name: "soc2", UID: "uid", Generation: 1}
	gone := &ledger.ScheduleRef{Name: "gone", UID: "uid", Generation: 1}
	next := ledger.At(noon.Add(time.Hour))
	changed := func(ref *ledger.ScheduleRef, typ string) ledger.Draft {
		return ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindScheduleChanged, Schedule: ref, Retention: &ledger.RetentionBody{},
			Change: &ledger.ChangeBody{Type: typ, NextSlot: &next}}}
	}
	asked := func(kind ledger.Kind, name string) ledger.Draft {
		return ledger.Draft{At: noon, Entry: ledger.Entry{Kind: kind, Schedule: ref, Anchor: &ledger.AnchorBody{Name: name, Receipt: "r"}}}
	}
	e.Recorder.Record(
		changed(ref, ledger.ChangeCreated), changed(gone, ledger.ChangeCreated), changed(gone, ledger.ChangeDeleted),
		ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindCollected, Schedule: ref,
			Collection: &ledger.CollectionBody{Slot: ledger.At(noon), Next: &next, State: ledger.CollectionFailed}}},
		asked(ledger.KindAnchored, "good"), asked(ledger.KindAnchorFailed, "dead"),
	)
	const want = `
# HELP holdfast_anchor_answers 1 where an anchor acknowledged the newest checkpoint that it was asked for, else 0.
# TYPE holdfast_anchor_answers gauge
holdfast_anchor_answers{anchor="dead",schedule="soc2"} 0
holdfast_anchor_answers{anchor="good",schedule="soc2"} 1
# HELP holdfast_last_slot_timestamp_seconds The newest slot of a schedule that was collected or missed.
# TYPE holdfast_last_slot_timestamp_seconds gauge
holdfast_last_slot_timestamp_seconds{schedule="soc2"} 1.7723664e+09
# HELP holdfast_next_slot_timestamp_seconds The slot of a schedule that is due next.
# TYPE holdfast_next_slot_timestamp_seconds gauge
holdfast_next_slot_timestamp_seconds{schedule="soc2"} 1.77237e+09
`
	state := []string{"holdfast_anchor_answers", "holdfast_last_slot_timestamp_seconds", "holdfast_next_slot_timestamp_seconds"}
	if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(want), state...); err != nil {
		t.Error(err)
	}
}
