package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	const before = `# Benchmarks

Introduction.

## Budgets

| What | At | Budget | Measured |  |
|---|---|---|---|---|
| p50 | 1000 namespaces | ≤ 1× | 1× | met |
| p50 | 5000 namespaces | ≤ 1× | 1× | met |
| Demo | a warm cache | ≤ 30 s | – | not measured |

## 1000 namespaces

old

## 5000 namespaces

old

## How it was made

old

## Notes

The disk is slow.
`
	const report = `# Benchmarks

Introduction.

## Budgets

| What | At | Budget | Measured |  |
|---|---|---|---|---|
| p50 | 5000 namespaces | ≤ 1× | 2× | missed |
| CPU | 5000 namespaces | ≤ 5 ms | 4 ms | met |

## 5000 namespaces

new

## One namespace relabelled

new

## How it was made

new
`
	const want = `# Benchmarks

Introduction.

## Budgets

| What | At | Budget | Measured |  |
|---|---|---|---|---|
| p50 | 1000 namespaces | ≤ 1× | 1× | met |
| p50 | 5000 namespaces | ≤ 1× | 2× | missed |
| CPU | 5000 namespaces | ≤ 5 ms | 4 ms | met |
| Demo | a warm cache | ≤ 30 s | – | not measured |

## 1000 namespaces

old

## 5000 namespaces

new

## One namespace relabelled

new

## How it was made

new

## Notes

The disk is slow.
`
	if diff := cmp.Diff(want, string(merge([]byte(report), []byte(before)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeKeepsTheTable(t *testing.T) {
	const header = "## Budgets\n\n| What | At | Budget |\n|---|---|---|\n"
	got := mergeRows(header+"| new | here | 1 |\n| newer | here | 2 |\n| old | there | 4 |\n", header+"| old | there | 3 |")
	if diff := cmp.Diff(header+"| old | there | 4 |\n| new | here | 1 |\n| newer | here | 2 |", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
