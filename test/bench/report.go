package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// report is all that a run found.
type report struct {
	facts    facts
	options  options
	sizes    []*sizeResult
	relabels *relabelResult
	pods     []*podsResult
	// records, collections, encryption and backups are nil where they were not measured.
	records     *recordsResult
	collections *collectResult
	encryption  *encryptionResult
	backups     *backupResult
	took        time.Duration
}

// write writes the report as Markdown.
func (r *report) write(w *bytes.Buffer) {
	fmt.Fprintf(w, "# Benchmarks\n\n")
	fmt.Fprintf(w, "Made by `make bench`, which measures Holdfast beside the floor: a bare program (`test/bench/floor`) "+
		"of two informers and one server-side apply per event, which writes the same objects. "+
		"Figures are of one run on one machine; only the ratios carry over to another.\n\n")
	r.writeNoise(w)
	r.writeBudgets(w)
	for _, size := range r.sizes {
		r.section(w, fmt.Sprintf("%d namespaces", size.namespaces))
		size.table(r.options).write(w)
		writeLedger(w, size.ledger)
	}
	if r.relabels != nil {
		r.section(w, "One namespace relabelled")
		r.relabels.write(w)
	}
	for _, p := range r.pods {
		r.section(w, p.String())
		p.write(w)
		writeLedger(w, p.ledger)
	}
	if r.records != nil {
		r.section(w, r.records.String())
		r.records.write(w)
	}
	if r.collections != nil {
		r.section(w, r.collections.String())
		r.collections.write(w)
	}
	if r.encryption != nil {
		r.section(w, r.encryption.String())
		r.encryption.write(w)
	}
	if r.backups != nil {
		r.section(w, r.backups.String())
		r.backups.write(w)
	}
	r.writeMethod(w)
	r.writeMachine(w)
}

// section begins a section of figures with where they are from: a report may be
// put together from several runs.
func (r *report) section(w *bytes.Buffer, title string) {
	fmt.Fprintf(w, "## %s\n\nMeasured on %s at %s, with a load average of %.1f on %d cores before.\n\n",
		title, r.facts.date.Format(time.DateOnly), r.facts.commit, r.facts.load, r.facts.cores)
}

func writeLedger(w *bytes.Buffer, c *ledgerCheck) {
	if c != nil {
		fmt.Fprintf(w, "The ledger: %s.\n\n", c)
	}
}

// writeBudgets judges what was measured.
func (r *report) writeBudgets(w *bytes.Buffer) {
	verdicts := r.verdicts()
	if len(verdicts) == 0 {
		return
	}
	fmt.Fprintf(w, "%s\n\n", budgetsHeading)
	t := &table{header: []string{"What", "At", "Budget", "Measured", ""}}
	for _, v := range append(verdicts, elsewhere()...) {
		t.add(v.what, v.at, v.limit, v.measured, v.String())
	}
	t.write(w)
}

// verdicts judges every size from the budgets' on, or the largest if all are smaller.
func (r *report) verdicts() []verdict {
	sizes := slices.SortedFunc(slices.Values(r.sizes), func(a, b *sizeResult) int { return a.namespaces - b.namespaces })
	var verdicts []verdict
	var smaller *sizeResult
	for i, size := range sizes {
		if size.namespaces >= budgetScale || i == len(sizes)-1 {
			verdicts = append(verdicts, judge(size, smaller)...)
		}
		smaller = size
	}
	if r.relabels != nil {
		verdicts = append(verdicts, r.relabels.verdicts()...)
	}
	for _, p := range r.pods {
		verdicts = append(verdicts, p.verdicts()...)
	}
	if r.records != nil {
		verdicts = append(verdicts, r.records.verdicts()...)
	}
	if r.encryption != nil {
		verdicts = append(verdicts, r.encryption.verdicts()...)
	}
	if r.backups != nil {
		verdicts = append(verdicts, r.backups.verdicts()...)
	}
	return verdicts
}

// table puts the engines side by side.
func (r *sizeResult) table(o options) *table {
	t := &table{header: []string{""}}
	for _, m := range r.engines {
		t.header = append(t.header, m.engine.name)
	}
	f, h := r.of(floorName), r.of(holdfastName)
	both := f != nil && h != nil
	if both {
		t.header = append(t.header, holdfastName+" / "+floorName)
	}
	for _, line := range lines(r.namespaces, o) {
		row := []string{line.what}
		for _, m := range r.engines {
			row = append(row, line.show(m))
		}
		if both && line.compared != nil {
			row = append(row, line.ratios(f, h))
		}
		t.add(row...)
	}
	return t
}
