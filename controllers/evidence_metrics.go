package controllers

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// scheduleMetrics are what the reconciler of schedules and the ledger said of
// schedules, beyond what the ledger knows now.
type scheduleMetrics struct {
	mu sync.Mutex
	by map[string]scheduleMetric
	// anchored is when each anchor last acknowledged a checkpoint, by its key.
	anchored map[string]time.Time
}

type scheduleMetric struct {
	// anchors are the names of those that are declared.
	anchors []string
	// newest is what became of the newest slot; empty where none was due.
	newest v1alpha1.SlotState
}

// scheduled takes note of what a schedule declares, and what became of its newest
// slot.
func (m *Metrics) scheduled(name string, spec *v1alpha1.EvidenceScheduleSpec, newest *newestSlot) {
	metric := scheduleMetric{}
	for _, a := range spec.Anchors {
		metric.anchors = append(metric.anchors, a.Name)
	}
	if newest != nil {
		metric.newest = newest.state
	}
	m.schedules.mu.Lock()
	defer m.schedules.mu.Unlock()
	m.schedules.by[name] = metric
}

// unscheduled takes note that a schedule is gone.
func (m *Metrics) unscheduled(name string) {
	m.schedules.mu.Lock()
	defer m.schedules.mu.Unlock()
	delete(m.schedules.by, name)
	m.collections.DeletePartialMatch(map[string]string{"schedule": name})
}

// collected counts an entry that says what became of a slot, or that an anchor
// acknowledged a checkpoint.
func (m *Metrics) collected(e *ledger.Entry) {
	switch {
	case e.Kind == ledger.KindCollected:
		m.collections.WithLabelValues(e.Schedule.Name, string(slotStateOf(e.Collection))).Inc()
	case e.Kind == ledger.KindOccurrence && e.Occurrence.Of == ledger.OccurrenceOfCollection:
		m.collections.WithLabelValues(e.Schedule.Name, string(v1alpha1.SlotMissed)).Add(float64(e.Occurrence.Count))
	case e.Kind == ledger.KindAnchored:
		m.schedules.mu.Lock()
		defer m.schedules.mu.Unlock()
		m.schedules.anchored[ledger.AnchorKey(e.Schedule, e.Anchor.Name)] = e.ObservedAt.Time
	}
}

// evidence says what the ledger knows of schedules that exist, and of the anchors
// that they declare.
func (s scrape) evidence(known *ledger.EvidenceState) {
	s.schedules.mu.Lock()
	defer s.schedules.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.schedules.by)) {
		record := known.Schedules[name]
		if record == nil || record.Deleted {
			continue
		}
		for _, state := range slotStates() {
			s.collections.WithLabelValues(name, string(state))
		}
		if state := s.schedules.by[name].newest; state != "" {
			s.gauge("holdfast_last_slot_state", 1, name, string(state))
		}
		s.slot("holdfast_last_slot_timestamp_seconds", record.LastSlot, name)
		s.slot("holdfast_next_slot_timestamp_seconds", record.Next, name)
		for _, anchor := range s.schedules.by[name].anchors {
			s.anchor(known, record, anchor)
		}
	}
}

// slot hands over the time of a slot, where there is one.
func (s scrape) slot(name string, at *ledger.Time, schedule string) {
	if at != nil {
		s.stamp(name, at.Time, schedule)
	}
}

// anchor says whether an anchor answers. When it last did so before it failed, only
// this process remembers.
func (s scrape) anchor(known *ledger.EvidenceState, schedule *ledger.ScheduleRecord, name string) {
	key := ledger.AnchorKey(&schedule.Ref, name)
	last, asked := known.Anchors[key]
	if !asked {
		return
	}
	if !last.Failed {
		s.schedules.anchored[key] = last.ObservedAt.Time
	}
	s.flag("holdfast_anchor_answers", !last.Failed, schedule.Ref.Name, name)
	s.stamp("holdfast_last_anchor_timestamp_seconds", s.schedules.anchored[key], schedule.Ref.Name, name)
}

// slotStates are all that may become of a slot.
func slotStates() []v1alpha1.SlotState {
	return []v1alpha1.SlotState{v1alpha1.SlotCompleted, v1alpha1.SlotLate, v1alpha1.SlotPartial, v1alpha1.SlotFailed, v1alpha1.SlotMissed}
}
