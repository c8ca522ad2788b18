package controllers

import (
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/probe"
)

// probeFamilies say how the probes are doing. What they saw is judged, and is in
// the metrics of the controls.
func probeFamilies() []MetricFamily {
	by := []string{"probe"}
	return []MetricFamily{
		{Name: "holdfast_probe_targets", Type: typeGauge, Labels: []string{"probe", "result"}, Help: "Targets of probes, by what the newest probe of each came to."},
		{Name: "holdfast_probes_total", Type: typeCounter, Labels: []string{"probe", "result"}, Help: "Targets that were probed, by what it came to."},
		{Name: "holdfast_probe_runs_total", Type: typeCounter, Labels: by, Help: "Runs of probes: those of one kind in one namespace, or of the cluster, that are due together."},
		{Name: "holdfast_probe_run_seconds", Type: typeHistogram, Labels: by, Help: "How long runs of probes took.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}},
		{Name: "holdfast_last_probe_timestamp_seconds", Type: typeGauge, Labels: by, Help: "When the newest run of probes ended."},
	}
}

// probeMetrics are what the runner of probes says beyond what is counted.
type probeMetrics struct {
	mu sync.Mutex
	// count says how many targets there are, by kind and by how they stand; nil
	// where nothing is probed.
	count func() map[string]map[string]int
	// newest is when the newest run of each kind ended.
	newest map[string]time.Time
}

// Probing has the metrics say how the targets of probes stand, by kind.
func (m *Metrics) Probing(count func() map[string]map[string]int) {
	m.probing.mu.Lock()
	defer m.probing.mu.Unlock()
	m.probing.count = count
}

// probed takes note of a run of probes.
func (m *Metrics) probed(run *probe.Run) {
	m.probeRuns.WithLabelValues(run.Of).Inc()
	m.probeTime.WithLabelValues(run.Of).Observe(max(0, run.EndedAt.Sub(run.BeganAt).Seconds()))
	for i := range run.Observations {
		m.probes.WithLabelValues(run.Of, probe.Result(&run.Observations[i])).Inc()
	}
	m.probing.mu.Lock()
	defer m.probing.mu.Unlock()
	if run.EndedAt.After(m.probing.newest[run.Of]) {
		m.probing.newest[run.Of] = run.EndedAt
	}
}

// startProbes begins the counters of probes: only what counts from zero shows its
// first increase.
func (m *Metrics) startProbes() {
	for _, kind := range probe.Kinds() {
		m.probeRuns.WithLabelValues(kind)
		m.probeTime.WithLabelValues(kind)
		for _, result := range probeResults() {
			m.probes.WithLabelValues(kind, result)
		}
	}
}

// probes says how the targets of probes stand, and when the newest run of each kind
// ended.
func (s scrape) probes() {
	s.probing.mu.Lock()
	defer s.probing.mu.Unlock()
	for _, kind := range probe.Kinds() {
		s.stamp("holdfast_last_probe_timestamp_seconds", s.probing.newest[kind], kind)
	}
	if s.probing.count == nil {
		return
	}
	counts := s.probing.count()
	for _, kind := range probe.Kinds() {
		for _, result := range append(probeResults(), probe.Awaited, probe.Stale) {
			s.gauge("holdfast_probe_targets", float64(counts[kind][result]), kind, result)
		}
	}
}

// probeResults are all that a probe may come to.
func probeResults() []string {
	return []string{probe.Seen, control.ReasonNotTestable, control.ReasonInconclusive, control.ReasonForbidden, control.ReasonNotInstalled, control.ReasonFailed}
}
