package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

const (
	// clockLayout is how people are shown a time; all times are UTC.
	clockLayout = "2006-01-02 15:04:05"
	dateLayout  = "2006-01-02"
	timeOfDay   = "15:04:05"

	notKnown = "not known"
	notAny   = "n/a"
)

// number writes an integer with commas between thousands.
func number[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// count is a number of things, in English.
func count[N int | int64 | uint64](n N, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay"):
		return number(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	default:
		return number(n) + " " + noun + "s"
	}
}

// rounding says which way a duration is rounded, so that what is said of it
// stays true.
type rounding bool

const (
	down rounding = false
	up   rounding = true
)

// duration writes a duration of so many nanoseconds with two to four digits:
// 0.4 ms, 12 ms, 1.2 s, 4m12s, 2h05m, 3d04h, rounded as told.
func duration(ns int64, r rounding) string {
	if ns < 0 {
		return "-" + duration(-ns, !r)
	}
	const day = 24 * time.Hour
	d := time.Duration(ns)
	switch {
	case d == 0:
		return "0 s"
	case d < 10*time.Millisecond:
		return tenths(r.to(d, 100*time.Microsecond), time.Millisecond) + " ms"
	case d < time.Second:
		d = r.to(d, time.Millisecond)
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return tenths(r.to(d, 100*time.Millisecond), time.Second) + " s"
	case d < day:
		return clockwork(r.to(d, time.Second))
	case d < 10*day:
		return clockwork(r.to(d, time.Minute))
	default:
		return clockwork(r.to(d, time.Hour))
	}
}

// clockwork writes a duration in days, hours, minutes and seconds, from the
// first that is not 0 to the last.
func clockwork(d time.Duration) string {
	var text, held string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		n := int64(d / unit.size)
		d %= unit.size
		switch {
		case text == "" && n > 0:
			text = fmt.Sprintf("%d%s", n, unit.name)
		case n > 0:
			text, held = text+held+fmt.Sprintf("%02d%s", n, unit.name), ""
		case text != "":
			held += "00" + unit.name
		}
	}
	return text
}

// to rounds d to a multiple of unit.
func (r rounding) to(d, unit time.Duration) time.Duration {
	t := d.Truncate(unit)
	if r == up && t != d {
		t += unit
	}
	return t
}

// tenths writes d in units with one decimal, or none where it is 0.
func tenths(d, unit time.Duration) string {
	whole, tenth := d/unit, d%unit*10/unit
	if tenth == 0 {
		return strconv.FormatInt(int64(whole), 10)
	}
	return fmt.Sprintf("%d.%d", whole, tenth)
}

// stated writes a duration that somebody stated exactly, as in 5m0s.
func stated(ns int64) string { return time.Duration(ns).String() }

// atMost writes a duration that may be absent, rounded up.
func atMost(ns *int64) string {
	if ns == nil {
		return notAny
	}
	return duration(*ns, up)
}

// span writes how long something lasted, as far as that is known.
func span(s report.Span) string {
	switch {
	case s.Max == nil:
		return "at least " + duration(s.Min, down)
	case *s.Max == s.Min:
		return duration(s.Min, up)
	case s.Min <= 0:
		return "at most " + duration(*s.Max, up)
	default:
		low, high := duration(s.Min, down), duration(*s.Max, up)
		if low == high {
			return low
		}
		return "between " + low + " and " + high
	}
}

// Length writes how long something lasted, as far as that is known.
func Length(s report.Span) string { return span(s) }

// seconds writes nanoseconds as seconds, exactly.
func seconds(ns int64) string {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	text := fmt.Sprintf("%s%d.%09d", sign, ns/int64(time.Second), ns%int64(time.Second))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// clock writes a time for people, with the milliseconds where there are any.
func clock(t ledger.Time) string { return t.UTC().Format(layoutOf(t, clockLayout)) }

// layoutOf adds milliseconds to a layout where the time has any.
func layoutOf(t ledger.Time, layout string) string {
	if t.UTC().Truncate(time.Millisecond).Nanosecond() == 0 {
		return layout
	}
	return layout + ".000"
}

// moment writes a time that may be absent.
func moment(t *ledger.Time) string {
	if t == nil {
		return notAny
	}
	return clock(*t)
}

// exact writes a time that may be absent with all its digits, for machines.
func exact(t *ledger.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// bounds writes when something was, as far as that is known.
func bounds(b report.Bounds) string {
	switch {
	case b.NotBefore == nil && b.NotAfter == nil:
		return notKnown
	case b.NotBefore == nil:
		return "not after " + clock(*b.NotAfter)
	case b.NotAfter == nil:
		return "not before " + clock(*b.NotBefore)
	default:
		return between(*b.NotBefore, *b.NotAfter)
	}
}

// between writes two times, the second without what it shares with the first.
func between(from, to ledger.Time) string {
	if clock(from) == clock(to) {
		return clock(from)
	}
	layout := clockLayout
	if from.UTC().Format(dateLayout) == to.UTC().Format(dateLayout) {
		layout = timeOfDay
	}
	return clock(from) + " to " + to.UTC().Format(layoutOf(to, layout))
}

// perMyriad writes hundredths of a percent, as they are: floored, and 100 % only
// where nothing is missing.
func perMyriad(n *int64) string {
	switch {
	case n == nil:
		return notAny
	case *n == 10000:
		return "100 %"
	default:
		return fmt.Sprintf("%d.%02d %%", *n/100, *n%100)
	}
}

// share writes "x of y" and the share, floored.
func share(part, whole int) string {
	if whole == 0 {
		return notAny
	}
	of := int64(part) * 10000 / int64(whole)
	return fmt.Sprintf("%s of %s (%s)", number(part), number(whole), perMyriad(&of))
}

// coverage writes a coverage with what it is a share of.
func coverage(c report.Coverage) string {
	if c.PerMyriad == nil {
		return notAny
	}
	return perMyriad(c.PerMyriad) + " (" + coverageOf(c) + ")"
}

// coverageOf writes what a coverage is a share of, or nothing where nothing was due.
func coverageOf(c report.Coverage) string {
	if c.PerMyriad == nil {
		return ""
	}
	unit := subjectUnit(c.Due)
	return fmt.Sprintf("%s of %s %s", unit.of(c.Evaluated), unit.of(c.Due), unit.noun)
}

// timeUnit is a unit of subject-time; size is in microseconds.
type timeUnit struct {
	noun string
	size int64
}

// subjectUnit is a unit in which so many microseconds of subject-time are readable.
func subjectUnit(n int64) timeUnit {
	switch {
	case n >= int64(100*24*time.Hour/time.Microsecond):
		return timeUnit{"subject-days", int64(24 * time.Hour / time.Microsecond)}
	case n >= int64(time.Hour/time.Microsecond):
		return timeUnit{"subject-hours", int64(time.Hour / time.Microsecond)}
	default:
		return timeUnit{"subject-seconds", int64(time.Second / time.Microsecond)}
	}
}

// of writes subject-time in the unit, with two decimals, floored.
func (u timeUnit) of(n int64) string {
	return fmt.Sprintf("%s.%02d", number(n/u.size), n%u.size*100/u.size)
}
