package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// scrape is one reading of the state.
type scrape struct {
	*Metrics
	out chan<- prometheus.Metric
}

// gauge hands over one value of a gauge.
func (s scrape) gauge(name string, value float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.descs[name], prometheus.GaugeValue, value, labels...)
}

// stamp hands over a time, unless it is not known.
func (s scrape) stamp(name string, at time.Time, labels ...string) {
	if !at.IsZero() {
		s.gauge(name, float64(at.UnixMilli())/float64(time.Second/time.Millisecond), labels...)
	}
}

// flag hands over 1 or 0.
func (s scrape) flag(name string, on bool, labels ...string) {
	value := 0.0
	if on {
		value = 1
	}
	s.gauge(name, value, labels...)
}

// state reads all of the state.
func (s scrape) state() {
	s.contests()
	for _, def := range s.engine.registry.load().sorted {
		s.policy(def)
		s.backups(def)
	}
	s.probes()
	s.ledger()
	beat, age := s.engine.liveness.newest()
	s.stamp("holdfast_last_heartbeat_timestamp_seconds", beat)
	if !beat.IsZero() {
		s.gauge("holdfast_queue_age_seconds", age.Seconds())
	}
	for _, typ := range s.engine.selfTests.types() {
		s.flag("holdfast_self_test_failed", s.engine.Distrusted(typ.Name), typ.Name)
	}
}

// policy says how a policy's controls stand, and begins the counters of what may
// happen under them: only what counts from zero shows its first increase.
func (s scrape) policy(def *definition) {
	for _, c := range s.engine.tallies(def).counts {
		s.gauge("holdfast_subjects", float64(c.Conforming), def.Name, c.ID, string(control.Conforming))
		s.gauge("holdfast_subjects", float64(c.Correcting+c.Deviating), def.Name, c.ID, string(control.Deviating))
		s.gauge("holdfast_subjects", float64(c.NotEvaluated), def.Name, c.ID, string(control.NotEvaluated))
		s.gauge("holdfast_subjects", float64(c.NotApplicable), def.Name, c.ID, string(control.NotApplicable))
		s.gauge("holdfast_open_episodes", float64(c.Correcting), def.Name, c.ID, toleranceWithin)
		s.gauge("holdfast_open_episodes", float64(c.Deviating), def.Name, c.ID, toleranceBeyond)
		s.repairs.WithLabelValues(def.Name, c.ID)
		s.contentions.WithLabelValues(def.Name, c.ID)
		s.rollbacks.WithLabelValues(def.Name, c.ID, ledger.RolledBackLifeline)
		s.rollbacks.WithLabelValues(def.Name, c.ID, ledger.RolledBackPodsNotReady)
		for _, origin := range ledger.Origins() {
			s.episodes.WithLabelValues(def.Name, c.ID, string(origin))
		}
	}
	count := s.engine.issues.count(def.Name)
	for _, reason := range rank {
		count[reason] += 0
	}
	for reason, n := range count {
		s.gauge("holdfast_unenforced_namespaces", float64(n), def.Name, reason)
	}
}

// ledger says how the ledger is doing, and what it knows of gaps, collections and
// anchors.
func (s scrape) ledger() {
	health := s.engine.Recorder.Health()
	s.flag("holdfast_ledger_available", health.Available)
	s.gauge("holdfast_ledger_unwritten_entries", float64(health.Pending))
	s.gauge("holdfast_ledger_lost_entries", float64(health.Lost))
	var entries uint64
	var gaps map[string]ledger.GapBody
	var evidence *ledger.EvidenceState
	s.engine.Recorder.View(func(k *ledger.Known) { entries, gaps, evidence = k.NextSeq, k.OpenGaps(), k.Evidence() })
	s.gauge("holdfast_ledger_entries", float64(entries))
	open := map[string]int{}
	for _, g := range gaps {
		open[g.Cause]++
	}
	for _, cause := range ledger.GapCauses() {
		s.gauge("holdfast_open_gaps", float64(open[cause]), cause)
	}
	s.evidence(evidence)
	s.space()
}
