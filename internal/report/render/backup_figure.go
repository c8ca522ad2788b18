package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

const (
	// slotBins is the number of bins of the strip of slots, ageBins that of the ages
	// of recovery points.
	slotBins = 1440
	ageBins  = 360
)

// backupFigure are the slots of a control over the period, and how old its newest
// recovery point was: lanes of two widths, one above the other.
type backupFigure struct {
	Slots, Ages plotFigure
}

func newBackupFigure(r *report.Record, c *report.Control) *backupFigure {
	slots, ages := newPlot(r, c, slotBins), newPlot(r, c, ageBins)
	if slots == nil || c.Backups == nil {
		return nil
	}
	return &backupFigure{
		Slots: plotFigure{Width: slotBins, Lanes: []lane{slots.slotLane(c)}},
		Ages:  plotFigure{Width: ageBins, Lanes: []lane{ages.ageLane(c)}, Ticks: ticks(ages.from, ages.to)},
	}
}

// slotStates are the states of slots, the better ones first, with the class and the
// place of their cells: those that give a recovery point stand above the line.
func slotStates() []slotState {
	return []slotState{
		{ledger.OccurrenceCompleted, "ran", laneHeight / 2, laneHeight/2 - 2}, {ledger.OccurrenceLate, "late", laneHeight / 2, laneHeight / 4},
		{ledger.OccurrencePartiallyFailed, "partly", laneHeight / 2, -laneHeight / 4}, {ledger.OccurrenceFailed, "failed", laneHeight / 2, -(laneHeight/2 - 2)},
		{ledger.OccurrenceMissed, "missed", laneHeight / 2, -(laneHeight/2 - 2)},
	}
}

// slotState is how cells of a state are drawn: so high from a base line, or so deep.
type slotState struct {
	state, class string
	base, height int
}

// slotLane is a strip with a cell for each slot, as long as until the next one. Where
// more than one share a bin, the worst of them shows.
func (p *plot) slotLane(c *report.Control) lane {
	states := slotStates()
	cells := make([]int, len(p.gap)) // 0 for none, else one more than the index of the state
	for _, s := range slotCells(c, p.to) {
		for i, st := range states {
			if st.state == s.state {
				p.fill(cells, s.stretchOfTime, i+1)
			}
		}
	}
	l := lane{
		Label: "Slots", Note: "above the line: completed, late; below: partially failed, failed, missed",
		Title: "Slots of " + name(c), Description: "Each cell is a slot in which a backup was due. " + backupSlots(c.Backups.Slots) + ".",
		Class: "lane", Height: laneHeight, Shapes: p.background(),
	}
	for i, st := range states {
		l.Shapes = append(l.Shapes, shape{st.class, cellsOf(cells, i+1, st)})
	}
	l.Shapes = append(l.Shapes, shape{"axis", fmt.Sprintf("M0 %dH%d", laneHeight/2, len(cells))})
	return l
}

// slotCell is one slot, up to the next one.
type slotCell struct {
	stretchOfTime
	state string
}

// slotCells are the slots of a control, in order; several that were missed are as far
// from each other as they can be.
func slotCells(c *report.Control, end time.Time) []slotCell {
	var cells []slotCell
	add := func(at time.Time, state string) {
		if n := len(cells); n > 0 {
			cells[n-1].to = at
		}
		cells = append(cells, slotCell{stretchOfTime{at, end}, state})
	}
	for i := range c.Backups.Occurrences {
		o := &c.Backups.Occurrences[i]
		if o.Slot == nil {
			continue
		}
		for n := range o.Count {
			at := o.Slot.UTC()
			if o.LastSlot != nil {
				at = at.Add(o.LastSlot.Sub(o.Slot.Time) / time.Duration(o.Count-1) * time.Duration(n))
			}
			add(at, o.State)
		}
	}
	if n := len(cells); n > 1 {
		cells[n-1].to = cells[n-1].from.Add(cells[n-1].from.Sub(cells[n-2].from))
	}
	return cells
}

// fill sets the bins of a stretch but for the last, so that the next cell stands
// apart; what is worse stays.
func (p *plot) fill(cells []int, s stretchOfTime, value int) {
	from := p.bin(s.from)
	for i := from; i < max(p.bin(s.to)-1, from+1); i++ {
		cells[i] = max(cells[i], value)
	}
}

// cellsOf draws the cells of one state.
func cellsOf(cells []int, value int, st slotState) string {
	var b strings.Builder
	for i := 0; i < len(cells); {
		j := i
		for j < len(cells) && cells[j] == value {
			j++
		}
		if j > i {
			fmt.Fprintf(&b, "M%d %dv%dh%dv%dz", i, st.base, -st.height, j-i, st.height)
		}
		i = j + 1
	}
	return b.String()
}

// ageLane has how old the newest recovery point came to be in each bin: in another
// colour where it was beyond the objective.
func (p *plot) ageLane(c *report.Control) lane {
	points := &c.Backups.RecoveryPoints
	ages := p.ages(points)
	beyond := make([]bool, len(ages))
	for _, b := range points.Beyond {
		p.mark(beyond, b.From.Time, b.To.Time)
	}
	within, outside := make([]int, len(ages)), make([]int, len(ages))
	top := 1
	for i, age := range ages {
		top = max(top, age)
		if beyond[i] {
			outside[i] = max(age, 1)
		} else {
			within[i] = age
		}
	}
	for _, o := range points.Objectives {
		top = max(top, int(o.Within/int64(time.Minute)))
	}
	l := lane{
		Label: "Age of the newest recovery point", Note: "the line is the objective; at most " + duration(int64(top)*int64(time.Minute), up) + " high",
		Title: "Age of the newest recovery point of " + name(c), Description: "Over the period, how old the newest usable backup was. " + recoveryLine(*points) + ".",
		Class: "lane", Height: laneHeight,
		Shapes: append(p.background(), shape{"within", bars(within, top, laneHeight, laneHeight, up)}, shape{"outside", bars(outside, top, laneHeight, laneHeight, up)}),
	}
	for _, o := range points.Objectives {
		from, to := p.bin(o.From.Time), p.bin(o.To.Add(-1))+1
		l.Shapes = append(l.Shapes, shape{"axis", fmt.Sprintf("M%d %dH%d", from, laneHeight-laneHeight*int(o.Within/int64(time.Minute))/top, to)})
	}
	return l
}

// ages are, by bin, the greatest age of the newest usable point, in minutes.
func (p *plot) ages(points *report.RecoveryPoints) []int {
	ages := make([]int, len(p.gap))
	for i := range ages {
		// Age grows until the next point is usable: it is greatest at a bin's end, or
		// right before a point came.
		from, to := p.edge(i), p.edge(i+1)
		at := []time.Time{to.Add(-1)}
		for _, point := range points.Points {
			if t := point.UsableFrom.Add(-1); !t.Before(from) && t.Before(to) {
				at = append(at, t)
			}
		}
		for _, t := range at {
			if data, ok := newestAt(points, t); ok && !p.unseen[i] {
				ages[i] = max(ages[i], int(t.Sub(data)/time.Minute))
			}
		}
	}
	return ages
}

// edge is when a bin begins.
func (p *plot) edge(i int) time.Time {
	return p.from.Add(time.Duration(float64(p.to.Sub(p.from)) * float64(i) / float64(len(p.gap))))
}

// newestAt is the time of the newest data that was usable at a time; where all that
// there was had expired, that of the newest of it.
func newestAt(points *report.RecoveryPoints, at time.Time) (newest time.Time, ok bool) {
	for i := range points.Points {
		if point := &points.Points[i]; !point.UsableFrom.After(at) && point.DataAt.After(newest) {
			newest, ok = point.DataAt.Time, true
		}
	}
	return newest, ok
}
