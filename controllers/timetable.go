package controllers

import (
	"cmp"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// sixMonths is what entries are kept beyond their period: never less than six
// months.
const sixMonths = 184 * 24 * time.Hour

// timetable is when a schedule's collections are due. A slot lasts until the
// next one of its cron.
type timetable struct {
	cron slots.Slots
	// start and end bound the slots; zero where the period rolls.
	start, end time.Time
	deadline   time.Duration
	suspended  bool
}

// newTimetable reads a schedule's spec. Where that cannot be used it returns the
// reason constant, and an error that names the field.
func newTimetable(spec *v1alpha1.EvidenceScheduleSpec) (t *timetable, reason string, err error) {
	zone, err := time.LoadLocation(cmp.Or(spec.TimeZone, "Etc/UTC"))
	if err != nil {
		return nil, v1alpha1.ReasonInvalidTimeZone, fmt.Errorf("spec.timeZone: %q is no time zone that this operator knows", spec.TimeZone)
	}
	due, err := slots.Parse(spec.Schedule, zone)
	if err != nil {
		return nil, v1alpha1.ReasonInvalidSchedule, fmt.Errorf("spec.schedule: %w", err)
	}
	t = &timetable{cron: due, deadline: 10 * time.Minute, suspended: spec.Suspend}
	if spec.StartingDeadline != nil {
		t.deadline = spec.StartingDeadline.Duration
	}
	if spec.Period.Rolling == nil {
		t.start, t.end = spec.Period.Start.Time, spec.Period.End.Time
	}
	if t.cron.Next(t.start).IsZero() {
		return nil, v1alpha1.ReasonInvalidSchedule, fmt.Errorf("spec.schedule: %q never comes to pass", spec.Schedule)
	}
	return t, "", nil
}

// after is the first slot after a time; nil where none is due any more.
func (t *timetable) after(at time.Time) *time.Time {
	if t.suspended {
		return nil
	}
	if !at.After(t.start) {
		at = t.start.Add(-time.Nanosecond) // a slot at the very start counts
	}
	next := t.cron.Next(at).UTC()
	if next.IsZero() || (!t.end.IsZero() && !next.Before(t.end)) {
		return nil
	}
	return &next
}

// lapsed is whether a slot's interval has passed entirely: the next slot of the
// cron has come, be it due itself or not.
func (t *timetable) lapsed(slot, now time.Time) bool { return !t.cron.Next(slot).After(now) }

// passed are successive slots that passed entirely.
type passed struct {
	first, last time.Time
	count       int
}

// pending tells, of the slots from first on, which have passed entirely at now,
// and which one is due: the newest, while its interval lasts.
func (t *timetable) pending(first *time.Time, now time.Time) (missed *passed, due *time.Time) {
	for slot := first; slot != nil && !slot.After(now); slot = t.after(*slot) {
		if !t.lapsed(*slot, now) {
			return missed, slot
		}
		if missed == nil {
			missed = &passed{first: *slot}
		}
		missed.last = *slot
		missed.count++
	}
	return missed, nil
}

// periodOf is the examination period that a schedule's spec means at a time.
func periodOf(p *v1alpha1.EvidencePeriod, at time.Time) (start, end time.Time) {
	if p.Rolling != nil {
		return at.Add(-p.Rolling.Duration), at
	}
	return p.Start.Time, p.End.Time
}

// retentionOf is how long a schedule wants entries kept at least: the period and
// six months, or what it declares where that is more.
func retentionOf(spec *v1alpha1.EvidenceScheduleSpec) time.Duration {
	start, end := periodOf(&spec.Period, time.Time{})
	floor := end.Sub(start) + sixMonths
	if spec.Retention != nil {
		floor = max(floor, spec.Retention.Duration)
	}
	return floor
}
