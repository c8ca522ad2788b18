package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// MetricsOptions are what Metrics need.
type MetricsOptions struct {
	// Version is the version of the build.
	Version string
	// LedgerDir is the ledger's volume; empty where there is none.
	LedgerDir string
	// Now is the clock.
	Now func() time.Time
}

// Metrics are what Holdfast counts. State is read at scrape, so that it cannot
// go stale; counters and histograms are for acts. No label holds the name of a
// subject. The methods may be used concurrently.
type Metrics struct {
	opts    MetricsOptions
	engine  *Engine
	descs   map[string]*prometheus.Desc
	vectors []prometheus.Collector

	episodes, ended, repairs, failures, contentions, rollbacks, gaps, collections, probes, probeRuns, backupSlots *prometheus.CounterVec

	episodeTime, repairTime, contentionTime, probeTime *prometheus.HistogramVec
	evaluation, durable, integrated                    prometheus.Histogram

	contests  contests
	schedules scheduleMetrics
	probing   probeMetrics
	volume    ledgerVolume
}

// NewMetrics returns the metrics. They are to be registered.
func NewMetrics(opts MetricsOptions) *Metrics {
	m := &Metrics{opts: opts, descs: map[string]*prometheus.Desc{}, volume: ledgerVolume{dir: opts.LedgerDir},
		contests:  contests{by: map[enforce.Object]contest{}},
		schedules: scheduleMetrics{by: map[string]scheduleMetric{}, anchored: map[string]time.Time{}},
		probing:   probeMetrics{newest: map[string]time.Time{}}}
	counters, histograms := map[string]*prometheus.CounterVec{}, map[string]*prometheus.HistogramVec{}
	for _, f := range MetricFamilies() {
		switch f.Type {
		case typeCounter:
			counters[f.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
			m.vectors = append(m.vectors, counters[f.Name])
		case typeHistogram:
			histograms[f.Name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: f.Buckets}, f.Labels)
			m.vectors = append(m.vectors, histograms[f.Name])
		default:
			m.descs[f.Name] = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
		}
	}
	m.episodes, m.ended = counters["holdfast_episodes_total"], counters["holdfast_episodes_ended_total"]
	m.repairs, m.failures = counters["holdfast_repairs_total"], counters["holdfast_repair_failures_total"]
	m.contentions, m.rollbacks = counters["holdfast_contentions_total"], counters["holdfast_rollbacks_total"]
	m.gaps, m.collections = counters["holdfast_gaps_total"], counters["holdfast_collections_total"]
	m.probes, m.probeRuns, m.probeTime = counters["holdfast_probes_total"], counters["holdfast_probe_runs_total"], histograms["holdfast_probe_run_seconds"]
	m.backupSlots = counters["holdfast_backup_slots_total"]
	m.episodeTime, m.repairTime = histograms["holdfast_episode_seconds"], histograms["holdfast_repair_seconds"]
	m.contentionTime = histograms["holdfast_contention_seconds"]
	single := func(name string) prometheus.Histogram {
		h, _ := histograms[name].WithLabelValues().(prometheus.Histogram)
		return h
	}
	m.evaluation = single("holdfast_evaluation_seconds")
	m.durable, m.integrated = single("holdfast_ledger_append_durable_seconds"), single("holdfast_ledger_integrated_seconds")
	for _, cause := range ledger.GapCauses() {
		m.gaps.WithLabelValues(cause)
	}
	m.startProbes()
	return m
}

// Describe describes every metric.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.vectors {
		v.Describe(ch)
	}
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect reads the state, and hands over the counters.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	s := scrape{m, ch}
	s.gauge("holdfast_build_info", 1, m.opts.Version)
	if m.engine != nil {
		s.state()
	}
	for _, v := range m.vectors {
		v.Collect(ch)
	}
}

// Recorded takes note of an entry, and of the episodes that it ended.
func (m *Metrics) Recorded(e *ledger.Entry, ended []ledger.Ended) {
	for _, x := range ended {
		m.ended.WithLabelValues(x.Policy, x.Control, string(x.Ending)).Inc()
		m.episodeTime.WithLabelValues(x.Policy, x.Control).Observe(max(0, x.At.Sub(x.Began).Seconds()))
	}
	switch {
	case e.Kind == ledger.KindOutcomeChanged && e.Opens():
		m.episodes.WithLabelValues(e.Policy.Name, e.Control, string(e.Origin)).Inc()
	case e.Kind == ledger.KindRepairFailed:
		m.failures.WithLabelValues(e.Policy.Name, e.Control, e.Reason).Inc()
	case e.Kind == ledger.KindRolledBack:
		m.rollbacks.WithLabelValues(e.Policy.Name, e.Control, e.Reason).Inc()
	case e.Kind == ledger.KindGap && e.Gap.Ends == "":
		m.gaps.WithLabelValues(e.Gap.Cause).Inc()
	case e.Kind == ledger.KindOccurrence && e.Occurrence.Of == ledger.OccurrenceOfBackup:
		m.backupSlots.WithLabelValues(e.Policy.Name, e.Control, e.Occurrence.State).Add(float64(e.Occurrence.Count))
	default:
		m.collected(e)
	}
}

// repaired takes note of a repair that took effect.
func (m *Metrics) repaired(wants []enforce.Source) {
	for _, w := range wants {
		m.repairs.WithLabelValues(w.Policy, w.Control).Inc()
	}
}

// repairTook takes note of how long a repair took that was read back.
func (m *Metrics) repairTook(wants []enforce.Source, took time.Duration) {
	for _, w := range wants {
		m.repairTime.WithLabelValues(w.Policy, w.Control).Observe(took.Seconds())
	}
}

// evaluated takes note of how long it took to judge a namespace.
func (m *Metrics) evaluated(took time.Duration) { m.evaluation.Observe(took.Seconds()) }

// Durable takes note of how long a batch took to become durable.
func (m *Metrics) Durable(took time.Duration) { m.durable.Observe(took.Seconds()) }

// Integrated takes note of how long an entry took from the journal to the log.
func (m *Metrics) Integrated(took time.Duration) { m.integrated.Observe(took.Seconds()) }

// forget drops what was counted of a policy that is gone.
func (m *Metrics) forget(policy string) {
	of := prometheus.Labels{"policy": policy}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.episodes, m.ended, m.repairs, m.failures, m.contentions, m.rollbacks, m.backupSlots, m.episodeTime, m.repairTime, m.contentionTime} {
		v.DeletePartialMatch(of)
	}
}
