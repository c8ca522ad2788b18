package main

import (
	"bytes"
	"fmt"
)

// write writes the table, and how its figures were made.
func (r *podsResult) write(w *bytes.Buffer) {
	r.table().write(w)
	fmt.Fprintf(w, `Holdfast alone, without a controller manager, scheduler or nodes, so that pods stay pending. One control of the policy repairs, the others observe. Namespaces are created and protected empty; one in %d then gets a policy of its user's, which tells pods apart by their app; then come the pods, while the operator watches, by %d writers. Changes of pods are creations, new labels and deletions, by turns, of one pod after the other. CPU is from /proc, over all of them and until all is quiet. Times of starts run from the start of the process; all is evaluated with the last evaluation, of at least one of each namespace, before nothing was evaluated for %s and the operator was quiet; its metrics are read every %s meanwhile, which costs it a little. Without a ledger it has everything to record again.

`, policyEvery, bulkWriters, settledAfter, scrapeEvery)
}

func (r *podsResult) table() *table {
	t := &table{header: []string{fmt.Sprintf("One policy of %d controls", fiveControls), holdfastName}}
	for _, m := range []struct {
		what string
		memory
	}{
		{"Resident memory, peak, all / without pages of files: namespaces created and protected, no pods yet", r.empty},
		{"– pods created", r.filled},
		{"– pods changed", r.churned},
		{"– restarted with its ledger", r.restart.memory},
		{"– started without a ledger", r.install.memory},
	} {
		t.add(m.what, m.String())
	}
	r.creation.rows(t, fmt.Sprintf("%d pods created in %s", r.creation.events, readable(r.creation.took)))
	r.churn.rows(t, fmt.Sprintf("%d pods created, given another label or deleted in %s", r.churn.events, readable(r.churn.took)))
	t.add(fmt.Sprintf("Restarted with its ledger, after %d drifts: first repaired / all repaired / all evaluated", downDrifts),
		readableAll(r.restart.first, r.restart.last, r.restart.evaluated))
	t.add("– evaluations", fmt.Sprint(r.restart.evaluations))
	t.add("Started without a ledger: all evaluated", readable(r.install.evaluated))
	t.add("– evaluations", fmt.Sprint(r.install.evaluations))
	return t
}

func (c podCost) rows(t *table, what string) {
	t.add(what+": CPU each", readable(c.cpuEach()))
	t.add("– evaluations of a namespace / API requests of the operator, each", fmt.Sprintf("%.2f / %.2f",
		c.evaluationsEach(), c.each(kindRepair, kindOther)))
}

func (c podCost) evaluationsEach() float64 {
	return float64(c.evaluations) / float64(max(1, c.events))
}

func (r *podsResult) verdicts() []verdict {
	return located(r.String(), []verdict{
		atMost("Restart with its ledger, first repair", r.restart.first, budgetFirst),
		atMost("Restart with its ledger, all repaired", r.restart.last, budgetDown),
		atMost("Restart with its ledger, all evaluated", r.restart.evaluated, budgetEvaluated),
		atMost("Start without a ledger, all evaluated", r.install.evaluated, budgetEvaluated),
		memoryVerdict(r.namespaces, r.pods, r.measured.peak),
		reopened(r.measured),
		recorded(r.ledger),
	})
}
