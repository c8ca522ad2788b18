package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The budgets of a ledger of a million entries.
const (
	budgetRecord       = 10 * time.Second
	budgetRecordMemory = 512 << 20
	budgetVerify       = 20 * time.Second
	budgetOpened       = 2 * time.Second
)

// recordsAt is the size that the budgets are for.
const recordsAt = "a ledger of one million entries"

func splitPath(path string) []string { return strings.Split(path, "/") }

// String names the section of the report.
func (r *recordsResult) String() string {
	if r.entries >= 1_000_000 {
		return "A ledger of one million entries"
	}
	return fmt.Sprintf("A ledger of %d entries", r.entries)
}

func (r *recordsResult) write(w *bytes.Buffer) {
	t := &table{header: []string{fmt.Sprintf("%d entries over twelve months, %d namespaces", r.entries, r.namespaces), "time", "CPU", "memory, peak"}}
	t.add("Record of the twelve months, JSON", readable(r.json.took), readable(r.json.cpu), mebibytes(r.json.peak))
	t.add("– as a page", readable(r.html.took), readable(r.html.cpu), mebibytes(r.html.peak))
	t.add("Verification with the key and a held checkpoint", readable(r.verify.took), readable(r.verify.cpu), mebibytes(r.verify.peak))
	t.add("Opening the ledger, as at a start: median / worst", readableAll(r.opened.median(), r.opened.last()), nothing, nothing)
	t.add("Reading one day of entries: median / worst", readableAll(r.day.median(), r.day.last()), nothing, nothing)
	t.add("Reading all entries", readable(r.read.last()), nothing, nothing)
	t.add("Generating it, through the ledger itself", r.written.Round(time.Second).String(), nothing, nothing)
	t.write(w)
	var sizes []string
	for _, part := range slices.SortedFunc(maps.Keys(r.sizes), func(a, b string) int { return int(r.sizes[b]) - int(r.sizes[a]) }) {
		if r.sizes[part] >= 1<<20 {
			sizes = append(sizes, part+" "+mebibytes(r.sizes[part]))
		}
	}
	fmt.Fprintf(w, `On the disk: %s. The record has %d controls and %d episodes.

The ledger is generated (internal/synthetic): heartbeats every five minutes, a collection a day, restarts, outages, edits of policies, and namespaces that drift until there are so many entries; each state is what the evaluator says of the inputs that are kept with it. Record and verification are the command line's, each a process of its own; peak memory is the kernel's mark of it. The ledger was written shortly before: its files were in the page cache.

`, strings.Join(sizes, ", "), r.controls, r.episodes)
}

func (r *recordsResult) verdicts() []verdict {
	if r.entries < 1_000_000 {
		return nil
	}
	record := verdict{what: "Record of 12 months", limit: "≤ 10 s, ≤ 512 MiB", measured: readable(r.json.took) + ", " + mebibytes(r.json.peak),
		share: max(ratio(r.json.took, budgetRecord), float64(r.json.peak)/budgetRecordMemory)}
	opened := atMost("Start of the operator", r.opened.last(), budgetOpened)
	opened.measured += " to open its ledger"
	return located(recordsAt, []verdict{
		record,
		atMost("Verification", r.verify.took, budgetVerify),
		opened,
	})
}
