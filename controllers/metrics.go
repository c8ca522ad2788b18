package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Metrics are what Holdfast counts. State is read at scrape, so that it cannot
// go stale; counters are for acts. No label holds the name of a subject.
type Metrics struct {
	engine *Engine

	episodes    *prometheus.CounterVec
	ended       *prometheus.CounterVec
	repairs     *prometheus.CounterVec
	failures    *prometheus.CounterVec
	contentions *prometheus.CounterVec
	rollbacks   *prometheus.CounterVec
	evaluation  prometheus.Histogram
	durable     prometheus.Histogram
	integrated  prometheus.Histogram
}

var (
	descSubjects = prometheus.NewDesc("holdfast_subjects", "Subjects by policy, control and outcome.", []string{"policy", "control", "outcome"}, nil)
	descOpen     = prometheus.NewDesc("holdfast_open_episodes", "Open episodes by policy and control, within the stated tolerance and beyond.", []string{"policy", "control", "tolerance"}, nil)
	descHealth   = prometheus.NewDesc("holdfast_ledger_available", "1 while entries can be made durable.", nil, nil)
	descPending  = prometheus.NewDesc("holdfast_ledger_unwritten_entries", "Entries that are not durable yet.", nil, nil)
	descLost     = prometheus.NewDesc("holdfast_ledger_lost_entries", "Entries that could not be kept since the ledger became unavailable.", nil, nil)
	descSize     = prometheus.NewDesc("holdfast_ledger_entries", "Entries in the ledger.", nil, nil)
	descAlive    = prometheus.NewDesc("holdfast_last_heartbeat_timestamp_seconds", "When a token last came through the queue.", nil, nil)
)

// NewMetrics returns the metrics. They are to be registered.
func NewMetrics() *Metrics {
	by := []string{"policy", "control"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append(by[:2:2], labels...))
	}
	seconds := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18)})
	}
	return &Metrics{
		episodes:    counter("holdfast_episodes_total", "Episodes that began.", "origin"),
		ended:       counter("holdfast_episodes_ended_total", "Episodes that ended.", "ending"),
		repairs:     counter("holdfast_repairs_total", "Repairs that were made and read back: objects applied, or removed."),
		failures:    counter("holdfast_repair_failures_total", "Repairs that were refused or did not take effect, once per failure.", "reason"),
		contentions: counter("holdfast_contentions_total", "Repairs that turned out to be fought."),
		rollbacks:   counter("holdfast_rollbacks_total", "Objects of Holdfast's own that were removed because they did harm.", "reason"),
		evaluation:  seconds("holdfast_evaluation_seconds", "Time to judge one namespace under all policies over it."),
		durable:     seconds("holdfast_ledger_append_durable_seconds", "Time from recording to durable in the journal."),
		integrated:  seconds("holdfast_ledger_integrated_seconds", "Time from durable in the journal to integrated in the log."),
	}
}

func (m *Metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.episodes, m.ended, m.repairs, m.failures, m.contentions, m.rollbacks, m.evaluation, m.durable, m.integrated}
}

// Describe describes every metric.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.vectors() {
		v.Describe(ch)
	}
	for _, d := range []*prometheus.Desc{descSubjects, descOpen, descHealth, descPending, descLost, descSize, descAlive, descLastSlot, descNextSlot, descAnchor} {
		ch <- d
	}
}

// Collect reads the state, and hands over the counters.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, v := range m.vectors() {
		v.Collect(ch)
	}
	if m.engine == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	health := m.engine.Recorder.Health()
	available := 0.0
	if health.Available {
		available = 1
	}
	gauge(descHealth, available)
	gauge(descPending, float64(health.Pending))
	gauge(descLost, float64(health.Lost))
	var evidence *ledger.EvidenceState
	m.engine.Recorder.View(func(k *ledger.Known) {
		gauge(descSize, float64(k.NextSeq))
		evidence = k.Evidence()
	})
	evidenceMetrics(evidence, gauge)
	if beat := m.engine.liveness.lastBeat(); !beat.IsZero() {
		gauge(descAlive, float64(beat.UnixMilli())/1000)
	}
	for _, def := range m.engine.registry.load().sorted {
		s := m.engine.summarise(def)
		for _, c := range s.counts {
			gauge(descSubjects, float64(c.Conforming), def.Name, c.ID, string(control.Conforming))
			gauge(descSubjects, float64(c.Correcting+c.Deviating), def.Name, c.ID, string(control.Deviating))
			gauge(descSubjects, float64(c.NotEvaluated), def.Name, c.ID, string(control.NotEvaluated))
			gauge(descSubjects, float64(c.NotApplicable), def.Name, c.ID, string(control.NotApplicable))
			gauge(descOpen, float64(c.Correcting), def.Name, c.ID, "within")
			gauge(descOpen, float64(c.Deviating), def.Name, c.ID, "beyond")
		}
	}
}

// recorded counts an entry.
func (m *Metrics) recorded(e *ledger.Entry) {
	switch {
	case e.Kind == ledger.KindOutcomeChanged && e.Opens():
		m.episodes.WithLabelValues(e.Policy.Name, e.Control, string(e.Origin)).Inc()
	case e.Kind == ledger.KindOutcomeChanged && e.Ending != "":
		m.ended.WithLabelValues(e.Policy.Name, e.Control, string(e.Ending)).Inc()
	case e.Kind == ledger.KindRepairFailed:
		m.failures.WithLabelValues(e.Policy.Name, e.Control, e.Reason).Inc()
	case e.Kind == ledger.KindRolledBack:
		m.rollbacks.WithLabelValues(e.Policy.Name, e.Control, e.Reason).Inc()
	}
}

func (m *Metrics) repaired(wants []enforce.Source) {
	for _, w := range wants {
		m.repairs.WithLabelValues(w.Policy, w.Control).Inc()
	}
}

func (m *Metrics) contested(wants []enforce.Source) {
	for _, w := range wants {
		m.contentions.WithLabelValues(w.Policy, w.Control).Inc()
	}
}

func (m *Metrics) evaluated(took time.Duration) { m.evaluation.Observe(took.Seconds()) }

// Durable takes note of how long a batch took to become durable.
func (m *Metrics) Durable(took time.Duration) { m.durable.Observe(took.Seconds()) }

// Integrated takes note of how long an entry took from the journal to the log.
func (m *Metrics) Integrated(took time.Duration) { m.integrated.Observe(took.Seconds()) }
