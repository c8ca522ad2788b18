package report

import (
	"cmp"
	"container/heap"
	"slices"
)

// point is a usable run.
type point struct {
	data     int64
	from, to int64 // when it was usable
	occurred *backupOccurrence
}

// pointsOf are the usable runs, by when they came to be usable, up to the record's end.
func (f *fold) pointsOf(c *statedControl) []point {
	var of []point
	for i := range c.backedUp.occurrences {
		o := &c.backedUp.occurrences[i]
		if !c.usable(o) || micros(o.Run.EndedAt.Time) >= f.end {
			continue
		}
		p := point{data: micros(o.Run.StartedAt.Time), from: micros(o.Run.EndedAt.Time), to: forever, occurred: o}
		if o.Run.ExpiresAt != nil {
			p.to = micros(o.Run.ExpiresAt.Time)
		}
		of = append(of, p)
	}
	slices.SortStableFunc(of, func(a, b point) int { return cmp.Or(compareInt(a.from, b.from), compareInt(a.data, b.data)) })
	return of
}

// recoveryPoints are the time line of the usable runs.
func (f *fold) recoveryPoints(c *statedControl, operation spans) RecoveryPoints {
	points := f.pointsOf(c)
	r := RecoveryPoints{Points: []RecoveryPoint{}, Beyond: []Interval{}, Objectives: objectivesIn(c.statedBackups(), f.period())}
	f.listPoints(&r, points, operation)
	if len(operation) == 0 {
		return r
	}
	known := operation[0].from
	if len(points) == 0 || points[0].from > known {
		known = f.period().to
		if len(points) > 0 {
			known = min(known, points[0].from)
		}
		r.Unknown = new(span{operation[0].from, known}.interval())
	}
	beyond := beyondOf(newestUsable(points, known, f.period().to), c.statedBackups()).and(operation)
	r.Beyond = beyond.intervals()
	for _, s := range beyond {
		r.BeyondTotal += s.length() * microsecond
	}
	return r
}

// listPoints lists the points by the time of their data: those of the period, and the
// newest that was usable when it began. It measures the intervals between them.
func (f *fold) listPoints(r *RecoveryPoints, points []point, operation spans) {
	byData := slices.Clone(points)
	slices.SortStableFunc(byData, func(a, b point) int { return compareInt(a.data, b.data) })
	first := 0 // the one before the period
	for i := range byData {
		if byData[i].data < f.window.from && byData[i].from <= f.window.from {
			first = i
		}
	}
	for i := first; i < len(byData); i++ {
		p := &byData[i]
		stated := RecoveryPoint{DataAt: timeOf(p.data), UsableFrom: timeOf(p.from), UsableUntil: known(p.to),
			Backup: p.occurred.Run.Name, LedgerID: p.occurred.LedgerID, Seq: p.occurred.Seq}
		if i > 0 {
			stated.Since = new((p.data - byData[i-1].data) * microsecond)
		}
		r.Points = append(r.Points, stated)
		next := PointInterval{Interval{timeOf(p.data), timeOf(max(p.data, f.end))}, true}
		if i+1 < len(byData) {
			next = PointInterval{Interval{timeOf(p.data), timeOf(byData[i+1].data)}, false}
		}
		if longer := r.Longest == nil || next.length() > r.Longest.length(); longer && (len(operation) > 0 || f.query.AsOf != nil) {
			r.Longest = &next
		}
	}
}

// objectivesIn are the objectives of a time; one that did not change is one.
func objectivesIn(stated []statedBackup, in span) []Objective {
	of := []Objective{}
	for _, d := range stated {
		s, within := d.clip(in), int64(d.backup.RecoveryPointObjective.Duration)
		switch n := len(of); {
		case s.empty():
		case n > 0 && of[n-1].Within == within && micros(of[n-1].To.Time) == s.from:
			of[n-1].To = timeOf(s.to)
		default:
			of = append(of, Objective{s.interval(), within})
		}
	}
	return of
}

func (i Interval) length() int64 { return int64(i.To.Sub(i.From.Time)) }

// newest is a time in which the data of the newest usable point was of one moment,
// never where there was none.
type newest struct {
	span
	data int64
}

// newestUsable says which point was the newest that was usable, throughout [from, to).
func newestUsable(points []point, from, to int64) []newest {
	var of []newest
	var usable newestFirst
	for i := 0; from < to; {
		for ; i < len(points) && points[i].from <= from; i++ {
			heap.Push(&usable, points[i])
		}
		for len(usable) > 0 && usable[0].to <= from {
			heap.Pop(&usable)
		}
		s := newest{span{from, to}, never}
		if i < len(points) {
			s.to = min(to, points[i].from)
		}
		if len(usable) > 0 {
			s.data, s.to = usable[0].data, min(s.to, usable[0].to)
		}
		of, from = append(of, s), s.to
	}
	return of
}

// beyondOf are the times in which what was newest was older than the objective in
// force, or there was nothing.
func beyondOf(of []newest, stated []statedBackup) spans {
	var beyond []span
	for _, d := range stated {
		objective := d.backup.RecoveryPointObjective.Microseconds()
		for _, n := range of {
			s := n.clip(d.span)
			if n.data != never {
				s.from = max(s.from, n.data+objective)
			}
			beyond = append(beyond, s)
		}
	}
	return union(beyond)
}

// newestFirst is a heap with the point on top whose data is the newest.
type newestFirst []point

// Len implements heap.Interface.
func (n newestFirst) Len() int { return len(n) }

// Less implements heap.Interface.
func (n newestFirst) Less(i, j int) bool { return n[i].data > n[j].data }

// Swap implements heap.Interface.
func (n newestFirst) Swap(i, j int) { n[i], n[j] = n[j], n[i] }

// Push implements heap.Interface.
func (n *newestFirst) Push(x any) { *n = append(*n, x.(point)) }

// Pop implements heap.Interface.
func (n *newestFirst) Pop() any {
	last := (*n)[len(*n)-1]
	*n = (*n)[:len(*n)-1]
	return last
}
