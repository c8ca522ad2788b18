package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// labelWidth is the width of the labels left of a plot.
const labelWidth = 12

// Timeline writes, for a terminal, how each control held over the period.
func Timeline(w io.Writer, r *report.Record, o Options) error {
	t := &textWriter{width: o.width(), ascii: o.ASCII}
	t.line("", r.Title)
	if _, _, ok := period(r); !ok {
		t.line("", "A record of an instant has no timeline.")
		return t.flush(w)
	}
	for i := range r.Controls {
		t.timeline(r, &r.Controls[i])
	}
	t.legend()
	return t.flush(w)
}

// timeline plots one control in four lines.
func (t *textWriter) timeline(r *report.Record, c *report.Control) {
	bins := t.width - labelWidth - 2
	p := newPlot(r, c, bins)
	t.section(name(c))
	t.labelledPlot("", pad(clip(ends(p), bins), bins))
	t.labelledPlot("deviating", t.bars(p, p.deviating))
	t.labelledPlot("outside", t.bars(p, p.outside))
	t.labelledPlot("within", t.bars(p, p.within))
	t.labelledPlot("gaps", t.flags(p))
	t.line("  ", fmt.Sprintf("%s; at most %s at once; %s; coverage %s", count(len(c.Subjects), "subject"),
		number(slices.Max(p.deviating))+" deviating", episodesLine(c.Counts), coverage(c.Coverage)))
}

// labelledPlot writes a line of a plot, whole.
func (t *textWriter) labelledPlot(label, plot string) {
	t.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s%s", labelWidth-2, label, plot), " ") + "\n")
}

// ends are the period's ends, at the plot's.
func ends(p *plot) string {
	from, to := p.from.Format(dateLayout), p.to.Format(dateLayout)
	if p.to.Sub(p.from) < 2*aDay {
		from, to = p.from.Format(clockLayout), p.to.Format(clockLayout)
	}
	return from + strings.Repeat(" ", max(len(p.deviating)-len(from)-len(to), 1)) + to
}

// levels are the marks of a bar, from the lowest to the highest.
func (t *textWriter) levels() []rune {
	if t.ascii {
		return []rune(".:-=+*#@")
	}
	return []rune("▁▂▃▄▅▆▇█")
}

// bars draws counts; the highest of the control is a whole bar.
func (t *textWriter) bars(p *plot, counts []int) string {
	levels := t.levels()
	top := max(slices.Max(counts), 1)
	var b strings.Builder
	for i, n := range counts {
		switch {
		case n > 0:
			b.WriteRune(levels[(n*len(levels)-1)/top])
		case p.unseen[i]:
			b.WriteByte(' ')
		case p.idle[i]:
			b.WriteByte('-')
		default:
			b.WriteString(t.ground())
		}
	}
	return b.String()
}

// ground is where there is nothing to draw.
func (t *textWriter) ground() string {
	if t.ascii {
		return "_"
	}
	return "·"
}

// flags draws in which bins observation was absent.
func (t *textWriter) flags(p *plot) string {
	mark := "░"
	if t.ascii {
		mark = "x"
	}
	var b strings.Builder
	for i := range p.gap {
		switch {
		case p.gap[i]:
			b.WriteString(mark)
		case p.unseen[i]:
			b.WriteByte(' ')
		default:
			b.WriteString(t.ground())
		}
	}
	return b.String()
}

func (t *textWriter) legend() {
	levels := t.levels()
	mark := string(levels[0]) + " to " + string(levels[len(levels)-1])
	gap := t.flags(&plot{gap: []bool{true}, unseen: []bool{false}})
	t.WriteString("\n")
	t.line("", fmt.Sprintf("%s: from few to the most of the line. deviating: subjects at once. outside and within: episodes that began, outside "+
		"and within the stated tolerance. %s: observation was absent. -: not in operation. Blank: after the evidence.", mark, gap))
}
