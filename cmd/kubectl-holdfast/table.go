package main

import (
	"strings"
	"unicode/utf8"
)

// columnGap separates columns, as kubectl does.
const columnGap = "   "

// minWrap is the least width to which a last column is wrapped: narrower ones
// are easier to read on long lines.
const minWrap = 24

// table is text in aligned columns. The last column may be long: it is wrapped to
// the screen.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

// row adds a row. Names and messages may come from anybody, so that nothing in
// them moves the cursor.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = printable(dash(cells[i]))
	}
	t.rows = append(t.rows, cells)
}

// print prints the table with an indent, and nothing where it has no rows.
func (t *table) print(out *strings.Builder, s screen, indent string) {
	if len(t.rows) == 0 {
		return
	}
	widths := t.widths()
	if len(t.head) > 0 {
		t.printRow(out, screen{width: s.width}, indent, widths, t.head)
	}
	for _, row := range t.rows {
		t.printRow(out, s, indent, widths, row)
	}
}

// widths are those of the columns but the last.
func (t *table) widths() []int {
	var widths []int
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row[:max(len(row)-1, 0)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func (t *table) printRow(out *strings.Builder, s screen, indent string, widths []int, row []string) {
	out.WriteString(indent)
	used := utf8.RuneCountInString(indent)
	last := len(row) - 1
	for i, cell := range row[:last] {
		out.WriteString(s.tint(cell))
		out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + columnGap)
		used += widths[i] + len(columnGap)
	}
	for i, line := range wrap(row[last], s.width-used) {
		if i > 0 {
			out.WriteString(strings.Repeat(" ", used))
		}
		out.WriteString(s.tint(line) + "\n")
	}
}

// tint colours a cell that says how something stands: by all of it, or by its
// first word where a reason in brackets follows.
func (s screen) tint(cell string) string {
	word, rest, _ := strings.Cut(cell, " ")
	if rest != "" && !strings.HasPrefix(rest, "(") {
		return cell
	}
	if rest == "(ObserveOnly)" {
		return cell
	}
	return s.paint(colourOf(word), cell)
}

// wrap breaks text into lines of at most width, at spaces. A word that is longer
// has a line of its own. Without a sensible width there is one line.
func wrap(text string, width int) []string {
	if width < minWrap || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// paragraph prints text after a label, wrapped to the screen.
func (s screen) paragraph(out *strings.Builder, label, text string) {
	const indent = "  "
	for i, line := range wrap(label+" "+printable(text), s.width-len(indent)) {
		if i > 0 {
			out.WriteString(indent)
		}
		out.WriteString(line + "\n")
	}
}
