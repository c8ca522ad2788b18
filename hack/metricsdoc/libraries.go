package main

// library is a metric of a library that Holdfast is built on, or all those with a
// prefix, where Name ends with a star.
type library struct{ Name, Meaning string }

// libraries are all that are served beside Holdfast's own.
func libraries() []library {
	return []library{
		{"workqueue_depth", "Requests that wait in a queue, by `name` and `priority`. The queue `scope` holds the namespaces to be looked at, `policy` and `evidence` the policies and schedules to be published."},
		{"workqueue_adds_total", "Requests that were added to a queue."},
		{"workqueue_retries_total", "Requests that were added again after an error, or to be looked at later."},
		{"workqueue_queue_duration_seconds", "How long requests waited in a queue."},
		{"workqueue_work_duration_seconds", "How long they were worked on."},
		{"workqueue_unfinished_work_seconds", "How long the requests that are worked on have been, in sum. It grows where workers hang."},
		{"workqueue_longest_running_processor_seconds", "How long the one that takes longest has been worked on."},
		{"controller_runtime_reconcile_total", "Requests that were worked on, by `controller` and `result`."},
		{"controller_runtime_reconcile_errors_total", "Those that ended with an error."},
		{"controller_runtime_terminal_reconcile_errors_total", "Those that ended with an error that is not tried again."},
		{"controller_runtime_reconcile_panics_total", "Those that panicked."},
		{"controller_runtime_reconcile_timeouts_total", "Those that took too long. Holdfast sets no limit."},
		{"controller_runtime_reconcile_time_seconds", "How long they took."},
		{"controller_runtime_max_concurrent_reconciles", "Workers of a controller."},
		{"controller_runtime_active_workers", "Those that work now."},
		{"controller_runtime_webhook_panics_total", "Panics of admission webhooks. Holdfast has none."},
		{"controller_runtime_conversion_webhook_panics_total", "Panics of conversion webhooks. Holdfast has none."},
		{"rest_client_requests_total", "Requests to the API server, by `method` and `code`."},
		{"leader_election_master_status", "1 while this process holds the lease, else 0."},
		{"certwatcher_read_certificate_total", "Readings of the certificate of the metrics endpoint, where it is a file."},
		{"certwatcher_read_certificate_errors_total", "Those that failed."},
		{"process_*", "The process, as the operating system sees it: CPU, memory, file descriptors, network, start time."},
		{"go_info", "1, with the version of Go."},
		{"go_goroutines", "Goroutines there are."},
		{"go_threads", "Threads of the operating system."},
		{"go_sched_*", "Go's scheduler."},
		{"go_sync_*", "Go's mutexes."},
		{"go_gc_*", "Go's garbage collector."},
		{"go_memory_classes_*", "Memory, by what Go uses it for."},
		{"go_memstats_*", "The same, as older versions of Go had it."},
		{"go_cpu_classes_*", "CPU time, by what Go uses it for."},
		{"go_cgo_*", "Calls of C. There are none."},
		{"go_godebug_*", "Uses of old behaviours of Go. There are none."},
	}
}
