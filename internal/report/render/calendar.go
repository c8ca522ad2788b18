package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/internal/report"
)

// calendar is a control's period by days.
type calendar struct {
	Months []month
	// Days are those that hold something: the same as a table.
	Days limited[dayRow]
}

// month is a month as on a wall: weeks from Monday.
type month struct {
	Name  string
	Weeks [][]dayCell
}

// dayCell is a day of a month; the days of other months have no class.
type dayCell struct {
	Class, Text, Title string
}

// dayRow is a day in the table.
type dayRow struct {
	Date      string
	Episodes  int
	Deviating string
	Gap       string
}

// calendarDays is how many days the table has at most.
const calendarDays = 400

func newCalendar(r *report.Record, c *report.Control) *calendar {
	days := newDays(r, c)
	if len(days) == 0 {
		return nil
	}
	cal := &calendar{}
	var rows []dayRow
	for i := range days {
		d := &days[i]
		if i == 0 || d.date.Day() == 1 {
			cal.Months = append(cal.Months, newMonth(d.date))
		}
		cal.Months[len(cal.Months)-1].put(d)
		if d.episodes > 0 || d.deviating > 0 || d.gap > 0 {
			rows = append(rows, d.row())
		}
	}
	cal.Days = limit(rows, calendarDays)
	return cal
}

// newMonth is the month of a date, without its days.
func newMonth(date time.Time) month {
	m := month{Name: date.Format("January 2006")}
	first := time.Date(date.Year(), date.Month(), 1, 0, 0, 0, 0, time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	for week := 0; week*7 < weekday(first)+days; week++ {
		m.Weeks = append(m.Weeks, make([]dayCell, 7))
	}
	return m
}

// weekday counts from Monday.
func weekday(t time.Time) int { return (int(t.Weekday()) + 6) % 7 }

func (m *month) put(d *dayCount) {
	first := time.Date(d.date.Year(), d.date.Month(), 1, 0, 0, 0, 0, time.UTC)
	n := weekday(first) + d.date.Day() - 1
	m.Weeks[n/7][n%7] = d.cell()
}

// level is how much time of subjects deviated on the day: none, less than a
// minute, ten minutes, an hour, or more.
func (d *dayCount) level() int {
	for i, limit := range []time.Duration{1, time.Minute, 10 * time.Minute, time.Hour} {
		if d.deviating < int64(limit) {
			return i
		}
	}
	return 4
}

// cell shows the number of episodes that began; a day on which one only went on
// has a dot, a quiet one nothing.
func (d *dayCount) cell() dayCell {
	c := dayCell{Class: fmt.Sprintf("l%d", d.level())}
	switch {
	case d.unseen && d.episodes == 0 && d.deviating == 0:
		c.Class = "unseen"
	case d.idle:
		c.Class += " idle"
	}
	if d.gap > 0 {
		c.Class += " gap"
	}
	switch {
	case d.episodes > 999:
		c.Text = "999+"
	case d.episodes > 0:
		c.Text = fmt.Sprint(d.episodes)
	case d.deviating > 0:
		c.Text = "·"
	}
	if d.episodes > 0 || d.deviating > 0 || d.gap > 0 {
		c.Title = d.title()
	}
	return c
}

func (d *dayCount) title() string {
	parts := []string{d.date.Format("2 January") + ": " + count(d.episodes, "episode") + " began"}
	if d.deviating > 0 {
		parts = append(parts, "subjects deviated for "+duration(d.deviating, up))
	}
	if d.gap > 0 {
		parts = append(parts, "unobserved for "+duration(d.gap, up))
	}
	return strings.Join(parts, ", ")
}

func (d *dayCount) row() dayRow {
	return dayRow{d.date.Format(dateLayout), d.episodes, duration(d.deviating, up), duration(d.gap, up)}
}
