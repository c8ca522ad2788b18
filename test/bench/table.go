package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// nothing stands where nothing was measured.
const nothing = "–"

// table is a Markdown table.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table and an empty line. Rows that are too short are filled up.
func (t *table) write(w *bytes.Buffer) {
	line := func(cells []string) {
		filled := make([]string, len(t.header))
		copy(filled, cells)
		for i, cell := range filled {
			filled[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(filled, " | "))
	}
	line(t.header)
	fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(t.header)))
	for _, row := range t.rows {
		line(row)
	}
	fmt.Fprintln(w)
}

// readable shows a duration with three significant digits, in ms or s.
func readable(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d == 0:
		return nothing
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.2f s", ms/1000)
	}
}

// readableAll shows several durations in a row.
func readableAll(durations ...time.Duration) string {
	var parts []string
	for _, d := range durations {
		parts = append(parts, readable(d))
	}
	return strings.Join(parts, " / ")
}

// mebibytes shows a number of bytes.
func mebibytes(bytes uint64) string {
	if bytes == 0 {
		return nothing
	}
	return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
}

// times shows a ratio.
func times(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return nothing
	}
	return fmt.Sprintf("%.2f×", ratio(a, b))
}

// ratio returns a / b, 0 where b is 0.
func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
