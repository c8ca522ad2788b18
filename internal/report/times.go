package report

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Points in time are held as microseconds since 1970, as exact as entries are.
const (
	never   = math.MinInt64 // before everything
	forever = math.MaxInt64 // not yet
)

const (
	microsecond = int64(1000) // in nanoseconds
	second      = int64(1_000_000)
	day         = 24 * 60 * 60 * second
)

func micros(t time.Time) int64 { return t.UnixMicro() }

func timeOf(at int64) ledger.Time { return ledger.Time{Time: time.UnixMicro(at).UTC()} }

// known is a point in time, nil where it is not known.
func known(at int64) *ledger.Time {
	if at == never || at == forever {
		return nil
	}
	t := timeOf(at)
	return &t
}

// parseTime reads the one form in which entries state times.
func parseTime(data []byte) (int64, bool) {
	const form = `"2006-01-02T15:04:05.000000Z"`
	if len(data) != len(form) {
		return 0, false
	}
	for i := range form {
		digit := form[i] >= '0' && form[i] <= '9'
		if digit != (data[i] >= '0' && data[i] <= '9') || (!digit && data[i] != form[i]) {
			return 0, false
		}
	}
	n := func(from, to int) int {
		v := 0
		for _, c := range data[from:to] {
			v = 10*v + int(c-'0')
		}
		return v
	}
	t := time.Date(n(1, 5), time.Month(n(6, 8)), n(9, 11), n(12, 14), n(15, 17), n(18, 20), 0, time.UTC)
	if t.Month() != time.Month(n(6, 8)) || n(12, 14) > 23 || n(15, 17) > 59 || n(18, 20) > 59 {
		return 0, false
	}
	return micros(t) + int64(n(21, 27)), true
}

// span is [from, to).
type span struct{ from, to int64 }

func (s span) empty() bool   { return s.from >= s.to }
func (s span) length() int64 { return max(0, s.to-s.from) }

func (s span) clip(to span) span { return span{max(s.from, to.from), min(s.to, to.to)} }

func (s span) interval() Interval { return Interval{timeOf(s.from), timeOf(s.to)} }

// spans are disjoint, not empty, and in order.
type spans []span

// union makes spans of any intervals.
func union(of []span) spans {
	of = slices.DeleteFunc(slices.Clone(of), span.empty)
	slices.SortFunc(of, func(a, b span) int { return compareInt(a.from, b.from) })
	var u spans
	for _, s := range of {
		if n := len(u); n > 0 && s.from <= u[n-1].to {
			u[n-1].to = max(u[n-1].to, s.to)
			continue
		}
		u = append(u, s)
	}
	return u
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// first is the index of the first span that ends after at.
func (ss spans) first(at int64) int {
	return sort.Search(len(ss), func(i int) bool { return ss[i].to > at })
}

// inside reports whether at lies within a span: after its beginning, before its end.
func (ss spans) inside(at int64) bool {
	i := ss.first(at)
	return i < len(ss) && ss[i].from < at
}

// holds reports whether at lies in a span, its beginning included.
func (ss spans) holds(at int64) bool {
	i := ss.first(at)
	return i < len(ss) && ss[i].from <= at
}

// seen is at, or the beginning of the span that it lies within.
func (ss spans) seen(at int64) int64 {
	if i := ss.first(at); i < len(ss) && ss[i].from < at {
		return ss[i].from
	}
	return at
}

// within is the length of what lies in s.
func (ss spans) within(s span) int64 {
	var total int64
	for i := ss.first(s.from); i < len(ss) && ss[i].from < s.to; i++ {
		total += ss[i].clip(s).length()
	}
	return total
}

// clip are the parts that lie in s.
func (ss spans) clip(s span) spans {
	var of spans
	for i := ss.first(s.from); i < len(ss) && ss[i].from < s.to; i++ {
		if c := ss[i].clip(s); !c.empty() {
			of = append(of, c)
		}
	}
	return of
}

// and are the parts that lie in both.
func (ss spans) and(other spans) spans {
	var of spans
	for _, s := range ss {
		of = append(of, other.clip(s)...)
	}
	return of
}

// not are the parts of s that lie in none.
func (ss spans) not(s span) spans {
	var of spans
	at := s.from
	for _, c := range ss.clip(s) {
		if c.from > at {
			of = append(of, span{at, c.from})
		}
		at = c.to
	}
	if at < s.to {
		of = append(of, span{at, s.to})
	}
	return of
}

func (ss spans) intervals() []Interval {
	of := make([]Interval, 0, len(ss))
	for _, s := range ss {
		of = append(of, s.interval())
	}
	return of
}

// dayOf is the number of the UTC day that at lies in.
func dayOf(at int64) int64 {
	d := at / day
	if at%day < 0 {
		d--
	}
	return d
}
