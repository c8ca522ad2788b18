package controllers

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/collect"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestEvidence shows on a real API server and with a real ledger what becomes of
// schedules as time passes.
func TestEvidence(t *testing.T) {
	api := startAPI(t)
	for name, test := range map[string]func(*stage){
		"E6CollectsEachSlotOnce":               testCollectsEachSlotOnce,
		"E6StoppedForThreeSlots":               testStoppedForThreeSlots,
		"E6LateWithinItsInterval":              testLateWithinItsInterval,
		"E6LedgerAwayForTwoSlots":              testLedgerAway,
		"E6SuspendedSlotsAreNotDue":            testSuspended,
		"E6ASlotThatIsDueSurvivesAnEdit":       testEditOfADueSlot,
		"E6TheClockIsSetBack":                  testClockSetBack,
		"E6ThePeriodEnds":                      testPeriodEnds,
		"E14EditsOfSchedulesAreEntries":        testEdits,
		"E36RecordsAreAChain":                  testRecordsAreAChain,
		"E37AnchorsAcknowledge":                testAnchors,
		"E37AnchorsAreAskedOnce":               testAnchorsAskedOnce,
		"E41AFailedCollectionShows":            testFailedCollection,
		"E42TheRetentionFloorIsTheLargestEver": testRetentionFloor,
		"E7CountsOfSlots":                      testCounts,
		"ACrashBeforeTheRecordIsMadeUpFor":     testCrashBeforeTheRecord,
		"TheHistoryIsLimited":                  testHistory,
		"AnInvalidScheduleIsStalled":           testInvalid,
		"ExportsAfterEachCollection":           testExportsEach,
		"ExportsOnceAPeriodIsOver":             testExportsAtTheEnd,
		"ExportsWithoutADirectoryAreStalled":   testExportsNowhere,
		"QuietBetweenSlots":                    testQuiet,
		"ALedgerThatEndsWithThePod":            testEphemeral,
		"KstatusOfEveryState":                  testKstatus,
	} {
		t.Run(name, func(t *testing.T) { test(newStage(t, api, "s"+ledger.Digest([]byte(name))[:12])) })
	}
}

// slotsOf lists what entries say of slots: collected ones, and runs of missed ones.
func slotsOf(entries []ledger.Entry) []string {
	var slots []string
	for _, e := range entries {
		switch e.Kind {
		case ledger.KindCollected:
			slots = append(slots, fmt.Sprintf("%s %s late=%t", e.Collection.Slot.Format("15:04"), e.Collection.State, e.Collection.Late))
		case ledger.KindOccurrence:
			slots = append(slots, fmt.Sprintf("%s-%s %s %d %s", e.Occurrence.First.Format("15:04"), e.Occurrence.Last.Format("15:04"),
				e.Occurrence.State, e.Occurrence.Count, e.Reason))
		}
	}
	return slots
}

func (s *stage) wantSlots(want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, slotsOf(s.entries(ledger.KindCollected, ledger.KindOccurrence))); diff != "" {
		s.Errorf("slots in the ledger (-want +got):\n%s", diff)
	}
}

func (s *stage) wantCondition(status v1alpha1.EvidenceScheduleStatus, typ string, want metav1.ConditionStatus, reason string) {
	s.Helper()
	c := meta.FindStatusCondition(status.Conditions, typ)
	if c == nil || c.Status != want || c.Reason != reason {
		s.Errorf("condition %s: got %+v, want %s %s", typ, c, want, reason)
	}
}

func testCollectsEachSlotOnce(s *stage) {
	s.declare()
	s.reconcile()
	s.wantSlots()
	for range 2 {
		s.pass(time.Hour)
		for range 3 {
			s.reconcile()
		}
	}
	s.wantSlots("13:00 Completed late=false", "14:00 Completed late=false")
	status := s.status()
	if got, want := status.NextSlot.UTC().Format("15:04"), "15:00"; got != want {
		s.Errorf("nextSlot: got %s, want %s", got, want)
	}
	s.wantCondition(status, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
	s.wantCondition(status, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
}

func testStoppedForThreeSlots(s *stage) {
	s.declare()
	s.reconcile()
	s.pass(time.Hour)
	s.reconcile()
	s.restart(3*time.Hour + 5*time.Minute)
	s.wantCondition(s.status(), v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
	s.wantSlots("13:00 Completed late=false", "14:00-15:00 Missed 2 NotRunning", "16:00 Completed late=false")

	s.restart(4 * time.Hour)
	s.reconcile()
	s.wantSlots("13:00 Completed late=false", "14:00-15:00 Missed 2 NotRunning", "16:00 Completed late=false",
		"17:00-19:00 Missed 3 NotRunning", "20:00 Completed late=false")
}

func testLateWithinItsInterval(s *stage) {
	s.declare()
	s.reconcile()
	s.restart(70*time.Minute + time.Second)
	s.reconcile()
	s.wantSlots("13:00 Completed late=true")
	if records := s.records(); len(records) != 1 || records[0].Spec.Result != "Late" {
		s.Errorf("records: %+v", records)
	}
}

func testLedgerAway(s *stage) {
	s.declare()
	s.reconcile()
	s.breakLedger()
	for range 2 {
		s.pass(time.Hour)
		if wait := s.reconcile().RequeueAfter; wait < overdueWait {
			s.Errorf("what cannot be done is tried again after %s", wait)
		}
	}
	object := &v1alpha1.EvidenceSchedule{}
	if err := s.Get(s.Context(), client.ObjectKey{Name: s.schedule}, object); err != nil {
		s.Fatal(err)
	}
	if c := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionEvidenceRecorded); c == nil || c.Status != metav1.ConditionFalse {
		s.Errorf("while the ledger is unavailable: %+v", c)
	}
	s.pass(time.Hour)
	s.repairLedger()
	s.reconcile()
	s.wantSlots("13:00-14:00 Missed 2 LedgerUnavailable", "15:00 Completed late=false")
}

// testEphemeral: collections are made as ever, and what failed is still the first
// thing to know.
func testEphemeral(s *stage) {
	s.LedgerEphemeral = true
	s.declare()
	want := func(reason string) {
		s.Helper()
		s.wantCondition(s.status(), v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, reason)
		s.wantCondition(s.status(), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
	}
	want(v1alpha1.ReasonNotDurable)
	s.pass(time.Hour)
	want(v1alpha1.ReasonNotDurable)
	s.collector.state = ledger.CollectionFailed
	s.pass(time.Hour)
	want(v1alpha1.ReasonCollectionFailed)
	s.wantSlots("13:00 Completed late=false", "14:00 Failed late=false")
}

func testSuspended(s *stage) {
	suspend := func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Suspend = true }
	s.declare()
	s.reconcile()
	s.declare(suspend)
	s.reconcile()
	s.pass(3 * time.Hour)
	status := s.status()
	s.wantCondition(status, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	if status.NextSlot != nil {
		s.Errorf("nextSlot while suspended: %s", status.NextSlot)
	}
	s.declare()
	s.reconcile()
	s.pass(time.Hour)
	s.reconcile()
	s.wantSlots("16:00 Completed late=false")
	var paths []string
	for _, e := range s.entries(ledger.KindScheduleChanged) {
		paths = append(paths, fmt.Sprint(e.Change.Type, e.Change.Paths))
	}
	if diff := cmp.Diff([]string{"Created[]", "Updated[spec.suspend]", "Updated[spec.suspend]"}, paths); diff != "" {
		s.Errorf("edits (-want +got):\n%s", diff)
	}
}

func testEditOfADueSlot(s *stage) {
	daily := func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Schedule = "30 13 * * *" }
	s.declare()
	s.reconcile()
	s.pass(2*time.Hour + time.Minute) // 13:00 passed, 14:00 is due
	s.declare(daily)
	s.reconcile()
	s.wantSlots("13:00-13:00 Missed 1 Overrun", "14:00 Completed late=false")
	if next := s.status().NextSlot; next.UTC().Format("02 15:04") != "02 13:30" {
		s.Errorf("nextSlot under the new spec: %s", next)
	}
	s.pass(24*time.Hour - time.Minute)
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Suspend = true })
	s.reconcile()
	s.wantSlots("13:00-13:00 Missed 1 Overrun", "14:00 Completed late=false", "13:30-13:30 Missed 1 NoLongerDeclared")
}

func testClockSetBack(s *stage) {
	s.declare()
	s.reconcile()
	s.pass(time.Hour)
	s.reconcile()
	s.pass(-30 * time.Minute)
	s.reconcile()
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Schedule = "*/10 * * * *" })
	s.reconcile()
	s.pass(31 * time.Minute)
	s.reconcile()
	s.pass(9 * time.Minute)
	s.reconcile()
	s.wantSlots("13:00 Completed late=false", "13:10 Completed late=false")
}

func testPeriodEnds(s *stage) {
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Period.End.Time = noon.Add(2 * time.Hour) })
	s.reconcile()
	for range 4 {
		s.pass(time.Hour)
		s.reconcile()
	}
	s.wantSlots("13:00 Completed late=false")
	s.wantCondition(s.status(), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPeriodOver)
}

func testEdits(s *stage) {
	s.declare()
	s.reconcile()
	s.reconcile()
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.LegalHold = true })
	s.restart(time.Minute) // the edit was made while nobody ran
	s.reconcile()
	object := &v1alpha1.EvidenceSchedule{ObjectMeta: metav1.ObjectMeta{Name: s.schedule}}
	if err := s.Delete(s.Context(), object); err != nil {
		s.Fatal(err)
	}
	s.restart(time.Minute)
	s.reconcile()
	s.reconcile()
	type edit struct {
		Type       string
		Paths      []string
		Generation int64
		Hold       bool
		HasNext    bool
	}
	var got []edit
	entries := s.entries(ledger.KindScheduleChanged)
	for _, e := range entries {
		got = append(got, edit{e.Change.Type, e.Change.Paths, e.Schedule.Generation, e.Retention.LegalHold, e.Change.NextSlot != nil})
	}
	want := []edit{{"Created", nil, 1, false, true}, {"Updated", []string{"spec.legalHold"}, 2, true, true}, {"Deleted", nil, 2, false, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatalf("edits (-want +got):\n%s", diff)
	}
	if entries[1].Change.From != entries[0].Change.To || entries[1].Change.Manager == "" {
		s.Errorf("the edit does not name the spec before, or its manager: %+v", entries[1].Change)
	}
	if data, err := s.Recorder.Log().Object(entries[1].Change.To); err != nil || !json.Valid(data) {
		s.Errorf("the spec is no object of the ledger: %v", err)
	}
	s.Recorder.View(func(k *ledger.Known) {
		if !k.Evidence().LegalHold() {
			s.Error("deleting a schedule ended its legal hold")
		}
	})
}

func testRecordsAreAChain(s *stage) {
	s.declare()
	s.reconcile()
	for range 3 {
		s.pass(time.Hour)
		s.reconcile()
	}
	records := s.records()
	if len(records) != 3 {
		s.Fatalf("%d records", len(records))
	}
	for i, record := range records {
		if want := recordName(s.schedule, noon.Add(time.Duration(i+1)*time.Hour)); record.Name != want {
			s.Errorf("name %s, want %s", record.Name, want)
		}
		var want *v1alpha1.PreviousRecord
		if i > 0 {
			object, err := ledger.NewObject(records[i-1].Spec)
			if err != nil {
				s.Fatal(err)
			}
			want = &v1alpha1.PreviousRecord{Name: records[i-1].Name, Digest: object.Digest}
		}
		if diff := cmp.Diff(want, record.Spec.Previous); diff != "" {
			s.Errorf("the record before %s (-want +got):\n%s", record.Name, diff)
		}
		if record.Spec.Checkpoint.Entries <= record.Spec.Ledger.Seq {
			s.Errorf("%s: a checkpoint over %d entries does not cover entry %d", record.Name, record.Spec.Checkpoint.Entries, record.Spec.Ledger.Seq)
		}
	}
	if got := records[0].Spec; got.Subjects != 3 || got.Deviating != 1 || got.ControlsTotal != 1 || got.Controls[0].Total != 6 || got.Anchored != v1alpha1.AnchoredUndeclared {
		s.Errorf("what the record says: %+v", got)
	}
	records[0].Spec.Deviating = 0
	if err := s.Update(s.Context(), &records[0]); err == nil {
		s.Error("a record was changed")
	}
}

func testAnchors(s *stage) {
	s.anchors["good"], s.anchors["dead"] = s.acknowledges, refuses
	s.declare(authority("good", "dead"))
	s.reconcile()
	for range 2 {
		s.pass(time.Hour)
		s.reconcile()
	}
	status := s.status()
	s.wantCondition(status, v1alpha1.ConditionAnchored, metav1.ConditionFalse, v1alpha1.ReasonAnchorUnreachable)
	s.wantCondition(status, v1alpha1.ConditionEvidenceRecorded, metav1.ConditionTrue, v1alpha1.ReasonCollected)
	if anchored, failed := s.entries(ledger.KindAnchored), s.entries(ledger.KindAnchorFailed); len(anchored) != 2 || len(failed) != 1 {
		s.Errorf("%d Anchored and %d AnchorFailed entries, want one for each collection, and one", len(anchored), len(failed))
	}
	s.anchors["dead"] = s.acknowledges
	s.pass(time.Hour)
	s.reconcile()
	s.wantCondition(s.status(), v1alpha1.ConditionAnchored, metav1.ConditionTrue, v1alpha1.ReasonAnchored)
	s.anchors["dead"] = refuses
	s.pass(time.Hour)
	s.reconcile()
	if failed := s.entries(ledger.KindAnchorFailed); len(failed) != 2 {
		s.Errorf("%d AnchorFailed entries, want another one after it had answered", len(failed))
	}
	var got []v1alpha1.AnchoredState
	for _, record := range s.records() {
		got = append(got, record.Spec.Anchored)
	}
	if diff := cmp.Diff([]v1alpha1.AnchoredState{"Some", "Some", "All", "Some"}, got); diff != "" {
		s.Errorf("anchored (-want +got):\n%s", diff)
	}
	receipt := s.records()[0].Spec.Anchors[0].Receipt
	if _, err := s.Recorder.Log().Object(receipt); err != nil {
		s.Errorf("the receipt is no object of the ledger: %v", err)
	}
}

func testFailedCollection(s *stage) {
	s.declare()
	s.reconcile()
	for _, c := range []struct{ state, reason string }{
		{ledger.CollectionFailed, v1alpha1.ReasonCollectionFailed}, {ledger.CollectionPartial, v1alpha1.ReasonCollectionPartial},
	} {
		s.collector.state = c.state
		s.pass(time.Hour)
		s.wantCondition(s.status(), v1alpha1.ConditionEvidenceRecorded, metav1.ConditionFalse, c.reason)
	}
	records := s.records()
	if len(records) != 2 || records[0].Spec.Result != "Failed" || records[0].Spec.Ledger.Manifest != "" || records[1].Spec.Result != "Partial" {
		s.Errorf("records: %+v", records)
	}
	s.wantSlots("13:00 Failed late=false", "14:00 Partial late=false")
}

func testRetentionFloor(s *stage) {
	const day = 24 * time.Hour
	floor := func() (got time.Duration) {
		s.Recorder.View(func(k *ledger.Known) { got = time.Duration(k.Evidence().RetentionSeconds) * time.Second })
		return got
	}
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Retention = &metav1.Duration{Duration: 1000 * day} })
	s.reconcile()
	s.declare()
	s.reconcile()
	if got, want := floor(), 1000*day; got != want {
		s.Errorf("the floor after a shorter declaration: %s, want %s", got, want)
	}
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Retention = &metav1.Duration{Duration: 2000 * day} })
	s.reconcile()
	if got, want := floor(), 2000*day; got != want {
		s.Errorf("the floor after a longer declaration: %s, want %s", got, want)
	}
	if got := s.status().Retention.Duration; got != 2000*day {
		s.Errorf("status.retention: %s", got)
	}
}

func testCounts(s *stage) {
	s.declare()
	s.reconcile()
	s.pass(time.Hour)
	s.reconcile()
	s.restart(4 * time.Hour)
	status := s.status()
	want := v1alpha1.SlotCounts{Collected: "2 of 5 (40.00 %)", Due: 5, Completed: 2, Missed: 3}
	if diff := cmp.Diff(want, *status.Slots); diff != "" {
		s.Errorf("slots (-want +got):\n%s", diff)
	}
	s.restart(time.Minute)
	s.pass(time.Hour)
	want = v1alpha1.SlotCounts{Collected: "3 of 6 (50.00 %)", Due: 6, Completed: 3, Missed: 3}
	if diff := cmp.Diff(want, *s.status().Slots); diff != "" {
		s.Errorf("slots after a restart (-want +got):\n%s", diff)
	}
}

func testCrashBeforeTheRecord(s *stage) {
	s.declare()
	s.reconcile()
	s.pass(time.Hour)
	// All that a process that died then left is the Collected entry.
	slot, next := noon.Add(time.Hour), noon.Add(2*time.Hour)
	if _, err := s.collector.Collect(s.Context(), collect.Request{Schedule: s.declared[s.schedule].ref, Slot: slot, Next: &next}); err != nil {
		s.Fatal(err)
	}
	s.restart(time.Minute)
	s.reconcile()
	if records := s.records(); len(records) != 1 || records[0].Name != recordName(s.schedule, noon.Add(time.Hour)) || records[0].Spec.Subjects != 3 {
		s.Errorf("records: %+v", records)
	}
	s.restart(time.Minute)
	s.reconcile()
	s.wantSlots("13:00 Completed late=false")
	if len(s.collector.requests) != 0 {
		s.Error("the slot was collected again")
	}
}

func testHistory(s *stage) {
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.RecordsHistoryLimit = new(int32(2)) })
	s.reconcile()
	for range 4 {
		s.pass(time.Hour)
		s.reconcile()
	}
	var got []string
	for _, record := range s.records() {
		got = append(got, record.Spec.Slot.UTC().Format("15:04"))
	}
	if diff := cmp.Diff([]string{"15:00", "16:00"}, got); diff != "" {
		s.Errorf("records that stay (-want +got):\n%s", diff)
	}
	s.wantSlots("13:00 Completed late=false", "14:00 Completed late=false", "15:00 Completed late=false", "16:00 Completed late=false")
}

func testInvalid(s *stage) {
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.Schedule = "0 0 31 2 *" })
	status := s.status()
	s.wantCondition(status, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidSchedule)
	s.wantCondition(status, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSchedule)
	s.declare(func(spec *v1alpha1.EvidenceScheduleSpec) { spec.TimeZone = "Nowhere/Land" })
	s.wantCondition(s.status(), v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidTimeZone)
	s.declare(authority("unknown"))
	s.wantCondition(s.status(), v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidAnchor)
	s.pass(time.Hour)
	s.reconcile()
	s.wantSlots("13:00 Completed late=false")
	s.declare()
	if c := meta.FindStatusCondition(s.status().Conditions, v1alpha1.ConditionStalled); c != nil {
		s.Errorf("after it was put right: %+v", c)
	}
}

func testQuiet(s *stage) {
	s.declare()
	s.status()
	s.pass(time.Hour)
	s.status()
	version := func() string {
		object := &v1alpha1.EvidenceSchedule{}
		if err := s.Get(s.Context(), client.ObjectKey{Name: s.schedule}, object); err != nil {
			s.Fatal(err)
		}
		return object.ResourceVersion
	}
	before := version()
	for range 10 {
		s.pass(time.Minute)
		s.Recorder.Record(ledger.Draft{At: s.clock(), Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{}}})
		s.status()
	}
	if after := version(); after != before {
		s.Errorf("the status was written between two slots: %s, then %s", before, after)
	}
}
