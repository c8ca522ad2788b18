package report_test

import (
	"cmp"
	"math/big"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// The naive fold: it looks at every tick, knows nothing of entries, and is the
// other implementation of what evidence.md says. unknown stands for a tick that
// is not known, and for a length that is not bounded.
const unknown = -1

// plainEpisode is an episode, in ticks.
type plainEpisode struct {
	Subject                           string
	Class, Origin, Ending             string
	Recurring                         bool
	NotBefore, NotAfter, EndNB, EndNA int
	Min, Max                          int
	Unobserved                        int
	Rules                             string
}

// plainControl is what both folds must agree on.
type plainControl struct {
	Time                                       report.Time
	Evaluated, Due, Whole                      int64
	PerMyriad, WholePerMyriad                  int64
	Start, Added, Entered, Deleted, Left, End  int
	Days, Subjects                             int
	Baseline, Episodes                         []plainEpisode
	Groups                                     int
	SurelyLonger1s, PossiblyLonger1h, Repaired int
}

// naive evaluates a control over the ticks [from, to).
type naive struct {
	*world
	id       string
	from, to int // of the period
	end      int // of what was observed
}

func (n *naive) gap(t int) bool { return t >= 0 && t < len(n.gaps[n.id]) && n.gaps[n.id][t] }

// inside is whether the moment at the beginning of tick t lies within a gap.
func (n *naive) inside(t int) bool { return n.gap(t-1) && n.gap(t) }

// operates is whether the control was in operation during the tick.
func (n *naive) operates(t int) bool {
	return n.introduce[n.id] >= 0 && t >= n.introduce[n.id] && n.stated[n.id][t]
}

func (n *naive) due(b *being, t int) bool { return b.in[t] && n.operates(t) }

func (n *naive) control() plainControl {
	p := plainControl{Baseline: []plainEpisode{}, Episodes: []plainEpisode{}}
	n.times(&p)
	n.population(&p)
	baseline, episodes := n.episodes()
	for i := range episodes {
		episodes[i].Class = n.class(&episodes[i].plainEpisode, episodes[i].tolerance)
	}
	n.recur(episodes)
	for _, e := range episodes {
		p.Episodes = append(p.Episodes, e.plainEpisode)
		if time.Duration(e.Min)*n.length > time.Second {
			p.SurelyLonger1s++
		}
		if e.Max == unknown || time.Duration(e.Max)*n.length > time.Hour {
			p.PossiblyLonger1h++
		}
	}
	p.Groups = n.groups(episodes)
	for _, e := range baseline {
		p.Baseline = append(p.Baseline, e.plainEpisode)
	}
	for _, list := range [][]plainEpisode{p.Baseline, p.Episodes} {
		slices.SortFunc(list, comparePlain)
	}
	for _, c := range n.cellsOf() {
		for _, a := range c.cells.acts {
			if a.kind == ledger.KindRepaired && a.tick >= n.from && a.tick < n.to {
				p.Repaired++
			}
		}
	}
	return p
}

func comparePlain(a, b plainEpisode) int {
	return cmp.Or(cmp.Compare(a.NotAfter, b.NotAfter), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.EndNA, b.EndNA))
}

type beingCells struct {
	being *being
	cells *cells
}

// beings are the control's subjects as they were known at the end of the period: one
// that a new ledger had not spoken of by then was gone since the old one ended.
func (n *naive) beings() []*being {
	var of []*being
	for _, b := range n.all {
		if !b.under(n.id) {
			continue
		}
		known := *b
		for _, d := range b.doubts {
			if d.from < n.to && d.to >= n.to {
				known.in, known.came, known.went = slices.Clone(b.in), slices.Clone(b.came), slices.Clone(b.went)
				known.gone(d.from)
			}
		}
		of = append(of, &known)
	}
	return of
}

func (n *naive) cellsOf() []beingCells {
	var of []beingCells
	for _, b := range n.beings() {
		of = append(of, beingCells{b, n.cell(b, n.id)})
	}
	return of
}

// times sums up, tick by tick.
func (n *naive) times(p *plainControl) {
	first := unknown
	for t := n.from; t < n.end; t++ {
		if n.operates(t) && first == unknown {
			first = t
		}
		for _, bc := range n.cellsOf() {
			if !n.due(bc.being, t) {
				continue
			}
			us := n.length.Microseconds()
			p.Time.Due += us
			switch out := bc.cells.outcome[t]; {
			case n.gap(t):
				p.Time.Gap += us
			case out == control.Conforming:
				p.Time.Conforming += us
			case out == control.Deviating:
				p.Time.Deviating += us
			case out == control.NotApplicable:
				p.Time.NotApplicable += us
			default:
				p.Time.NotEvaluated += us
			}
		}
	}
	p.Evaluated, p.Due = p.Time.Conforming+p.Time.Deviating+p.Time.NotApplicable, p.Time.Due
	p.Whole = p.Due
	if first != unknown {
		for _, b := range n.beings() {
			if b.in[first] {
				p.Whole += int64(first-n.from) * n.length.Microseconds()
			}
		}
	}
	p.PerMyriad, p.WholePerMyriad = floored(p.Evaluated, p.Due), floored(p.Evaluated, p.Whole)
}

func floored(part, whole int64) int64 {
	if whole == 0 {
		return unknown
	}
	r := new(big.Int).Mul(big.NewInt(part), big.NewInt(10_000))
	return r.Quo(r, big.NewInt(whole)).Int64()
}

func (n *naive) population(p *plainControl) {
	for _, b := range n.beings() {
		counted, lastDay := false, int64(unknown)
		for t := n.from; t < n.end; t++ {
			if !n.due(b, t) {
				continue
			}
			counted = true
			if t == n.from {
				p.Start++
			} else if !n.due(b, t-1) || b.came[t] != "" {
				switch b.came[t] {
				case "added":
					p.Added++
				default:
					p.Entered++
				}
			}
			if t == n.end-1 {
				p.End++
			} else if !n.due(b, t+1) || b.came[t+1] != "" {
				switch b.went[t+1] {
				case "deleted":
					p.Deleted++
				default:
					p.Left++
				}
			}
			if d := n.day(t); d != lastDay {
				p.Days++
				lastDay = d
			}
		}
		if counted {
			p.Subjects++
		}
	}
}

func (n *naive) day(t int) int64 {
	return epoch.Add(time.Duration(t)*n.length).Unix() / 86400
}

// candidate is an episode before it is classed.
type candidate struct {
	plainEpisode
	uid       string
	tolerance *time.Duration
	open      bool
	acted     bool // something was done to its object
	def       int  // the tick since when its definition was in force
}

// episodes are the runs of Deviating, NotEvaluated in between included.
func (n *naive) episodes() (baseline, others []candidate) {
	for _, bc := range n.cellsOf() {
		for t := 0; t < n.to && t < n.tick; t++ {
			st := bc.cells.stated[t]
			if st == nil || st.to != control.Deviating || n.deviates(bc, t) {
				continue
			}
			c := n.candidate(bc, t, st)
			switch {
			case c.NotAfter > n.end || (!c.open && c.EndNA <= n.from):
			case n.introduce[n.id] < 0 || n.introduce[n.id] >= n.to || t < n.introduce[n.id]:
				b, rest := n.cut(c)
				baseline = append(baseline, b)
				others = append(others, rest...)
			default:
				others = append(others, c)
			}
		}
	}
	return baseline, others
}

// deviates is whether an episode is open when tick t begins.
func (n *naive) deviates(bc beingCells, t int) bool {
	for t--; t >= 0; t-- {
		switch bc.cells.outcome[t] {
		case control.Deviating:
			return true
		case control.NotEvaluated:
			continue
		default:
			return false
		}
	}
	return false
}

// candidate follows an episode that begins at t.
func (n *naive) candidate(bc beingCells, t int, st *stating) candidate {
	c := candidate{uid: bc.being.subject.UID, tolerance: st.tolerance}
	c.Subject, c.Origin, c.Rules, c.def = bc.being.subject.UID, string(st.origin), st.rules, st.defSince
	if st.origin == ledger.OriginBaseline && n.introduce[n.id] >= 0 && n.introducedIn[n.id] < st.ledger {
		c.Origin = string(ledger.OriginAfterGap)
	}
	c.NotAfter = t
	c.NotBefore = n.startProof(bc, t, st)
	closing := n.closing(bc, t)
	for _, a := range bc.cells.acts {
		during := a.order > st.order && (closing == nil || a.order < closing.order) && a.tick < n.to
		if during && (c.Origin == "Drift" || c.Origin == "AfterGap") {
			c.acted = true
		}
		if during && closing != nil && closing.tick < n.to && closing.ending == ledger.EndingRepaired && a.kind == ledger.KindRepaired && a.run == closing.run {
			c.EndNB, c.EndNA = a.tick, a.tick
		}
	}
	if closing == nil || closing.tick >= n.to {
		c.open, c.Ending, c.EndNB, c.EndNA, c.Max = true, "Open", unknown, unknown, unknown
		seen := n.end
		for n.gap(seen-1) && seen > n.from-1_000_000 && seen > 0 {
			seen--
		}
		c.Min = max(0, seen-t)
		c.Unobserved = n.gapTicks(t, n.end)
		return c
	}
	c.Ending = string(closing.ending)
	if c.EndNA == 0 {
		c.EndNB, c.EndNA = max(n.stateProof(bc, closing.tick, closing), t), closing.tick
	}
	c.Min = max(0, c.EndNB-t)
	c.Max = unknown
	if c.NotBefore != unknown {
		c.Max = c.EndNA - c.NotBefore
	}
	c.Unobserved = n.gapTicks(t, c.EndNA)
	return c
}

func (n *naive) gapTicks(from, to int) int {
	total := 0
	for t := from; t < to; t++ {
		if n.gap(t) {
			total++
		}
	}
	return total
}

// closing is what ends the episode that is open from t on.
func (n *naive) closing(bc beingCells, t int) *stating {
	for t++; t < len(bc.cells.stated); t++ {
		if st := bc.cells.stated[t]; st != nil && st.to != control.Deviating && st.to != control.NotEvaluated {
			return st
		}
	}
	return nil
}

// cut cuts a baseline episode where the control begins to operate.
func (n *naive) cut(c candidate) (candidate, []candidate) {
	operating := n.introduce[n.id]
	if operating < 0 || operating >= n.end || (!c.open && c.EndNA <= operating) {
		return c, nil
	}
	rest := c
	rest.NotBefore, rest.NotAfter = operating, operating
	rest.Min = max(0, c.Min-(operating-c.NotAfter))
	if !rest.open {
		rest.EndNB = max(c.EndNB, operating)
		rest.Max = c.EndNA - operating
	}
	c.Min, c.Max = operating-c.NotAfter, unknown
	c.open, c.Ending, c.EndNB, c.EndNA = true, "Open", unknown, unknown
	return c, []candidate{rest}
}

func (n *naive) class(e *plainEpisode, tolerance *time.Duration) string {
	returned := e.Ending == "Repaired" || e.Ending == "Corrected"
	switch {
	case tolerance == nil || time.Duration(e.Min)*n.length > *tolerance:
		return report.ClassDeviation
	case e.Ending == "Open":
		return report.ClassPending
	case returned && e.Max != unknown && time.Duration(e.Max)*n.length <= *tolerance:
		return report.ClassWithinTolerance
	default:
		return report.ClassIndeterminate
	}
}

// recur makes deviations of the episodes of days with too much of them.
func (n *naive) recur(of []candidate) {
	surely := func(e *candidate, t int) bool {
		if e.open {
			return t >= e.NotAfter && t < e.NotAfter+e.Min
		}
		return t >= e.NotAfter && t < e.EndNB
	}
	type unitDay struct {
		uid string
		day int64
	}
	long := map[unitDay]int{}
	for i := range of {
		for t := range n.tick {
			if surely(&of[i], t) {
				long[unitDay{of[i].uid, n.day(t)}]++
			}
		}
	}
	for i := range of {
		e := &of[i]
		if e.Class == report.ClassDeviation {
			continue
		}
		for t := range n.tick + 1 {
			if t != e.NotAfter && !surely(e, t) {
				continue
			}
			d := unitDay{e.uid, n.day(t)}
			fought := false
			for tick := range n.fought[e.uid+"/"+n.id] {
				fought = fought || (n.day(tick) == d.day && tick < n.to)
			}
			if fought || time.Duration(long[d])*n.length > *e.tolerance {
				e.Class, e.Recurring = report.ClassDeviation, true
			}
		}
	}
}

// groups counts events: what has one cause, and began within a minute of the first.
func (n *naive) groups(of []candidate) int {
	rest := slices.Clone(of)
	slices.SortStableFunc(rest, func(a, b candidate) int { return cmp.Compare(a.NotAfter, b.NotAfter) })
	count := 0
	for len(rest) > 0 {
		first := rest[0]
		count++
		rest = slices.DeleteFunc(rest, func(e candidate) bool {
			return e.Class == first.Class && e.Origin == first.Origin && e.Rules == first.Rules && e.def == first.def &&
				e.acted == first.acted && time.Duration(e.NotAfter-first.NotAfter)*n.length <= time.Minute
		})
	}
	return count
}
