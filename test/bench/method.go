package main

import (
	"bytes"
	"fmt"
	"time"
)

// writeMethod says how the figures of the sizes were made.
func (r *report) writeMethod(w *bytes.Buffer) {
	if len(r.sizes) == 0 {
		return
	}
	o := r.options
	fmt.Fprintf(w, `## How it was made

- One etcd (which syncs to the disk), API server and controller manager, all on this machine beside the engine and the measuring program. The API server authorizes by RBAC; each engine is a user of its own, Holdfast with the roles of `+"`config/enforce`"+`.
- The engines take turns on the same cluster and the same namespaces, %d turns each, in an order turned round every time. In a turn an engine is started, warmed up by %d drifts, measured, and stopped by SIGTERM. Both apply with the same field manager, so that each finds the other's objects as it left them. The ledger is the same in all turns.
- A drift deletes the NetworkPolicy or changes it to allow all ingress, by turns. The clock runs from the answer to that request to when a watch of the measuring program shows the object good again.
- One at a time: %d drifts per engine, 15 to 30 ms after the repair before. At once: %d bursts per engine, each when neither the engine nor the API server had work left.
- New namespaces are created by %d writers, empty, on a fresh cluster for every engine and round (%d rounds).
- While down: %d drifts before each start; the clock runs from the start of the process. %s after the last repair all objects were looked at again: none was bad (a run ends with an error otherwise).
- An object counts as written back to allow all ingress when the watch shows one that does, and its managed fields name the engine's field manager as who wrote that.
- Requests are counted by user in the API server's audit log (level Metadata, for both engines alike), which costs every request a little and shows what each was. Status, events and the lease go by time and not by drift; they stand apart.
- CPU is user and system time from /proc, over the drifts one at a time with the pauses between them and the wait for all that they caused. Peak memory is the highest of all turns: all of it by the kernel's own mark (VmHWM), what are not pages of files looked at every %s.
- Times to the journal and to the log are the operator's own histograms, interpolated within buckets that double.
- The operator ran with its default flags; no object was repaired more than 30 times in an hour by one process, so none was contested.

`, o.rounds, warmUps, o.drifts/o.rounds*o.rounds, o.burstsPerRound()*o.rounds, writers, o.convergeRounds, downDrifts, reopenWait, memoryEvery)
}

// writeNoise warns where something else was running.
func (r *report) writeNoise(w *bytes.Buffer) {
	if r.facts.load <= float64(r.facts.cores)/4 {
		return
	}
	fmt.Fprintf(w, "**The machine was not at rest**: its load average was %.1f on %d cores before the run. "+
		"All figures are higher than on a quiet machine, those of whatever needs more CPU most of all, and the tails say little.\n\n",
		r.facts.load, r.facts.cores)
}

// writeMachine describes the machine, without naming it.
func (r *report) writeMachine(w *bytes.Buffer) {
	fmt.Fprintf(w, "## The machine\n\n")
	f := r.facts
	t := &table{header: []string{"Newest run", ""}}
	t.add("Date", f.date.Format(time.DateOnly))
	t.add("Commit", f.commit)
	t.add("Processor", fmt.Sprintf("%d × %s", f.cores, f.cpu))
	t.add("Memory", fmt.Sprintf("%.0f GiB", float64(f.memory)/(1<<30)))
	t.add("Disk: append 512 bytes and sync, p50 / p99", readableAll(f.sync.median(), f.sync.percentile(99)))
	t.add("Linux", f.kernel)
	t.add("Go", f.golang)
	t.add("Kubernetes, etcd", f.kubernetes+", "+f.etcd)
	t.add("Load average before the run", fmt.Sprintf("%.1f", f.load))
	t.add("The run took", r.took.Round(time.Second).String())
	t.write(w)
}
