package render

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// plot is how a control held over a period, in bins of equal length.
type plot struct {
	from, to time.Time
	// deviating is, by bin, how many subjects deviated at once at most.
	deviating []int
	// outside and within count the episodes that began in a bin, by whether they
	// were corrected within the tolerance.
	outside, within []int
	// gap, idle and unseen are the bins in which observation was absent, the
	// control was not in operation, and that lie after what was folded.
	gap, idle, unseen []bool
}

// newPlot plots a control in so many bins. It is nil where the record is of an
// instant.
func newPlot(r *report.Record, c *report.Control, bins int) *plot {
	from, to, ok := period(r)
	if !ok || !from.Before(to) {
		return nil
	}
	p := &plot{
		from: from, to: to, deviating: make([]int, bins), outside: make([]int, bins), within: make([]int, bins),
		gap: make([]bool, bins), idle: make([]bool, bins), unseen: make([]bool, bins),
	}
	for i := range c.Episodes {
		if e := &c.Episodes[i]; within(e.Class) {
			p.count(p.within, began(e))
		} else {
			p.count(p.outside, began(e))
		}
	}
	p.peaks(r, c)
	for _, g := range r.Gaps {
		if concerns(&g, c) {
			p.mark(p.gap, g.From.Time, g.To.Time)
		}
	}
	for _, i := range c.NotInOperation {
		p.mark(p.idle, i.From.Time, i.To.Time)
	}
	if r.Through.Before(to) {
		p.mark(p.unseen, r.Through.Time, to)
	}
	return p
}

// concerns is whether a gap may concern a control: that of a kind may concern any.
func concerns(g *report.Gap, c *report.Control) bool { return g.Policy == "" || g.Policy == c.Policy }

// began is when an episode was detected, or the next best.
func began(e *report.Episode) time.Time {
	switch {
	case e.Started.NotAfter != nil:
		return e.Started.NotAfter.UTC()
	case e.Started.NotBefore != nil:
		return e.Started.NotBefore.UTC()
	default:
		return time.Time{}
	}
}

// over is when an episode had ended, or the end of what was folded.
func over(e *report.Episode, through ledger.Time) time.Time {
	if e.Ended.NotAfter != nil {
		return e.Ended.NotAfter.UTC()
	}
	return through.UTC()
}

// bin is the bin of a time, which is taken into the period.
func (p *plot) bin(t time.Time) int {
	bins := len(p.deviating)
	if t.Before(p.from) {
		return 0
	}
	return min(int(float64(t.Sub(p.from))/float64(p.to.Sub(p.from))*float64(bins)), bins-1)
}

// count adds one to the bin of a time; what began before the period has none.
func (p *plot) count(counts []int, t time.Time) {
	if !t.Before(p.from) && t.Before(p.to) {
		counts[p.bin(t)]++
	}
}

// mark sets the bins of an interval, at least one where it lies in the period.
func (p *plot) mark(bins []bool, from, to time.Time) {
	if !from.Before(p.to) || to.Before(p.from) {
		return
	}
	for i := p.bin(from); i <= p.bin(to.Add(-1)); i++ {
		bins[i] = true
	}
	bins[p.bin(from)] = true
}

// stretchOfTime is an interval in which one subject may have deviated.
type stretchOfTime struct{ from, to time.Time }

// stretches are the intervals in which subjects may have deviated: from when an
// episode was detected to when it had surely ended. Those of one subject never
// overlap.
func stretches(r *report.Record, c *report.Control) []stretchOfTime {
	bySubject := map[control.Subject][]stretchOfTime{}
	for _, list := range [][]report.Episode{c.Baseline, c.Episodes} {
		for i := range list {
			e := &list[i]
			bySubject[e.Subject] = append(bySubject[e.Subject], stretchOfTime{began(e), over(e, r.Through)})
		}
	}
	var all []stretchOfTime
	for _, own := range bySubject {
		slices.SortFunc(own, func(a, b stretchOfTime) int { return a.from.Compare(b.from) })
		last := own[0]
		for _, s := range own[1:] {
			if s.from.After(last.to) {
				all, last = append(all, last), s
			} else if s.to.After(last.to) {
				last.to = s.to
			}
		}
		all = append(all, last)
	}
	return all
}

// edge is a time at which the number of deviating subjects changes.
type edge struct {
	at    time.Time
	delta int
}

// peaks fills deviating.
func (p *plot) peaks(r *report.Record, c *report.Control) {
	var edges []edge
	for _, s := range stretches(r, c) {
		if s.from.Before(p.to) && !s.to.Before(p.from) {
			edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
		}
	}
	// What begins when something else ends was there together with it, for all
	// that is known.
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(b.delta, a.delta)) })
	level := 0
	for i, e := range edges {
		level += e.delta
		last := e.at
		if i+1 < len(edges) {
			last = edges[i+1].at
		}
		for b := p.bin(e.at); b <= p.bin(last) && level > 0; b++ {
			p.deviating[b] = max(p.deviating[b], level)
		}
	}
}

// dayCount is what a UTC day holds for a control.
type dayCount struct {
	date time.Time
	// Episodes began on this day; Deviating and Gap are its time, in
	// nanoseconds: of all subjects, and of observation.
	episodes  int
	deviating int64
	gap       int64
	// idle is true where the control was not in operation for a part of the day,
	// unseen where a part lies after what was folded.
	idle, unseen bool
}

const aDay = 24 * time.Hour

// newDays are the days of the period, or nil where the record is of an instant.
func newDays(r *report.Record, c *report.Control) []dayCount {
	from, to, ok := period(r)
	if !ok || !from.Before(to) {
		return nil
	}
	d := dayCounter{start: from.Truncate(aDay), from: from, to: to}
	for t := d.start; t.Before(to); t = t.Add(aDay) {
		d.days = append(d.days, dayCount{date: t})
	}
	for _, s := range stretches(r, c) {
		d.split(s.from, s.to, func(day *dayCount, part int64) { day.deviating += part })
	}
	for i := range c.Episodes {
		if t := began(&c.Episodes[i]); !t.Before(from) && t.Before(to) {
			d.days[int(t.Sub(d.start)/aDay)].episodes++
		}
	}
	for _, g := range r.Gaps {
		if concerns(&g, c) {
			d.split(g.From.Time, g.To.Time, func(day *dayCount, part int64) { day.gap = min(day.gap+max(part, 1), int64(aDay)) })
		}
	}
	for _, i := range c.NotInOperation {
		d.split(i.From.Time, i.To.Time, func(day *dayCount, _ int64) { day.idle = true })
	}
	d.split(r.Through.Time, to, func(day *dayCount, _ int64) { day.unseen = true })
	return d.days
}

// dayCounter counts by day.
type dayCounter struct {
	start, from, to time.Time
	days            []dayCount
}

// split gives each day its part of an interval.
func (d *dayCounter) split(from, to time.Time, add func(*dayCount, int64)) {
	if from.Before(d.from) {
		from = d.from
	}
	if to.After(d.to) {
		to = d.to
	}
	for from.Before(to) {
		day := &d.days[int(from.Sub(d.start)/aDay)]
		until := day.date.Add(aDay)
		if until.After(to) {
			until = to
		}
		add(day, int64(until.Sub(from)))
		from = until
	}
}
