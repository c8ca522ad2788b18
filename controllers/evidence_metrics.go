package controllers

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

var (
	descLastSlot = prometheus.NewDesc("holdfast_last_slot_timestamp_seconds", "The newest slot of a schedule that was collected or missed.", []string{"schedule"}, nil)
	descNextSlot = prometheus.NewDesc("holdfast_next_slot_timestamp_seconds", "The slot of a schedule that is due next.", []string{"schedule"}, nil)
	descAnchor   = prometheus.NewDesc("holdfast_anchor_answers", "1 where an anchor acknowledged the newest checkpoint that it was asked for, else 0.", []string{"schedule", "anchor"}, nil)
)

// evidenceMetrics are what the ledger knows of schedules and anchors.
func evidenceMetrics(e *ledger.EvidenceState, gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	stamp := func(d *prometheus.Desc, at *ledger.Time, schedule string) {
		if at != nil {
			gauge(d, float64(at.UnixMilli())/float64(time.Second/time.Millisecond), schedule)
		}
	}
	for name, s := range e.Schedules {
		if !s.Deleted {
			stamp(descLastSlot, s.LastSlot, name)
			stamp(descNextSlot, s.Next, name)
		}
	}
	for key, a := range e.Anchors {
		schedule, anchor, _ := strings.Cut(key, "/")
		if s := e.Schedules[schedule]; s == nil || s.Deleted {
			continue
		}
		answers := 1.0
		if a.Failed {
			answers = 0
		}
		gauge(descAnchor, answers, schedule, anchor)
	}
}
