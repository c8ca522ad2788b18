package main

import "fmt"

// The units of Grafana.
const (
	unitNumber  = "short"
	unitSeconds = "s"
	unitBytes   = "bytes"
	unitShare   = "percentunit"
	unitRate    = "ops"
	unitCores   = "cores"
	unitNone    = "none"
)

// rows are all that the dashboard shows.
func rows() []row {
	return []row{
		{"Controls", controls()},
		{"Repairs and contention", repairs()},
		{"Observation", observation()},
		{"Probes", probes()},
		{"Backups", backups()},
		{"Ledger", ledger()},
		{"Collections and anchors", collections()},
		{"Operator", operator()},
	}
}

// number is one figure.
func number(title, description, unit, expr string) view {
	return view{kind: "stat", title: title, description: description, unit: unit, lines: []line{{expr, title}}}
}

// redFrom has a figure be red from a value on.
func (v view) redFrom(value float64) view {
	v.bad = &value
	return v
}

// redBelow has a figure be red below a value.
func (v view) redBelow(value float64) view {
	v.bad, v.below = &value, true
	return v
}

// graph shows series over time.
func graph(title, description, unit string, lines ...line) view {
	return view{kind: "timeseries", title: title, description: description, unit: unit, lines: lines}
}

// quantiles are the median and the 99th percentile of a histogram.
func quantiles(histogram, labels string) []line {
	of := func(q string) string {
		return fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s_bucket{%s}[$__rate_interval])))", q, histogram, labels)
	}
	return []line{{of("0.5"), "p50"}, {of("0.99"), "p99"}}
}

const (
	// job and policy are the labels that whoever looks chooses.
	job    = `job="$job"`
	policy = job + `, policy=~"$policy"`
)

func controls() []view {
	stacked := graph("Subjects by outcome", "Verdicts on all subjects of the chosen policies.", unitNumber,
		line{"sum by (outcome) (holdfast_subjects{" + policy + "})", "{{outcome}}"})
	stacked.stacked = true
	return []view{
		number("Beyond tolerance", "Open episodes that last for longer than their control tolerates.", unitNumber,
			`sum(holdfast_open_episodes{`+policy+`, tolerance="beyond"})`).redFrom(1),
		number("Within tolerance", "Open episodes that their control still tolerates.", unitNumber,
			`sum(holdfast_open_episodes{`+policy+`, tolerance="within"})`),
		number("Not evaluated", "Subjects of which it is not known whether they conform.", unitNumber,
			`sum(holdfast_subjects{`+policy+`, outcome="NotEvaluated"})`).redFrom(1),
		number("Contested", "Objects whose repairs are fought.", unitNumber, "sum(holdfast_contested_objects{"+policy+"})").redFrom(1),
		number("Not enforced", "Namespaces in which something keeps what a policy wants from being applied, rollouts under way apart.", unitNumber,
			`sum(holdfast_unenforced_namespaces{`+policy+`, reason!~"RollingOut|Pending"})`).redFrom(1),
		number("Open gaps", "Gaps in observation that last.", unitNumber, "sum(holdfast_open_gaps{"+job+"})").redFrom(1),
		stacked,
		graph("Open episodes", "Open episodes by control, within the stated tolerance and beyond.", unitNumber,
			line{"sum by (policy, control, tolerance) (holdfast_open_episodes{" + policy + "}) > 0", "{{policy}}/{{control}} {{tolerance}}"}),
		graph("Not enforced, by reason", "Namespaces in which something keeps what a policy wants from being applied.", unitNumber,
			line{"sum by (reason) (holdfast_unenforced_namespaces{" + policy + "}) > 0", "{{reason}}"}),
	}
}

func repairs() []view {
	return []view{
		graph("Episodes that began", "New episodes by why they began.", unitNumber,
			line{"sum by (origin) (increase(holdfast_episodes_total{" + policy + "}[$__rate_interval]))", "{{origin}}"}),
		graph("Episodes that ended", "Ended episodes by how they ended.", unitNumber,
			line{"sum by (ending) (increase(holdfast_episodes_ended_total{" + policy + "}[$__rate_interval]))", "{{ending}}"}),
		graph("How long episodes lasted", "From the first observation of a deviation until its end.", unitSeconds,
			quantiles("holdfast_episode_seconds", policy)...),
		graph("Repairs", "Repairs that took effect, that failed, and that were taken back.", unitNumber,
			line{"sum(increase(holdfast_repairs_total{" + policy + "}[$__rate_interval]))", "repaired"},
			line{"sum by (reason) (increase(holdfast_repair_failures_total{" + policy + "}[$__rate_interval]))", "failed: {{reason}}"},
			line{"sum by (reason) (increase(holdfast_rollbacks_total{" + policy + "}[$__rate_interval]))", "taken back: {{reason}}"}),
		graph("How long repairs took", "From the look that found something to repair until the repair was read back.", unitSeconds,
			quantiles("holdfast_repair_seconds", policy)...),
		graph("Contention", "Objects that are contested, and repairs that were held back.", unitNumber,
			line{"sum by (policy, control) (holdfast_contested_objects{" + policy + "})", "{{policy}}/{{control}}"},
			line{"sum(increase(holdfast_contentions_total{" + policy + "}[$__rate_interval]))", "held back"}),
	}
}

func observation() []view {
	return []view{
		graph("Gaps", "Gaps that are open, and gaps that were recorded.", unitNumber,
			line{"sum by (cause) (holdfast_open_gaps{" + job + "}) > 0", "open: {{cause}}"},
			line{"sum by (cause) (increase(holdfast_gaps_total{" + job + "}[$__rate_interval])) > 0", "recorded: {{cause}}"}),
		graph("Heartbeat and queue", "Age of the newest token, and how long it was in the queue.", unitSeconds,
			line{"time() - max(holdfast_last_heartbeat_timestamp_seconds{" + job + "})", "since the newest token"},
			line{"max(holdfast_queue_age_seconds{" + job + "})", "in the queue"}),
		graph("Queue depth", "Requests that wait: namespaces to be looked at, policies and schedules to be published.", unitNumber,
			line{"sum by (name) (workqueue_depth{" + job + "})", "{{name}}"}),
		graph("How long evaluation took", "Time to judge one namespace, or the cluster, under all policies over it.", unitSeconds,
			quantiles("holdfast_evaluation_seconds", job)...),
		graph("Evaluations", "Namespaces that were judged.", unitRate,
			line{"sum(rate(holdfast_evaluation_seconds_count{" + job + "}[$__rate_interval]))", "judged"}),
		graph("Self-tests that failed", "Control types whose evaluator does not judge its fixtures as it should.", unitNumber,
			line{"max by (type) (holdfast_self_test_failed{" + job + "})", "{{type}}"}),
	}
}

func probes() []view {
	return []view{
		graph("Targets of probes", "Targets, by what the newest probe of each came to.", unitNumber,
			line{"sum by (probe, result) (holdfast_probe_targets{" + job + "}) > 0", "{{probe}}: {{result}}"}),
		graph("What probes came to", "Targets that were probed, by what it came to.", unitNumber,
			line{"sum by (probe, result) (increase(holdfast_probes_total{" + job + "}[$__rate_interval])) > 0", "{{probe}}: {{result}}"}),
		graph("Since the newest probe", "Age of the newest run of each kind.", unitSeconds,
			line{"time() - max by (probe) (holdfast_last_probe_timestamp_seconds{" + job + "})", "{{probe}}"}),
		graph("How long probes took", "From the first probe of a run until the last ended, in the slowest of a hundred.", unitSeconds,
			line{"histogram_quantile(0.99, sum by (probe, le) (rate(holdfast_probe_run_seconds_bucket{" + job + "}[$__rate_interval])))", "{{probe}} p99"}),
		graph("Runs", "Runs of probes: those of one kind in one namespace that are due together.", unitRate,
			line{"sum by (probe) (rate(holdfast_probe_runs_total{" + job + "}[$__rate_interval]))", "{{probe}}"}),
	}
}

func backups() []view {
	return []view{
		number("Did not end well", "Controls whose newest slot was missed, or whose backup failed in it, wholly or in part.", unitNumber,
			`sum(holdfast_last_backup_slot_state{`+policy+`, state=~"Missed|Failed|PartiallyFailed"}) or sum(0 * holdfast_last_backup_slot_state{`+policy+`})`).redFrom(1),
		graph("Slots", "Slots in which a backup was due, by what came of them.", unitNumber,
			line{"sum by (state) (increase(holdfast_backup_slots_total{" + policy + "}[$__rate_interval])) > 0", "{{state}}"}),
		graph("Newest slot of backups", "1, with what came of the newest slot of each control in which a backup was due.", unitNone,
			line{"max by (policy, control, state) (holdfast_last_backup_slot_state{" + policy + "})", "{{policy}}/{{control}} {{state}}"}),
		graph("Since the newest slot of backups", "Age of the newest slot of each control of which it is known what came of it.", unitSeconds,
			line{"time() - max by (policy, control) (holdfast_last_backup_slot_timestamp_seconds{" + policy + "})", "{{policy}}/{{control}}"}),
	}
}

func ledger() []view {
	return []view{
		number("Available", "1 while entries can be made durable.", unitNone, "min(holdfast_ledger_available{"+job+"})").redBelow(1),
		number("Unwritten", "Entries that are not durable yet.", unitNumber, "max(holdfast_ledger_unwritten_entries{"+job+"})").redFrom(100),
		number("Lost", "Entries that could not be kept since the ledger became unavailable.", unitNumber, "max(holdfast_ledger_lost_entries{"+job+"})").redFrom(1),
		number("Entries", "Entries in the ledger.", unitNumber, "max(holdfast_ledger_entries{"+job+"})"),
		number("Size", "Space that the ledger's files take.", unitBytes, "max(holdfast_ledger_bytes{"+job+"})"),
		number("Volume left", "Share of the ledger's volume that is left.", unitShare,
			"min(holdfast_ledger_volume_available_bytes{"+job+"} / holdfast_ledger_volume_capacity_bytes{"+job+"})").redBelow(0.15),
		graph("Volume", "The ledger's volume, and what the ledger takes of it.", unitBytes,
			line{"max(holdfast_ledger_volume_capacity_bytes{" + job + "})", "capacity"},
			line{"max(holdfast_ledger_volume_available_bytes{" + job + "})", "available"},
			line{"max(holdfast_ledger_bytes{" + job + "})", "ledger"}),
		graph("How long entries took to be durable", "From recording until the journal is synced.", unitSeconds,
			quantiles("holdfast_ledger_append_durable_seconds", job)...),
		graph("How long the log was behind", "From the journal until the Merkle log holds the entry.", unitSeconds,
			quantiles("holdfast_ledger_integrated_seconds", job)...),
	}
}

func collections() []view {
	return []view{
		graph("Collections", "Slots by what became of them.", unitNumber,
			line{"sum by (schedule, state) (increase(holdfast_collections_total{" + job + "}[$__rate_interval])) > 0", "{{schedule}} {{state}}"}),
		graph("Since the newest slot", "Age of the newest slot that was collected or missed.", unitSeconds,
			line{"time() - max by (schedule) (holdfast_last_slot_timestamp_seconds{" + job + "})", "{{schedule}}"}),
		graph("Overdue", "For how long the next slot has been due. It is 0 before.", unitSeconds,
			line{"clamp_min(time() - max by (schedule) (holdfast_next_slot_timestamp_seconds{" + job + "}), 0)", "{{schedule}}"}),
		graph("Newest slot", "What became of the newest slot of each schedule.", unitNone,
			line{"max by (schedule, state) (holdfast_last_slot_state{" + job + "})", "{{schedule}} {{state}}"}),
		graph("Anchors that answer", "1 where an anchor acknowledged the newest checkpoint that it was asked for, else 0.", unitNone,
			line{"max by (schedule, anchor) (holdfast_anchor_answers{" + job + "})", "{{schedule}} {{anchor}}"}),
		graph("Since the newest acknowledgement", "What was recorded since rests on the key in the cluster alone.", unitSeconds,
			line{"time() - max by (schedule, anchor) (holdfast_last_anchor_timestamp_seconds{" + job + "})", "{{schedule}} {{anchor}}"}),
	}
}

func operator() []view {
	return []view{
		graph("CPU", "CPU of the operator.", unitCores,
			line{"sum by (pod) (rate(process_cpu_seconds_total{" + job + "}[$__rate_interval]))", "{{pod}}"}),
		graph("Memory", "Resident memory of the operator.", unitBytes,
			line{"sum by (pod) (process_resident_memory_bytes{" + job + "})", "{{pod}}"}),
		graph("Requests to the API server", "By status.", unitRate,
			line{"sum by (code) (rate(rest_client_requests_total{" + job + "}[$__rate_interval]))", "{{code}}"}),
		graph("Errors", "Requests of the queues that ended with an error or a panic, and are tried again.", unitRate,
			line{"sum by (controller) (rate(controller_runtime_reconcile_errors_total{" + job + "}[$__rate_interval]))", "{{controller}}"},
			line{"sum by (controller) (rate(controller_runtime_reconcile_panics_total{" + job + "}[$__rate_interval]))", "{{controller}} panics"}),
		graph("Version", "The versions that run.", unitNone,
			line{"max by (version) (holdfast_build_info{" + job + "})", "{{version}}"}),
		graph("Leader", "1 where the process holds the lease.", unitNone,
			line{"max by (pod) (leader_election_master_status{" + job + "})", "{{pod}}"}),
	}
}
