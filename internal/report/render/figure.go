package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/report"
)

const (
	// figureBins is the number of bins of a plot on the page: its unit of width.
	figureBins = 240
	// laneHeight is the height of a lane, in the units of its own drawing.
	laneHeight = 40
)

// plotFigure is the timeline of a control: lanes one above another, each a
// drawing that is stretched to the width there is. Labels are text beside them.
type plotFigure struct {
	Lanes []lane
	Ticks []tick
	Width int
	// Ends are the ends of the period.
	From, To string
}

// lane is one line of a timeline.
type lane struct {
	Label, Note string
	// Title and Description say the same to those who do not see it.
	Title, Description string
	Class              string
	Height             int
	Shapes             []shape
}

// shape is a path with the class that gives it its look.
type shape struct{ Class, Path string }

// tick is a mark on the axis, at so many percent of its length.
type tick struct {
	Label string
	At    string
	// Minor ticks are left out where it is narrow.
	Minor bool
}

func newPlotFigure(r *report.Record, c *report.Control) *plotFigure {
	p := newPlot(r, c, figureBins)
	if p == nil {
		return nil
	}
	f := &plotFigure{Width: figureBins, Ticks: ticks(p.from, p.to), From: r.Query.From.UTC().Format(clockLayout), To: r.Query.To.UTC().Format(clockLayout)}
	f.Lanes = []lane{p.deviatingLane(name(c)), p.begunLane(name(c)), p.observedLane(name(c))}
	return f
}

func (p *plot) deviatingLane(control string) lane {
	top := slices.Max(p.deviating)
	return lane{
		Label: "Deviating at once", Note: "at most " + count(top, "subject"),
		Title:       "Subjects of " + control + " that deviated at once",
		Description: fmt.Sprintf("Over the period, the largest number of subjects that deviated at the same time; at most %d.", top),
		Class:       "lane", Height: laneHeight,
		Shapes: append(p.background(), shape{"deviating", bars(p.deviating, top, laneHeight, laneHeight, up)}),
	}
}

func (p *plot) begunLane(control string) lane {
	const middle = laneHeight / 2
	above, below := slices.Max(p.outside), slices.Max(p.within)
	return lane{
		Label: "Episodes begun", Note: fmt.Sprintf("above: outside tolerance, at most %d in a bar; below: within, at most %d", above, below),
		Title:       "Episodes of " + control + " by their beginning",
		Description: fmt.Sprintf("Above the line those outside the stated tolerance, at most %d in one bar; below it those within, at most %d.", above, below),
		Class:       "lane", Height: laneHeight,
		Shapes: append(p.background(),
			shape{"outside", bars(p.outside, above, middle, middle, up)}, shape{"within", bars(p.within, below, middle, middle, down)},
			shape{"axis", fmt.Sprintf("M0 %dH%d", middle, figureBins)}),
	}
}

func (p *plot) observedLane(control string) lane {
	const height = 10
	observed := make([]bool, len(p.gap))
	for i := range observed {
		observed[i] = !p.gap[i] && !p.idle[i] && !p.unseen[i]
	}
	return lane{
		Label: "Observed", Note: "broken by gaps",
		Title:       "When " + control + " was observed",
		Description: "A band over the period, broken where observation was due and absent, and where the control was not in operation.",
		Class:       "lane thin", Height: height,
		Shapes: []shape{{"observed", runs(observed, height)}},
	}
}

// background are the bands of gaps and of times out of operation.
func (p *plot) background() []shape {
	return []shape{{"idle", runs(p.idle, laneHeight)}, {"unseen", runs(p.unseen, laneHeight)}, {"gap", runs(p.gap, laneHeight)}}
}

// bars draws counts as bars from a base line, up or down, each at least two units high.
func bars(counts []int, top, base, height int, r rounding) string {
	var b strings.Builder
	for i := 0; i < len(counts); {
		j := i + 1
		for j < len(counts) && counts[j] == counts[i] {
			j++
		}
		if counts[i] > 0 {
			long := max(height*counts[i]/max(top, 1), 2)
			if r == up {
				long = -long
			}
			fmt.Fprintf(&b, "M%d %dv%dh%dv%dz", i, base, long, j-i, -long)
		}
		i = j
	}
	return b.String()
}

// runs draws the bins that are set, as bands over the whole height.
func runs(bins []bool, height int) string {
	var b strings.Builder
	for i := 0; i < len(bins); {
		j := i
		for j < len(bins) && bins[j] {
			j++
		}
		if j > i {
			fmt.Fprintf(&b, "M%d 0h%dv%dh-%dz", i, j-i, height, j-i)
		}
		i = j + 1
	}
	return b.String()
}

const (
	// mostTicks is how many ticks an axis has at most.
	mostTicks = 10
	// lastTick is where the last may be, in percent: its label needs room.
	lastTick = 92.5
)

// ticks are marks on round dates, at most ten.
func ticks(from, to time.Time) []tick {
	for _, s := range scales() {
		var list []tick
		for t := s.first(from); t.Before(to); t = s.next(t) {
			at := float64(t.Sub(from)) / float64(to.Sub(from)) * 100
			if at > lastTick {
				break
			}
			if list = append(list, tick{t.Format(s.layout), strconv.FormatFloat(at, 'f', 2, 64), len(list)%2 == 1}); len(list) > mostTicks {
				break
			}
		}
		if len(list) <= mostTicks && len(list) > 1 {
			return list
		}
	}
	return nil
}

// scale is a way to put ticks on an axis.
type scale struct {
	layout string
	next   func(time.Time) time.Time
	// unit is what the first tick is rounded to; 0 means months.
	unit time.Duration
}

// first is the first tick at or after a time.
func (s scale) first(from time.Time) time.Time {
	t := from.Truncate(max(s.unit, 1))
	if s.unit == 0 {
		t = time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	for t.Before(from) {
		t = s.next(t)
	}
	return t
}

// scales are those of an axis, the finest first.
func scales() []scale {
	var list []scale
	for _, s := range []struct {
		unit   time.Duration
		layout string
	}{
		{time.Second, timeOfDay}, {10 * time.Second, timeOfDay}, {time.Minute, "15:04"}, {5 * time.Minute, "15:04"}, {15 * time.Minute, "15:04"},
		{time.Hour, "15:04"}, {3 * time.Hour, "15:04"}, {12 * time.Hour, "2 Jan 15:04"}, {aDay, "2 Jan"}, {7 * aDay, "2 Jan"}, {14 * aDay, "2 Jan"},
	} {
		list = append(list, scale{s.layout, func(t time.Time) time.Time { return t.Add(s.unit) }, s.unit})
	}
	for _, months := range []int{1, 3, 12} {
		list = append(list, scale{"Jan 2006", func(t time.Time) time.Time { return t.AddDate(0, months, 0) }, 0})
	}
	return list
}
