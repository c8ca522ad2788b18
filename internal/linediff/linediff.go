// Package linediff says how two texts differ, line by line, in the unified
// format that diff -u prints.
package linediff

import (
	"fmt"
	"slices"
	"strings"
)

// context is how many equal lines are shown around a difference.
const context = 3

// Unified returns the difference of two texts in the unified format, under two
// names, and nothing where they are equal.
func Unified(oldName, newName, before, after string) string {
	if before == after {
		return ""
	}
	lines := compare(split(before), split(after))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", oldName, newName)
	for _, h := range hunks(lines) {
		h.print(&out, lines)
	}
	return out.String()
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// line is a line of either text, or of both: its mark is '-', '+' or ' '.
type line struct {
	mark byte
	text string
}

// compare returns all lines of both texts, with as many as possible in common.
func compare(before, after []string) []line {
	var head, tail []line
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		head = append(head, line{' ', before[0]})
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		tail = append(tail, line{' ', before[len(before)-1]})
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	slices.Reverse(tail)
	return slices.Concat(head, changed(before, after), tail)
}

// changed compares what is left by the longest common subsequence.
func changed(before, after []string) []line {
	common := commonLengths(before, after)
	var lines []line
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			lines = append(lines, line{' ', before[i]})
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, line{'-', before[i]})
			i++
		default:
			lines = append(lines, line{'+', after[j]})
			j++
		}
	}
	return lines
}

// commonLengths returns the length of the longest common subsequence of every
// pair of remainders.
func commonLengths(before, after []string) [][]int32 {
	lengths := make([][]int32, len(before)+1)
	for i := range lengths {
		lengths[i] = make([]int32, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	return lengths
}

// hunk is a run of lines that are shown: from one up to, but without, another.
type hunk struct{ from, to int }

// hunks are the runs of differing lines with the equal lines around them.
func hunks(lines []line) []hunk {
	var found []hunk
	for i, l := range lines {
		if l.mark == ' ' {
			continue
		}
		from, to := max(0, i-context), min(len(lines), i+1+context)
		if n := len(found); n > 0 && from <= found[n-1].to {
			found[n-1].to = to
			continue
		}
		found = append(found, hunk{from, to})
	}
	return found
}

func (h hunk) print(out *strings.Builder, lines []line) {
	oldFrom, newFrom := position(lines[:h.from])
	oldCount, newCount := position(lines[h.from:h.to])
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(oldFrom, oldCount), span(newFrom, newCount))
	for _, l := range lines[h.from:h.to] {
		fmt.Fprintf(out, "%c%s\n", l.mark, l.text)
	}
}

// position counts the lines of either text.
func position(lines []line) (before, after int) {
	for _, l := range lines {
		if l.mark != '+' {
			before++
		}
		if l.mark != '-' {
			after++
		}
	}
	return before, after
}

// span is a range of lines: the first one, from 1, and how many. One of no lines
// is named by the line before it.
func span(preceding, lines int) string {
	if lines == 0 {
		return fmt.Sprintf("%d,0", preceding)
	}
	return fmt.Sprintf("%d,%d", preceding+1, lines)
}
