package main

import (
	"bytes"
	"fmt"
)

// write writes the table, and how its figures were made.
func (r *backupResult) write(w *bytes.Buffer) {
	r.table().write(w)
	fmt.Fprintf(w, "%s.\n\n", r.recorded)
	fmt.Fprintf(w, `Holdfast in mode Observe, without a controller manager, and before it a floor (test/bench/backupfloor) that keeps for each namespace when its newest backup began, and nothing else. Velero's CRDs are its own; its objects are written by the measuring program, and are there before the engines start: of each namespace %d backups of a plan of its own, the rest are runs of one plan that covers all. Holdfast starts without a ledger, and finds all namespaces beyond their objective. A new Backup is three writes, %s apart: it is created, begins, and ends. First %d namespaces get one of their own, one after the other; then the plan that covers all runs once, by which the others conform again, and %d times more, each when all was quiet. CPU is from /proc, over all of them and until all is quiet. An evaluation is one of a namespace, or of the cluster.

`, r.each(), relabelPause, r.changes, r.runs)
}

func (r *backupResult) table() *table {
	f, h := &r.floor, &r.holdfast
	t := &table{header: []string{fmt.Sprintf("%d namespaces, one control", r.namespaces), floorName, holdfastName}}
	both := func(what string, of func(*backupMeasured) string) { t.add(what, of(f), of(h)) }
	both("Started: all read; without a ledger all judged and recorded", func(m *backupMeasured) string { return readable(m.start.evaluated) })
	t.add("– evaluations", nothing, fmt.Sprint(h.start.evaluations))
	both("– resident memory, peak, all / without pages of files", func(m *backupMeasured) string { return m.start.memory.String() })
	for _, row := range []struct {
		what string
		of   func(*backupMeasured) podCost
	}{
		{fmt.Sprintf("%d new Backups of one namespace, one at a time", r.changes), func(m *backupMeasured) podCost { return m.single }},
		{"The first new run of the plan that covers all", func(m *backupMeasured) podCost { return m.first }},
		{fmt.Sprintf("%d further runs, one at a time", r.runs), func(m *backupMeasured) podCost { return m.further }},
	} {
		both(row.what+": CPU each", func(m *backupMeasured) string { return readable(row.of(m).cpuEach()) })
		cost := row.of(h)
		t.add("– evaluations / API requests of the operator, each", nothing, fmt.Sprintf("%.2f / %.2f", cost.evaluationsEach(), cost.each(kindRepair, kindOther)))
	}
	t.add("– from the end of the first run until no namespace deviates", nothing, readable(h.turned))
	both("Resident memory, peak of all, all / without pages of files", func(m *backupMeasured) string { return m.peak.String() })
	return t
}

func (r *backupResult) verdicts() []verdict {
	const ofCluster = 3 // one for each write
	return located(r.String(), []verdict{
		evaluated("One new Backup of one namespace, evaluations", r.holdfast.single, 1+ofCluster),
		evaluated("One new run of the plan, evaluations", r.holdfast.first, float64(r.namespaces)+ofCluster),
		atMost("Start without a ledger, all judged", r.holdfast.start.evaluated, budgetEvaluated),
	})
}

// evaluated judges how many evaluations an event causes.
func evaluated(what string, c podCost, most float64) verdict {
	v := verdict{what: what, limit: fmt.Sprintf("≤ %.0f", most), measured: nothing}
	if c.events > 0 {
		v.measured, v.share = fmt.Sprintf("%.2f", c.evaluationsEach()), c.evaluationsEach()/most
	}
	return v
}
