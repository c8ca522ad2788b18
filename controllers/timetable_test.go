package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// at is a time of 2026 in UTC.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.DateTime, "2026-"+text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// year is an hourly schedule over 2026.
func year(edits ...func(*v1alpha1.EvidenceScheduleSpec)) *v1alpha1.EvidenceScheduleSpec {
	spec := &v1alpha1.EvidenceScheduleSpec{Schedule: "0 * * * *", TimeZone: "Etc/UTC", Period: v1alpha1.EvidencePeriod{
		Start: &metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, End: &metav1.Time{Time: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}}
	for _, edit := range edits {
		edit(spec)
	}
	return spec
}

func rolling(d time.Duration) func(*v1alpha1.EvidenceScheduleSpec) {
	return func(s *v1alpha1.EvidenceScheduleSpec) {
		s.Period = v1alpha1.EvidencePeriod{Rolling: &metav1.Duration{Duration: d}}
	}
}

func tableOf(t *testing.T, spec *v1alpha1.EvidenceScheduleSpec) *timetable {
	t.Helper()
	table, reason, err := newTimetable(spec)
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	return table
}

func TestTimetableThatCannotBeRead(t *testing.T) {
	cases := map[string]struct {
		schedule, zone string
		want           string
	}{
		"a value out of range":    {"61 * * * *", "Etc/UTC", v1alpha1.ReasonInvalidSchedule},
		"a month of no name":      {"0 0 1 FOO *", "Etc/UTC", v1alpha1.ReasonInvalidSchedule},
		"a date that never comes": {"0 0 31 2 *", "Etc/UTC", v1alpha1.ReasonInvalidSchedule},
		"an unknown time zone":    {"0 * * * *", "Nowhere/Land", v1alpha1.ReasonInvalidTimeZone},
		"a good one":              {"0 * * * *", "Europe/Berlin", ""},
		"the default time zone":   {"0 * * * *", "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, reason, err := newTimetable(year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Schedule, s.TimeZone = tc.schedule, tc.zone }))
			if reason != tc.want || (err != nil) != (tc.want != "") {
				t.Errorf("got reason %q and %v, want reason %q", reason, err, tc.want)
			}
		})
	}
}

func TestSlotAfter(t *testing.T) {
	cases := map[string]struct {
		spec  *v1alpha1.EvidenceScheduleSpec
		after string
		want  string // empty: none
	}{
		"the next hour":                   {year(), "03-01 12:00:00", "03-01 13:00:00"},
		"a slot at the start of a period": {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Period.Start.Time = at(t, "06-01 00:00:00") }), "03-01 12:00:00", "06-01 00:00:00"},
		"none at the end of a period":     {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Period.End.Time = at(t, "06-01 00:00:00") }), "05-31 23:00:00", ""},
		"the last one of a period":        {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Period.End.Time = at(t, "06-01 00:00:00") }), "05-31 22:59:00", "05-31 23:00:00"},
		"none while suspended":            {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Suspend = true }), "03-01 12:00:00", ""},
		"a rolling period has no bounds":  {year(rolling(24 * time.Hour)), "03-01 12:30:00", "03-01 13:00:00"},
		"another time zone, in winter":    {year(berlin), "03-01 00:00:00", "03-01 05:00:00"},
		"another time zone, in summer":    {year(berlin), "07-01 00:00:00", "07-01 04:00:00"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if next := tableOf(t, tc.spec).after(at(t, tc.after)); next != nil {
				got = next.Format("01-02 15:04:05")
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// berlin is every day at six in Berlin.
func berlin(s *v1alpha1.EvidenceScheduleSpec) { s.Schedule, s.TimeZone = "0 6 * * *", "Europe/Berlin" }

// TestE6SlotsThatPassed: of the slots since the last one, those whose interval
// has passed are missed, and the newest is due as long as its interval lasts.
func TestE6SlotsThatPassed(t *testing.T) {
	june := func(s *v1alpha1.EvidenceScheduleSpec) { s.Period.End.Time = at(t, "06-01 00:00:00") }
	cases := map[string]struct {
		spec       *v1alpha1.EvidenceScheduleSpec
		first, now string
		wantMissed *passed
		wantDue    string
	}{
		"before the slot":                {year(), "03-01 13:00:00", "03-01 12:59:59", nil, ""},
		"at the slot":                    {year(), "03-01 13:00:00", "03-01 13:00:00", nil, "03-01 13:00:00"},
		"within its interval":            {year(), "03-01 13:00:00", "03-01 13:59:59", nil, "03-01 13:00:00"},
		"one passed":                     {year(), "03-01 13:00:00", "03-01 14:00:00", &passed{at(t, "03-01 13:00:00"), at(t, "03-01 13:00:00"), 1}, "03-01 14:00:00"},
		"three passed":                   {year(), "03-01 13:00:00", "03-01 16:05:00", &passed{at(t, "03-01 13:00:00"), at(t, "03-01 15:00:00"), 3}, "03-01 16:00:00"},
		"the last of a period is due":    {year(june), "05-31 22:00:00", "05-31 23:30:00", &passed{at(t, "05-31 22:00:00"), at(t, "05-31 22:00:00"), 1}, "05-31 23:00:00"},
		"the last of a period passed":    {year(june), "05-31 22:00:00", "07-01 00:00:00", &passed{at(t, "05-31 22:00:00"), at(t, "05-31 23:00:00"), 2}, ""},
		"a slot off the cron, as caught": {year(), "03-01 13:10:00", "03-01 13:20:00", nil, "03-01 13:10:00"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first := at(t, tc.first)
			missed, due := tableOf(t, tc.spec).pending(&first, at(t, tc.now))
			got := ""
			if due != nil {
				got = due.Format("01-02 15:04:05")
			}
			if diff := cmp.Diff(tc.wantMissed, missed, cmp.AllowUnexported(passed{})); diff != "" || got != tc.wantDue {
				t.Errorf("due %q, want %q; missed (-want +got):\n%s", got, tc.wantDue, diff)
			}
		})
	}
}

func TestE42RetentionFloor(t *testing.T) {
	const day = 24 * time.Hour
	cases := map[string]struct {
		spec *v1alpha1.EvidenceScheduleSpec
		want time.Duration
	}{
		"the period and six months":    {year(), (365 + 184) * day},
		"a rolling period":             {year(rolling(30 * day)), (30 + 184) * day},
		"what is declared is more":     {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Retention = &metav1.Duration{Duration: 3000 * day} }), 3000 * day},
		"what is declared is too less": {year(func(s *v1alpha1.EvidenceScheduleSpec) { s.Retention = &metav1.Duration{Duration: day} }), (365 + 184) * day},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := retentionOf(tc.spec); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
