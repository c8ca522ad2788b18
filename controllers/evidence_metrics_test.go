package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
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
		ledger.Draft{At: noon, Entry: ledger.Entry{Kind: ledger.KindOccurrence, Schedule: ref, Occurrence: &ledger.OccurrenceBody{
			Of: ledger.OccurrenceOfCollection, State: ledger.OccurrenceMissed, First: ledger.At(noon), Last: ledger.At(noon), Count: 3, Next: &next}}},
		asked(ledger.KindAnchored, "good"), asked(ledger.KindAnchored, "dead"), asked(ledger.KindAnchored, "undeclared"),
	)
	later := noon.Add(time.Minute)
	failed := asked(ledger.KindAnchorFailed, "dead")
	failed.At = later
	e.Recorder.Record(failed)
	spec := &v1alpha1.EvidenceScheduleSpec{Anchors: []v1alpha1.EvidenceAnchor{{Name: "good"}, {Name: "dead"}, {Name: "new"}}}
	e.Metrics.scheduled("soc2", spec, &newestSlot{state: v1alpha1.SlotMissed})
	e.Metrics.scheduled("gone", spec, nil)
	const want = `
# HELP holdfast_anchor_answers 1 where an anchor acknowledged the newest checkpoint that it was asked for, else 0.
# TYPE holdfast_anchor_answers gauge
holdfast_anchor_answers{anchor="dead",schedule="soc2"} 0
holdfast_anchor_answers{anchor="good",schedule="soc2"} 1
# HELP holdfast_collections_total Slots that were collected or missed, by what became of them.
# TYPE holdfast_collections_total counter
holdfast_collections_total{schedule="soc2",state="Completed"} 0
holdfast_collections_total{schedule="soc2",state="Failed"} 1
holdfast_collections_total{schedule="soc2",state="Late"} 0
holdfast_collections_total{schedule="soc2",state="Missed"} 3
holdfast_collections_total{schedule="soc2",state="Partial"} 0
# HELP holdfast_last_anchor_timestamp_seconds When an anchor last acknowledged a checkpoint.
# TYPE holdfast_last_anchor_timestamp_seconds gauge
holdfast_last_anchor_timestamp_seconds{anchor="dead",schedule="soc2"} 1.7723664e+09
holdfast_last_anchor_timestamp_seconds{anchor="good",schedule="soc2"} 1.7723664e+09
# HELP holdfast_last_slot_state 1, with what became of the newest slot of a schedule.
# TYPE holdfast_last_slot_state gauge
holdfast_last_slot_state{schedule="soc2",state="Missed"} 1
# HELP holdfast_last_slot_timestamp_seconds The newest slot of a schedule that was collected or missed.
# TYPE holdfast_last_slot_timestamp_seconds gauge
holdfast_last_slot_timestamp_seconds{schedule="soc2"} 1.7723664e+09
# HELP holdfast_next_slot_timestamp_seconds The slot of a schedule that is due next.
# TYPE holdfast_next_slot_timestamp_seconds gauge
holdfast_next_slot_timestamp_seconds{schedule="soc2"} 1.77237e+09
`
	state := []string{"holdfast_anchor_answers", "holdfast_collections_total", "holdfast_last_anchor_timestamp_seconds", "holdfast_last_slot_state",
		"holdfast_last_slot_timestamp_seconds", "holdfast_next_slot_timestamp_seconds"}
	if err := testutil.CollectAndCompare(e.Metrics, strings.NewReader(want), state...); err != nil {
		t.Error(err)
	}
	e.Metrics.unscheduled("soc2")
	if got := testutil.CollectAndCount(e.Metrics, state...); got != 0 {
		t.Errorf("got %d series of schedules that are gone", got)
	}
}
