package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
)

// MetricFamily describes one metric that Holdfast serves. Labels hold the names
// of policies, controls, schedules and anchors, and words of Holdfast's own: never
// the name of a subject.
type MetricFamily struct {
	Name string
	// Type is counter, gauge or histogram.
	Type   string
	Labels []string
	Help   string
	// Buckets are the upper bounds of a histogram, in seconds.
	Buckets []float64
}

// MetricGroup are the metrics of one subject.
type MetricGroup struct {
	Title    string
	Families []MetricFamily
}

// The types of a MetricFamily.
const (
	typeCounter   = "counter"
	typeGauge     = "gauge"
	typeHistogram = "histogram"
)

// MetricGroups are all metrics of Holdfast's own, by what they are about.
func MetricGroups() []MetricGroup {
	return []MetricGroup{
		{"How the controls stand", stateFamilies()},
		{"What happened, and how long it took", actFamilies()},
		{"Whether anybody looks", observationFamilies()},
		{"Probes", probeFamilies()},
		{"Backups that were due", backupFamilies()},
		{"The ledger", ledgerFamilies()},
		{"Collections and anchors", evidenceFamilies()},
	}
}

// MetricFamilies are all metrics of Holdfast's own.
func MetricFamilies() []MetricFamily {
	var all []MetricFamily
	for _, group := range MetricGroups() {
		all = append(all, group.Families...)
	}
	return all
}

// stateFamilies say how the controls stand.
func stateFamilies() []MetricFamily {
	return []MetricFamily{
		{Name: "holdfast_build_info", Type: typeGauge, Labels: []string{"version"},
			Help: "1, with the version of the build."},
		{Name: "holdfast_subjects", Type: typeGauge, Labels: []string{"policy", "control", "outcome"},
			Help: "Subjects by policy, control and outcome."},
		{Name: "holdfast_open_episodes", Type: typeGauge, Labels: []string{"policy", "control", "tolerance"},
			Help: "Open episodes by policy and control, within the stated tolerance and beyond."},
		{Name: "holdfast_unenforced_namespaces", Type: typeGauge, Labels: []string{"policy", "reason"},
			Help: "Namespaces in which something keeps what a policy wants from being applied, by what does; the cluster counts as one."},
		{Name: "holdfast_contested_objects", Type: typeGauge, Labels: []string{"policy", "control"},
			Help: "Objects whose repairs were fought within the last hour, and are spaced out."},
	}
}

// actFamilies count what happened and was done, and how long it took.
func actFamilies() []MetricFamily {
	by := func(labels ...string) []string { return append([]string{"policy", "control"}, labels...) }
	return []MetricFamily{
		{Name: "holdfast_episodes_total", Type: typeCounter, Labels: by("origin"), Help: "Episodes that began."},
		{Name: "holdfast_episodes_ended_total", Type: typeCounter, Labels: by("ending"), Help: "Episodes that ended."},
		{Name: "holdfast_episode_seconds", Type: typeHistogram, Labels: by(), Help: "How long episodes lasted that ended.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600}},
		{Name: "holdfast_repairs_total", Type: typeCounter, Labels: by(), Help: "Repairs that were made and read back: objects applied, or removed."},
		{Name: "holdfast_repair_seconds", Type: typeHistogram, Labels: by(), Help: "Time from the look at a namespace that found something to repair until the repair was read back.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}},
		{Name: "holdfast_repair_failures_total", Type: typeCounter, Labels: by("reason"), Help: "Repairs that were refused or did not take effect, once per failure."},
		{Name: "holdfast_rollbacks_total", Type: typeCounter, Labels: by("reason"), Help: "Objects of Holdfast's own that were removed because they did harm."},
		{Name: "holdfast_contentions_total", Type: typeCounter, Labels: by(), Help: "Repairs that turned out to be fought."},
		{Name: "holdfast_contention_seconds", Type: typeHistogram, Labels: by(), Help: "How long objects were contested: until an hour passed without a repair.",
			Buckets: []float64{3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 7 * 24 * 3600}},
	}
}

// observationFamilies say whether anybody looks.
func observationFamilies() []MetricFamily {
	return []MetricFamily{
		{Name: "holdfast_last_heartbeat_timestamp_seconds", Type: typeGauge, Help: "When a token last came through the queue."},
		{Name: "holdfast_queue_age_seconds", Type: typeGauge, Help: "How long that token was in the queue."},
		{Name: "holdfast_evaluation_seconds", Type: typeHistogram, Help: "Time to judge one namespace, or the cluster, under all policies over it.", Buckets: quickBuckets()},
		{Name: "holdfast_gaps_total", Type: typeCounter, Labels: []string{"cause"}, Help: "Gaps that were recorded: intervals in which observation was due and absent."},
		{Name: "holdfast_open_gaps", Type: typeGauge, Labels: []string{"cause"}, Help: "Gaps that have not ended."},
		{Name: "holdfast_self_test_failed", Type: typeGauge, Labels: []string{"type"}, Help: "1 where the evaluator of a control type failed its newest self-test, else 0."},
	}
}

// backupFamilies say what came of the slots in which backups are due.
func backupFamilies() []MetricFamily {
	by := func(labels ...string) []string { return append([]string{"policy", "control"}, labels...) }
	return []MetricFamily{
		{Name: "holdfast_backup_slots_total", Type: typeCounter, Labels: by("state"), Help: "Slots in which a backup was due, by what came of them."},
		{Name: "holdfast_last_backup_slot_state", Type: typeGauge, Labels: by("state"), Help: "1, with what came of the newest slot in which a backup was due."},
		{Name: "holdfast_last_backup_slot_timestamp_seconds", Type: typeGauge, Labels: by(), Help: "The newest slot in which a backup was due, and of which it is known what came of it."},
	}
}

// ledgerFamilies say how the ledger is doing.
func ledgerFamilies() []MetricFamily {
	return []MetricFamily{
		{Name: "holdfast_ledger_available", Type: typeGauge, Help: "1 while entries can be made durable."},
		{Name: "holdfast_ledger_unwritten_entries", Type: typeGauge, Help: "Entries that are not durable yet."},
		{Name: "holdfast_ledger_lost_entries", Type: typeGauge, Help: "Entries that could not be kept since the ledger became unavailable."},
		{Name: "holdfast_ledger_entries", Type: typeGauge, Help: "Entries in the ledger."},
		{Name: "holdfast_ledger_bytes", Type: typeGauge, Help: "Space that the ledger's files take on its volume. It is measured beside the scrapes, at most every five minutes."},
		{Name: "holdfast_ledger_volume_available_bytes", Type: typeGauge, Help: "Space that is left on the ledger's volume."},
		{Name: "holdfast_ledger_volume_capacity_bytes", Type: typeGauge, Help: "Size of the ledger's volume."},
		{Name: "holdfast_ledger_append_durable_seconds", Type: typeHistogram, Help: "Time from recording to durable in the journal.", Buckets: quickBuckets()},
		{Name: "holdfast_ledger_integrated_seconds", Type: typeHistogram, Help: "Time from durable in the journal to integrated in the log.", Buckets: quickBuckets()},
	}
}

// evidenceFamilies say how collections and anchors are doing.
func evidenceFamilies() []MetricFamily {
	return []MetricFamily{
		{Name: "holdfast_collections_total", Type: typeCounter, Labels: []string{"schedule", "state"}, Help: "Slots that were collected or missed, by what became of them."},
		{Name: "holdfast_last_slot_state", Type: typeGauge, Labels: []string{"schedule", "state"}, Help: "1, with what became of the newest slot of a schedule."},
		{Name: "holdfast_last_slot_timestamp_seconds", Type: typeGauge, Labels: []string{"schedule"}, Help: "The newest slot of a schedule that was collected or missed."},
		{Name: "holdfast_next_slot_timestamp_seconds", Type: typeGauge, Labels: []string{"schedule"}, Help: "The slot of a schedule that is due next."},
		{Name: "holdfast_anchor_answers", Type: typeGauge, Labels: []string{"schedule", "anchor"}, Help: "1 where an anchor acknowledged the newest checkpoint that it was asked for, else 0."},
		{Name: "holdfast_last_anchor_timestamp_seconds", Type: typeGauge, Labels: []string{"schedule", "anchor"}, Help: "When an anchor last acknowledged a checkpoint."},
	}
}

// quickBuckets suit what takes from a tenth of a millisecond to some seconds.
func quickBuckets() []float64 { return prometheus.ExponentialBuckets(0.0001, 2, 18) }
