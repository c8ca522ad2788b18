package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// summaryRows is how many episodes a control's summary lists.
const summaryRows = 5

// Text writes a summary for a terminal.
func Text(w io.Writer, r *report.Record, o Options) error {
	t := &textWriter{width: o.width(), ascii: o.ASCII}
	t.line("", r.Title)
	t.line("", "Evidence through "+clock(r.Through)+". All times are UTC. "+queryTitle(r.Query))
	for _, banner := range r.Banners {
		t.line("! ", banner)
	}
	t.overview(r)
	for i := range r.Controls {
		t.control(r, &r.Controls[i], o)
	}
	t.gaps(r)
	t.slots(r.Slots)
	t.custody(r.Custody)
	t.section("Statements")
	for _, statement := range r.Statements {
		t.line("  ", statement)
	}
	return t.flush(w)
}

// queryTitle says which policies and controls the record is about.
func queryTitle(q report.Query) string {
	text := queryText(q)
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// textWriter writes text of a certain width.
type textWriter struct {
	strings.Builder
	width int
	ascii bool
}

func (t *textWriter) flush(w io.Writer) error {
	text := t.String()
	if t.ascii {
		text = plain(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// plain replaces what is not ASCII.
func plain(text string) string {
	text = strings.NewReplacer("…", "...", "–", "-", "—", "-", "×", "x", "≤", "<=", "→", "->").Replace(text)
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, text)
}

// printable replaces what would move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// line writes text after a lead, wrapped; further lines are indented as deep.
func (t *textWriter) line(lead, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(lead))
	for i, part := range wrapText(printable(text), t.width-len(indent)) {
		if i > 0 {
			lead = indent
		}
		t.WriteString(strings.TrimRight(lead+part, " ") + "\n")
	}
}

// section begins a section.
func (t *textWriter) section(title string) {
	t.WriteString("\n")
	t.line("", title)
}

// labelled writes a line of a list with labels.
func (t *textWriter) labelled(label, text string) {
	if text != "" {
		t.line(fmt.Sprintf("  %-13s ", label), text)
	}
}

// wrapText breaks text at spaces into lines of at most width characters, and
// within words that are longer.
func wrapText(text string, width int) []string {
	var lines []string
	line := []rune{}
	for word := range strings.FieldsSeq(text) {
		rest := []rune(word)
		if len(line) > 0 && len(line)+1+len(rest) > width {
			lines, line = append(lines, string(line)), nil
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for len(rest) > width {
			lines, rest = append(lines, string(rest[:width])), rest[width:]
		}
		line = append(line, rest...)
	}
	return append(lines, string(line))
}

// columns writes rows in aligned columns: the first to the left and as wide as
// is left over, the others to the right.
func (t *textWriter) columns(indent string, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	used := len(indent)
	for _, width := range widths[1:] {
		used += width + 2
	}
	widths[0] = min(widths[0], max(t.width-used, 12))
	for _, row := range rows {
		line := indent + pad(clip(row[0], widths[0]), widths[0])
		for i, cell := range row[1:] {
			line += "  " + strings.Repeat(" ", widths[i+1]-utf8.RuneCountInString(cell)) + cell
		}
		t.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

// clip shortens text to a width, and shows that it did.
func clip(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:max(width-1, 0)]) + "…"
}
