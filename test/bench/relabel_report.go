package main

import (
	"bytes"
	"fmt"
)

// write writes the table, and how its figures were made.
func (r *relabelResult) write(w *bytes.Buffer) {
	r.table().write(w)
	fmt.Fprintf(w, `Holdfast alone, without a controller manager. Each namespace has the label of one of %d teams. In %d namespaces a user's policy allows the namespaces of a team; how many teams that are is the number of distinct selectors. One namespace after the other, %s apart, then goes to another team, which changes nobody's verdict. CPU is from /proc, over all of them and until all is quiet. A policy that allows every namespace but quarantined ones shows how soon the operator knows that one is: its metrics are read every %s, which adds to the time.

`, teams, r.users, relabelPause, pollEvery)
}

func (r *relabelResult) table() *table {
	t := &table{header: []string{fmt.Sprintf("%d namespaces, policies of users in %d of them", r.namespaces, r.users)}}
	cost, requests := []string{"CPU per relabel, from one team to another"}, []string{"– API requests of the operator per relabel"}
	entered := []string{fmt.Sprintf("%d namespaces brought into scope, one at a time, protected: p50 / p99", entering)}
	seen := []string{"A selector selects every namespace, or no longer does, until the metrics show it: p50 / max"}
	for _, now := range r.by {
		t.header = append(t.header, fmt.Sprintf("distinct peer selectors: %d", now.selectors))
		cost = append(cost, fmt.Sprintf("%s (of %d)", readable(now.cost.cpuEach()), now.cost.events))
		requests = append(requests, fmt.Sprintf("%.2f", now.cost.each(kindRepair, kindOther)))
		entered = append(entered, readableAll(now.entered.median(), now.entered.percentile(99)))
		seen = append(seen, readableAll(now.flips.median(), now.flips.last()))
	}
	t.add(cost...)
	t.add(requests...)
	t.add(seen...)
	t.add(entered...)
	return t
}

func (r *relabelResult) verdicts() []verdict {
	var verdicts []verdict
	for _, now := range r.by {
		at := fmt.Sprintf("%d namespaces, peer selectors: %d", r.namespaces, now.selectors)
		verdicts = append(verdicts, located(at, []verdict{
			atMost("One namespace relabelled, CPU", now.cost.cpuEach(), budgetRelabel),
		})...)
	}
	return verdicts
}
