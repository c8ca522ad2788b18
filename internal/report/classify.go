package report

import (
	"cmp"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// classified is an episode as the record has it.
type classified struct {
	bounded
	class     string
	recurring bool
}

// episodesOf are a control's episodes of the period: those that were there when
// it was introduced, those that go with a removal, and all others, classed.
func (f *fold) episodesOf(c *statedControl, gaps spans) (baseline, removals, others []classified) {
	for _, e := range c.episodes {
		b := f.bound(e, gaps)
		switch {
		case b.startedNotAfter > f.end || (b.startedNotAfter >= f.window.to) || b.endedNotAfter <= f.window.from:
		case e.removal:
			removals = append(removals, classified{bounded: b})
		case c.isBaseline(e):
			before, after := c.split(f, b)
			baseline = append(baseline, classified{bounded: before, class: ClassBaseline})
			if after != nil {
				others = append(others, classified{bounded: *after})
			}
		default:
			others = append(others, classified{bounded: b})
		}
	}
	for i := range others {
		others[i].class = classOf(&others[i].bounded)
	}
	c.brake(others)
	for _, list := range [][]classified{baseline, removals, others} {
		slices.SortFunc(list, compareEpisodes)
	}
	return baseline, removals, others
}

func compareEpisodes(a, b classified) int {
	return cmp.Or(compareInt(a.startedNotAfter, b.startedNotAfter), compareSubjects(*a.unit.subject, *b.unit.subject),
		cmp.Compare(a.ledger, b.ledger), cmp.Compare(a.first, b.first), cmp.Compare(a.id, b.id))
}

// isBaseline is whether the episode was there when the control began to operate.
func (c *statedControl) isBaseline(e *episode) bool {
	return c.operating == never || e.opened.at < c.operating
}

// split cuts a baseline episode at the time from which the control operates:
// what is still open then is an ordinary episode that starts there.
func (c *statedControl) split(f *fold, b bounded) (bounded, *bounded) {
	if c.operating == never || b.endedNotAfter <= c.operating || c.operating >= f.end {
		return b, nil
	}
	before, after := b, b
	after.startedNotBefore, after.startedNotAfter = c.operating, c.operating
	late := c.operating - b.startedNotAfter
	after.shortest = max(0, b.shortest-late)
	if after.ending != endingOpen {
		after.endedNotBefore = max(b.endedNotBefore, c.operating)
		after.longest = b.endedNotAfter - c.operating
		after.longest = max(after.longest, after.shortest)
	}
	after.rest = true
	before.endedNotBefore, before.endedNotAfter, before.open = forever, forever, true
	before.shortest, before.longest = late, forever
	return before, &after
}

// within is the tolerance that the episode is held against, nil where none is stated.
func (b *bounded) within() *int64 {
	if b.def == nil {
		return nil
	}
	return b.def.within(b.origin)
}

// classOf holds an episode against the tolerance that its definition states.
func classOf(b *bounded) string {
	within := b.within()
	switch {
	case within == nil:
		return ClassDeviation
	case b.shortest*microsecond > *within:
		return ClassDeviation
	case b.isOpen():
		return ClassPending
	case b.longest != forever && b.longest*microsecond <= *within && conforms(b.ending):
		return ClassWithinTolerance
	default:
		return ClassIndeterminate
	}
}

// conforms is whether the ending is a return to Conforming that was observed.
func conforms(ending ledger.Ending) bool {
	return ending == ledger.EndingRepaired || ending == ledger.EndingCorrected
}

// unitDay is one sampling unit: a subject on a UTC day.
type unitDay struct {
	subject *control.Subject
	day     int64
}

// brake makes deviations of the episodes of a day on which a subject deviated
// for longer than one episode may, all of them together, or on which a repair
// was contested. The time of a day is what is sure of it.
func (c *statedControl) brake(of []classified) {
	sure := map[unitDay]int64{}
	for i := range of {
		of[i].days(func(d int64, length int64) { sure[unitDay{of[i].unit.subject, d}] += length })
	}
	for i := range of {
		e := &of[i]
		if e.class == ClassDeviation {
			continue
		}
		e.days(func(d int64, _ int64) {
			fought := c.acts.contested[e.unit.subject][d]
			over := e.def != nil && e.def.correction != nil && sure[unitDay{e.unit.subject, d}]*microsecond > *e.def.correction
			if fought || over {
				e.class, e.recurring = ClassDeviation, true
			}
		})
	}
}

// days calls fn for each UTC day of the episode, with the part of the day in
// which it surely was.
func (b *bounded) days(fn func(day, length int64)) {
	sure := span{b.startedNotAfter, b.startedNotAfter + b.shortest}
	if !b.isOpen() {
		sure.to = b.endedNotBefore
	}
	for d := dayOf(sure.from); d == dayOf(sure.from) || d*day < sure.to; d++ {
		fn(d, sure.clip(span{d * day, (d + 1) * day}).length())
	}
}

// nearestRank is the value below or at which at least p percent of the sorted
// values lie: the smallest one of them for which that holds.
func nearestRank(sorted []int64, p int) *int64 {
	if len(sorted) == 0 {
		return nil
	}
	rank := (len(sorted)*p + 99) / 100
	return new(sorted[max(rank, 1)-1])
}

// thresholds are the lengths that an auditor may want to hold episodes against,
// in nanoseconds.
func thresholds() []int64 {
	s := second * microsecond
	return []int64{0, s, 10 * s, 60 * s, 300 * s, 3600 * s, 24 * 3600 * s}
}

// countsOf counts episodes that are no baseline; where def is set, those that
// began under it.
func countsOf(of []classified, def *definition, groups int) Counts {
	c := Counts{Groups: groups, Classes: map[string]int{}, Origins: map[string]int{}, Endings: map[string]int{}, LongerThan: []Longer{}}
	for _, than := range thresholds() {
		c.LongerThan = append(c.LongerThan, Longer{Than: than})
	}
	var ended []int64
	for i := range of {
		e := &of[i]
		if def != nil && e.def != def {
			continue
		}
		c.Episodes++
		c.Classes[e.class]++
		c.Origins[string(e.origin)]++
		c.Endings[string(e.endingNow())]++
		for j := range c.LongerThan {
			t := &c.LongerThan[j]
			if e.shortest*microsecond > t.Than {
				t.Surely++
			}
			if e.longest == forever || e.longest*microsecond > t.Than {
				t.Possibly++
			}
		}
		if !e.isOpen() && e.longest != forever {
			ended = append(ended, e.longest*microsecond)
		}
	}
	slices.Sort(ended)
	c.Median, c.P95, c.Longest = nearestRank(ended, 50), nearestRank(ended, 95), nearestRank(ended, 100)
	return c
}

// newSubjectsOf tells how fast new subjects came to conform.
func newSubjectsOf(added int, of []classified, in span) NewSubjects {
	n := NewSubjects{Added: added}
	var lengths []int64
	within, stated := 0, false
	for i := range of {
		e := &of[i]
		if e.origin != ledger.OriginNewSubject || e.startedNotAfter < in.from {
			continue
		}
		n.Deviated++
		if e.isOpen() || !conforms(e.ending) {
			continue
		}
		n.Conformed++
		if e.longest != forever {
			lengths = append(lengths, e.longest*microsecond)
		}
		if w := e.within(); w != nil {
			stated = true
			if e.longest != forever && e.longest*microsecond <= *w {
				within++
			}
		}
	}
	slices.Sort(lengths)
	if stated {
		n.Within = &within
	}
	n.Median, n.P99, n.Longest = nearestRank(lengths, 50), nearestRank(lengths, 99), nearestRank(lengths, 100)
	return n
}
