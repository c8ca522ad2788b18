package render

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// first is the first day of the records that are plotted here.
var first = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func hours(h float64) ledger.Time { return ledger.At(first.Add(time.Duration(h * float64(time.Hour)))) }

func stretch(from, to float64) report.Interval {
	return report.Interval{From: hours(from), To: hours(to)}
}

// drawn is a record of two days with one control.
func drawn() (*report.Record, *report.Control) {
	subjects := 0
	episode := func(class string, from, to float64) report.Episode {
		subjects++
		e := report.Episode{Class: class, Subject: control.Subject{Name: fmt.Sprint(subjects)}, Ending: "Corrected", Started: report.Bounds{NotAfter: new(hours(from))}}
		if to > 0 {
			e.Ended.NotAfter = new(hours(to))
		}
		return e
	}
	r := &report.Record{
		Query: report.Query{From: new(hours(0)), To: new(hours(48))}, Through: hours(40),
		Gaps: []report.Gap{
			{Interval: stretch(14, 15), Cause: ledger.CauseNotRunning}, {Interval: stretch(22, 26), Cause: ledger.CauseNotRunning},
			{Interval: stretch(2, 3), Policy: "other"},
		},
		Controls: []report.Control{{
			Policy: "p", ID: "C-1", NotInOperation: []report.Interval{stretch(0, 4)},
			Baseline: []report.Episode{episode(report.ClassBaseline, 4, 5)},
			Episodes: []report.Episode{
				episode(report.ClassWithinTolerance, 6, 6.1), episode(report.ClassDeviation, 7, 9), episode(report.ClassDeviation, 8, 10),
				episode(report.ClassPending, 36, 0), episode(report.ClassDeviation, -5, 1),
			},
		}},
	}
	return r, &r.Controls[0]
}

func TestPlot(t *testing.T) {
	r, c := drawn()
	p := newPlot(r, c, 12)
	const f = false
	want := map[string]any{
		// Twelve bins of four hours.
		"deviating": []int{1, 1, 2, 0, 0, 0, 0, 0, 0, 1, 1, 0}, "outside": []int{0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}, "within": []int{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"gap":    []bool{f, f, f, true, f, true, true, f, f, f, f, f},
		"idle":   []bool{true, f, f, f, f, f, f, f, f, f, f, f},
		"unseen": []bool{f, f, f, f, f, f, f, f, f, f, true, true},
	}
	got := map[string]any{"deviating": p.deviating, "outside": p.outside, "within": p.within, "gap": p.gap, "idle": p.idle, "unseen": p.unseen}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plot (-want +got):\n%s", diff)
	}
}

// TestASubjectDeviatesOnce at a time, however its episodes overlap.
func TestASubjectDeviatesOnce(t *testing.T) {
	r, c := drawn()
	for i := range c.Episodes {
		c.Episodes[i].Subject = c.Baseline[0].Subject
	}
	if diff := cmp.Diff([]int{1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0}, newPlot(r, c, 12).deviating); diff != "" {
		t.Errorf("deviating at once (-want +got):\n%s", diff)
	}
	if d := newDays(r, c)[0].deviating; d != int64(5*time.Hour+6*time.Minute) {
		t.Errorf("on the first day it deviated for %s", time.Duration(d))
	}
}

func TestAnInstantHasNoPlot(t *testing.T) {
	r, c := drawn()
	r.Query = report.Query{AsOf: new(hours(5))}
	if newPlot(r, c, 12) != nil || newDays(r, c) != nil || newPlotFigure(r, c) != nil || newCalendar(r, c) != nil {
		t.Error("there is one")
	}
}

func TestDays(t *testing.T) {
	r, c := drawn()
	var got []string
	for _, d := range newDays(r, c) {
		got = append(got, fmt.Sprintf("%s: %d episodes, deviating %s, gap %s, idle %t, unseen %t; cell %q %q",
			d.date.Format(dateLayout), d.episodes, time.Duration(d.deviating), time.Duration(d.gap), d.idle, d.unseen, d.cell().Class, d.cell().Text))
	}
	want := []string{
		`2026-03-01: 3 episodes, deviating 6h6m0s, gap 3h0m0s, idle true, unseen false; cell "l4 idle gap" "3"`,
		`2026-03-02: 1 episodes, deviating 4h0m0s, gap 2h0m0s, idle false, unseen true; cell "l4 gap" "1"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
}

// TestMonthsBeginOnMonday: March 2026 begins on a Sunday, and has six weeks.
func TestMonthsBeginOnMonday(t *testing.T) {
	r, c := drawn()
	cal := newCalendar(r, c)
	if len(cal.Months) != 1 || cal.Months[0].Name != "March 2026" || len(cal.Months[0].Weeks) != 6 {
		t.Fatalf("months %+v", cal.Months)
	}
	weeks := cal.Months[0].Weeks
	if weeks[0][6].Text != "3" || weeks[1][0].Text != "1" || weeks[1][1] != (dayCell{}) {
		t.Errorf("the first week is %+v, the second %+v", weeks[0], weeks[1])
	}
	if cal.Days.All != 2 {
		t.Errorf("%d days in the table, want 2", cal.Days.All)
	}
}

func TestTicks(t *testing.T) {
	for name, c := range map[string]struct {
		length time.Duration
		want   []string
	}{
		"a minute":    {time.Minute, []string{"00:00:00", "00:00:10", "00:00:20", "00:00:30", "00:00:40", "00:00:50"}},
		"a day":       {24 * time.Hour, []string{"00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"}},
		"a quarter":   {90 * 24 * time.Hour, []string{"2 Mar", "16 Mar", "30 Mar", "13 Apr", "27 Apr", "11 May"}},
		"half a year": {181 * 24 * time.Hour, []string{"Mar 2026", "Apr 2026", "May 2026", "Jun 2026", "Jul 2026", "Aug 2026"}},
		"three years": {3 * 365 * 24 * time.Hour, []string{"Mar 2026", "Mar 2027", "Mar 2028"}},
	} {
		var got []string
		for _, tick := range ticks(first, first.Add(c.length)) {
			got = append(got, tick.Label)
		}
		if diff := cmp.Diff(c.want, got[:min(len(got), len(c.want))]); diff != "" || len(got) > mostTicks {
			t.Errorf("%s: %d ticks (-want +got):\n%s", name, len(got), diff)
		}
	}
}
