package main

import (
	"slices"
	"strings"
)

// The headings that mean something to a merge.
const (
	budgetsHeading = "## Budgets"
	// notesHeading begins what people wrote under a report, about why its figures
	// are what they are.
	notesHeading = "## Notes"
)

// sections splits a report before each heading of the second level.
func sections(report []byte) []string {
	parts := strings.Split(string(report), "\n## ")
	for i := range parts {
		parts[i] = strings.TrimRight(parts[i], "\n")
		if i > 0 {
			parts[i] = "## " + parts[i]
		}
	}
	return parts
}

// join puts sections together.
func join(sections []string) []byte {
	return []byte(strings.Join(sections, "\n\n") + "\n")
}

// heading returns the first line of a section.
func heading(section string) string {
	line, _, _ := strings.Cut(section, "\n")
	return line
}

// keepNotes returns a report with the notes under the one before.
func keepNotes(report, before []byte) []byte {
	kept := sections(report)
	for _, section := range sections(before) {
		if heading(section) == notesHeading {
			kept = append(kept, section)
		}
	}
	return join(kept)
}

// merge returns the report before with those sections replaced that were
// measured again, and of the budgets those rows. What is new comes after what
// it follows in the new report.
func merge(report, before []byte) []byte {
	merged := sections(before)
	place := 0
	for _, section := range sections(report) {
		at := slices.IndexFunc(merged, func(s string) bool { return heading(s) == heading(section) })
		switch {
		case at < 0:
			merged = slices.Insert(merged, place, section)
			at = place
		case heading(section) == budgetsHeading:
			merged[at] = mergeRows(section, merged[at])
		default:
			merged[at] = section
		}
		place = at + 1
	}
	return join(merged)
}

// mergeRows returns the section before with the rows replaced that are about the
// same, by their first two cells, and those added that are new: after what they
// follow, and at the end where that is the header.
func mergeRows(section, before string) string {
	lines := strings.Split(before, "\n")
	place := len(lines)
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		at := slices.IndexFunc(lines, func(s string) bool { return subject(s) == subject(line) })
		if at < 0 {
			lines = slices.Insert(lines, place, line)
			at = place
		}
		lines[at] = line
		if place = at + 1; place < len(lines) && strings.HasPrefix(lines[place], "|--") {
			place = len(lines)
		}
	}
	return strings.Join(lines, "\n")
}

// subject returns what a row of the budgets is about and at which size.
func subject(row string) string {
	cells := strings.SplitN(row, " | ", 3)
	return strings.Join(cells[:min(2, len(cells))], " | ")
}
