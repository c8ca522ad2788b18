package main

import "fmt"

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
