package occurrence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// clock is a time of the day, such as 06:00 or 06:00:05; from 24:00 on of the next ones.
func clock(tb testing.TB, text string) time.Time {
	tb.Helper()
	var h, m, s int
	if n, err := fmt.Sscanf(text+":0", "%d:%d:%d", &h, &m, &s); n < 3 {
		tb.Fatalf("%q is no time: %v", text, err)
	}
	return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second)
}

// show is the time of the day, or of the days after.
func show(t time.Time) string {
	d := t.Sub(day)
	text := fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
	if s := int(d.Seconds()) % 60; s != 0 {
		text += fmt.Sprintf(":%02d", s)
	}
	return text
}

// sixHourly is a control that was introduced at 05:00, with a slot every six hours.
func sixHourly(tb testing.TB) *ledger.BackupRecord {
	tb.Helper()
	next := ledger.At(clock(tb, "06:00"))
	return &ledger.BackupRecord{Since: ledger.At(clock(tb, "05:00")), Slots: ledger.SlotsBody{Cron: "0 */6 * * *", TimeZone: "Etc/UTC",
		StartingDeadline: int64(10 * time.Minute), Namespace: "velero", Plan: "nightly", Next: &next}}
}

// backup reads "name phase at-time [of-plan] [field=value]": a run of nightly.
func backup(tb testing.TB, text string) control.Backup {
	tb.Helper()
	fields := strings.Fields(text)
	b := control.Backup{Meta: control.Meta{Namespace: "velero", Name: fields[0], UID: "uid-" + fields[0], CreatedAt: clock(tb, fields[2])},
		Plan: "nightly", Cluster: control.BackupOfThisCluster, Phase: fields[1]}
	for _, field := range fields[3:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "plan":
			b.Plan = value
		case "cluster":
			b.Cluster = value
		case "namespace":
			b.Namespace = value
		case "ended":
			b.CompletedAt = clock(tb, value)
		case "failure":
			b.Failure = value
		case "started":
			b.StartedAt = clock(tb, value)
		case "uid":
			b.UID = value
		case "errors":
			b.Errors = len(value)
		default:
			tb.Fatalf("%q is no field of a backup", key)
		}
	}
	return b
}

// line is what was decided, on one line.
func line(d occurrence.Decided) string {
	b := d.Body
	var parts []string
	if b.Extra {
		parts = append(parts, "extra", b.State, show(b.First.Time))
	} else {
		parts = append(parts, show(b.First.Time), b.State)
		if b.Count > 1 {
			parts[0] += fmt.Sprintf("..%s x%d", show(b.Last.Time), b.Count)
		}
	}
	if d.Reason != "" {
		parts = append(parts, d.Reason)
	}
	if b.Run != nil {
		parts = append(parts, "by "+b.Run.Name)
	}
	if b.Next != nil {
		parts = append(parts, "next "+show(b.Next.Time))
	}
	for _, w := range b.Waiting {
		parts = append(parts, fmt.Sprintf("waits %s-%s", show(w.Slot.Time), show(w.Until.Time)))
	}
	return strings.Join(parts, " ")
}

func TestDecide(t *testing.T) {
	cases := map[string]struct {
		edit     func(tb testing.TB, r *ledger.BackupRecord)
		now      string
		runs     []string
		want     []string
		wantWake string
	}{
		"nothing is due yet":            {now: "05:59", wantWake: "12:01"},
		"the slot has come":             {now: "06:00", wantWake: "12:01"},
		"its run goes on":               {now: "06:05", runs: []string{"a InProgress 06:00:34"}, wantWake: "18:01"},
		"its run is queued":             {now: "06:05", runs: []string{"a Queued 06:00:34"}, wantWake: "18:01"},
		"its run has no phase yet":      {now: "06:05", runs: []string{"a New 06:00:34"}, wantWake: "18:01"},
		"its run completed":             {now: "06:05", runs: []string{"a Completed 06:00:34"}, want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"its run partially failed":      {now: "06:05", runs: []string{"a PartiallyFailed 06:00:34"}, want: []string{"06:00 PartiallyFailed by a next 12:00"}, wantWake: "18:01"},
		"its run failed":                {now: "06:05", runs: []string{"a Failed 06:00:34"}, want: []string{"06:00 Failed by a next 12:00"}, wantWake: "18:01"},
		"its run failed validation":     {now: "06:05", runs: []string{"a FailedValidation 06:00:34"}, want: []string{"06:00 Failed by a next 12:00"}, wantWake: "18:01"},
		"its run began at the deadline": {now: "07:00", runs: []string{"a Completed 06:10"}, want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"its run began late":            {now: "07:00", runs: []string{"a Completed 06:10:01"}, want: []string{"06:00 Late by a next 12:00"}, wantWake: "18:01"},
		"its run began late and failed": {now: "07:00", runs: []string{"a Failed 06:10:01"}, want: []string{"06:00 Failed by a next 12:00"}, wantWake: "18:01"},
		"its run began by a clock that is slow": {now: "06:05", runs: []string{"a Completed 05:59:50"},
			want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"a run before it": {now: "06:05", runs: []string{"a Completed 05:59:49"},
			want: []string{"extra Completed 05:59:49 by a"}, wantWake: "12:01"},
		"a run is being deleted that completed": {now: "07:00", runs: []string{"a Deleting 06:00 ended=06:04"},
			want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"a run is being deleted that had errors": {now: "07:00", runs: []string{"a Deleting 06:00 ended=06:04 errors=xx"},
			want: []string{"06:00 PartiallyFailed by a next 12:00"}, wantWake: "18:01"},
		"a run is being deleted that failed": {now: "07:00", runs: []string{"a Deleting 06:00 ended=06:04 failure=store"},
			want: []string{"06:00 Failed by a next 12:00"}, wantWake: "18:01"},
		"a run is being deleted that had not ended": {now: "07:00", runs: []string{"a Deleting 06:00"}, wantWake: "18:01"},
		"the slot is over, within grace":            {now: "12:00:59", wantWake: "12:01"},
		"the slot is over":                          {now: "12:01", want: []string{"06:00 Missed NoRun next 12:00"}, wantWake: "18:01"},
		"several slots are over":                    {now: "24:01", want: []string{"06:00..18:00 x3 Missed NoRun next 24:00"}, wantWake: "30:01"},
		"slots were not observed in part": {now: "24:01",
			edit: blind("11:59", "12:00:30"),
			want: []string{"06:00..12:00 x2 Missed NotObserved next 18:00", "18:00 Missed NoRun next 24:00"}, wantWake: "30:01"},
		"a slot was not observed, and has its run": {now: "12:01",
			edit: blind("05:00", "11:00"),
			runs: []string{"a Completed 06:00"}, want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"a run between slots that were missed": {now: "24:01", runs: []string{"a Completed 12:01"},
			want: []string{"06:00 Missed NoRun next 12:00", "12:00 Completed by a next 18:00", "18:00 Missed NoRun next 24:00"}, wantWake: "30:01"},
		"a further run of the plan": {now: "07:00", runs: []string{"a Completed 06:00", "b Failed 06:30"},
			want: []string{"06:00 Completed by a next 12:00", "extra Failed 06:30 by b"}, wantWake: "18:01"},
		"a further run ends before the slot's own": {now: "07:00", runs: []string{"a InProgress 06:00", "b Completed 06:30"}, wantWake: "18:01"},
		"a run by hand": {now: "06:00", runs: []string{"a Completed 05:30 plan="},
			want: []string{"extra Completed 05:30 by a"}, wantWake: "12:01"},
		"a run by hand in the slot": {now: "06:30", runs: []string{"a Completed 06:00 plan="},
			want: []string{"extra Completed 06:00 by a"}, wantWake: "12:01"},
		"a run by hand goes on":           {now: "06:00", runs: []string{"a InProgress 05:30 plan="}, wantWake: "12:01"},
		"a run of another plan":           {now: "06:00", runs: []string{"a Completed 05:30 plan=theirs"}, want: []string{"extra Completed 05:30 by a"}, wantWake: "12:01"},
		"a run of another control's plan": {now: "06:00", runs: []string{"a Completed 05:30 plan=elsewhere"}, wantWake: "12:01"},
		"a run of another cluster":        {now: "07:00", runs: []string{"a Completed 06:00 cluster=Another"}, wantWake: "12:01"},
		"a run of no cluster":             {now: "07:00", runs: []string{"a Completed 06:00 cluster="}, wantWake: "12:01"},
		"a run of another Velero":         {now: "07:00", runs: []string{"a Completed 06:00 namespace=dr"}, wantWake: "12:01"},
		"a run from before the control":   {now: "06:00", runs: []string{"a Completed 04:59"}, wantWake: "12:01"},
		"a run that is recorded":          {now: "07:00", edit: recordedAs("a"), runs: []string{"a Completed 06:00"}, wantWake: "12:01"},
		"an extra one that is recorded":   {now: "06:00", edit: recordedAs("a"), runs: []string{"a Completed 05:30 plan="}, wantWake: "12:01"},
		"a run that was found in the store": {now: "13:00", runs: []string{"a Completed 12:30 started=06:00:40"},
			want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"a recorded run that was found in the store": {now: "07:00", edit: recordedAs("a", "05:50"),
			runs: []string{"a Completed 06:40 started=05:50 uid=another"}, wantWake: "12:01"},
		"a run by the name of one that is recorded": {now: "07:00", edit: recordedAs("a", "05:50"), runs: []string{"a Completed 06:40 started=06:41 uid=another"},
			want: []string{"06:00 Late by a next 12:00"}, wantWake: "18:01"},
		"one from before the control that was found in the store": {now: "06:00", runs: []string{"a Completed 05:30 started=04:00"}, wantWake: "12:01"},
		"an extra one too old to tell":                            {now: "06:00", edit: forgotten("05:30"), runs: []string{"a Completed 05:30 plan="}, wantWake: "12:01"},
		"an extra one not too old to tell":                        {now: "06:00", edit: forgotten("05:29"), runs: []string{"a Completed 05:30 plan="}, want: []string{"extra Completed 05:30 by a"}, wantWake: "12:01"},
		"a slot's run too old to tell is one": {now: "07:00", edit: forgotten("06:30"), runs: []string{"a Completed 06:00"},
			want: []string{"06:00 Completed by a next 12:00"}, wantWake: "18:01"},
		"a run goes on, and the next one ended": {now: "13:00", runs: []string{"a Queued 06:00", "b Completed 12:00"},
			want: []string{"12:00 Completed by b next 18:00 waits 06:00-12:00"}, wantWake: "24:01"},
		"a run goes on, and the next slot was missed": {now: "18:01", runs: []string{"a Queued 06:00"},
			want: []string{"12:00 Missed NoRun next 18:00 waits 06:00-12:00"}, wantWake: "24:01"},
		"a run ended that a slot waited for": {now: "19:00", edit: waiting("18:00", "06:00-12:00"), runs: []string{"a Completed 06:00"},
			want: []string{"06:00 Completed by a next 18:00"}, wantWake: "24:01"},
		"a run vanished that a slot waited for": {now: "19:00", edit: waiting("18:00", "06:00-12:00"),
			want: []string{"06:00 Missed NoRun next 18:00"}, wantWake: "24:01"},
		"one of two slots that wait": {now: "19:00", edit: waiting("18:00", "06:00-09:00", "09:00-12:00"), runs: []string{"a Queued 06:00", "b Failed 09:01"},
			want: []string{"09:00 Failed by b next 18:00 waits 06:00-09:00"}, wantWake: "24:01"},
		"two slots that wait are missed, one by one": {now: "24:01", edit: waiting("18:00", "06:00-12:00", "12:00-18:00"),
			want: []string{"06:00 Missed NoRun next 18:00 waits 12:00-18:00", "12:00 Missed NoRun next 18:00", "18:00 Missed NoRun next 24:00"}, wantWake: "30:01"},
		"a slot that waits is within grace": {now: "12:00:30", edit: waiting("18:00", "06:00-12:00"), wantWake: "12:01"},
		"a further run in a slot that waits": {now: "19:00", edit: waiting("18:00", "06:00-12:00"), runs: []string{"a Queued 06:00", "b Completed 07:00"},
			want: []string{"extra Completed 07:00 by b"}, wantWake: "24:01"},
		"a run and the slot of the night": {now: "24:30", runs: []string{"a Completed 06:00", "b Completed 12:00:59", "c Completed 18:00", "d InProgress 24:00"},
			want: []string{"06:00 Completed by a next 12:00", "12:00 Completed by b next 18:00", "18:00 Completed by c next 24:00"}, wantWake: "36:01"},
		"two backups of one second": {now: "07:00", runs: []string{"b Completed 06:00", "a Completed 06:00"},
			want: []string{"06:00 Completed by a next 12:00", "extra Completed 06:00 by b"}, wantWake: "18:01"},
		"the cron has no slots any more": {now: "19:00", edit: func(_ testing.TB, r *ledger.BackupRecord) { r.Slots.Next = nil },
			runs: []string{"a Completed 06:00"}, want: []string{"extra Completed 06:00 by a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			record := sixHourly(t)
			if tc.edit != nil {
				tc.edit(t, record)
			}
			in := occurrence.Input{Record: record, Now: clock(t, tc.now),
				Elsewhere: func(namespace, plan string) bool { return namespace == "velero" && plan == "elsewhere" }}
			for _, text := range tc.runs {
				in.Runs = append(in.Runs, backup(t, text))
			}
			decided, wake, err := occurrence.Decide(in)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range decided {
				got = append(got, line(d))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decided (-want +got):\n%s", diff)
			}
			gotWake := ""
			if !wake.IsZero() {
				gotWake = show(wake)
			}
			if gotWake != tc.wantWake {
				t.Errorf("more can be said at %q, want %q", gotWake, tc.wantWake)
			}
		})
	}
}

// blind has nobody look from a time to another.
func blind(from, to string) func(testing.TB, *ledger.BackupRecord) {
	return func(tb testing.TB, r *ledger.BackupRecord) {
		tb.Helper()
		r.Unobserved = append(r.Unobserved, ledger.Interval{From: ledger.At(clock(tb, from)), To: ledger.At(clock(tb, to))})
	}
}

func recordedAs(name string, started ...string) func(testing.TB, *ledger.BackupRecord) {
	return func(tb testing.TB, r *ledger.BackupRecord) {
		tb.Helper()
		run := ledger.RecordedRun{Name: name, UID: "uid-" + name}
		for _, at := range started {
			run.StartedAt = new(ledger.At(clock(tb, at)))
		}
		r.Runs = append(r.Runs, run)
	}
}

func forgotten(at string) func(testing.TB, *ledger.BackupRecord) {
	return func(tb testing.TB, r *ledger.BackupRecord) {
		tb.Helper()
		r.Forgotten = new(ledger.At(clock(tb, at)))
	}
}

// waiting has slots wait, such as 06:00-12:00, before the one that is due next.
func waiting(next string, spans ...string) func(testing.TB, *ledger.BackupRecord) {
	return func(tb testing.TB, r *ledger.BackupRecord) {
		tb.Helper()
		r.Slots.Next = new(ledger.At(clock(tb, next)))
		for _, span := range spans {
			slot, until, _ := strings.Cut(span, "-")
			r.Slots.Waiting = append(r.Slots.Waiting, ledger.WaitingSlot{Slot: ledger.At(clock(tb, slot)), Until: ledger.At(clock(tb, until))})
		}
	}
}

// TestSlotsThatWaitAreBounded: the oldest ones are given up.
func TestSlotsThatWaitAreBounded(t *testing.T) {
	record := sixHourly(t)
	var runs []control.Backup
	for i := range ledger.MaxWaiting + 2 {
		runs = append(runs, backup(t, fmt.Sprintf("q%02d Queued %02d:00", i, 6+6*i)))
	}
	last := 6 + 6*(ledger.MaxWaiting+2)
	runs = append(runs, backup(t, fmt.Sprintf("z Completed %d:00", last)))
	decided, _, err := occurrence.Decide(occurrence.Input{Record: record, Runs: runs, Now: clock(t, fmt.Sprintf("%d:30", last))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range decided {
		got = append(got, strings.Join(strings.Fields(line(d))[:5], " "))
		if len(d.Body.Waiting) > ledger.MaxWaiting {
			t.Errorf("%d slots wait, want %d at most", len(d.Body.Waiting), ledger.MaxWaiting)
		}
	}
	want := []string{"06:00 Failed NotEnded by q00", "12:00 Failed NotEnded by q01", fmt.Sprintf("%d:00 Completed by z next", last)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
}

// TestADayIsDecidedInParts: what is due for years is decided at once only in part.
func TestADayIsDecidedInParts(t *testing.T) {
	record := sixHourly(t)
	record.Slots.Cron = "* * * * *"
	record.Slots.Next = new(ledger.At(day))
	now := day.Add(30 * 24 * time.Hour)
	decided, wake, err := occurrence.Decide(occurrence.Input{Record: record, Now: now})
	if err != nil || len(decided) != 1 || decided[0].Body.Count != 10_000 || !wake.Equal(now) {
		t.Errorf("got %d occurrences, more at %s, %v, want one of 10000 slots, more at once", len(decided), wake, err)
	}
}

func TestIntroduce(t *testing.T) {
	hourly := ledger.SlotsBody{Cron: "0 * * * *", TimeZone: "Etc/UTC", Plan: "p"}
	cases := map[string]struct {
		before func(testing.TB) *ledger.BackupRecord
		slots  ledger.SlotsBody
		now    string
		want   string
	}{
		"for the first time":                      {slots: hourly, now: "05:30", want: "06:00"},
		"at a slot":                               {slots: hourly, now: "06:00", want: "07:00"},
		"in a time zone":                          {slots: ledger.SlotsBody{Cron: "0 0 * * *", TimeZone: "Europe/Berlin"}, now: "05:30", want: "23:00"},
		"after a withdrawal":                      {before: withdrawn, slots: hourly, now: "19:30", want: "20:00"},
		"by the same cron":                        {before: after(waiting("18:00", "06:00-12:00")), slots: sixHourly(t).Slots, now: "19:30", want: "18:00 06:00-12:00"},
		"before the next slot":                    {before: after(waiting("18:00")), slots: hourly, now: "17:30", want: "18:00"},
		"while a slot lasts":                      {before: after(waiting("18:00")), slots: hourly, now: "19:30", want: "20:00 18:00-20:00"},
		"while several last":                      {before: after(waiting("12:00", "06:00-12:00")), slots: hourly, now: "19:30", want: "20:00 06:00-12:00 12:00-18:00 18:00-20:00"},
		"while one lasts by the cron before that": {before: after(waiting("24:00", "18:00-24:00")), slots: hourly, now: "19:30", want: "20:00 18:00-20:00"},
		"after many that go on":                   {before: after(waiting("06:00")), slots: hourly, now: "126:30", want: "127:00 36:00-42:00 … 16"},
		"the cron before is wrong":                {before: after(func(_ testing.TB, r *ledger.BackupRecord) { r.Slots.Cron = "x" }), slots: hourly, now: "19:30", want: "20:00"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var before *ledger.BackupRecord
			if tc.before != nil {
				before = tc.before(t)
			}
			slots, err := occurrence.Introduce(tc.slots, before, clock(t, tc.now))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{show(slots.Next.Time)}
			for _, w := range slots.Waiting {
				got = append(got, show(w.Slot.Time)+"-"+show(w.Until.Time))
			}
			if len(got) > 10 {
				got = append(got[:2], "…", fmt.Sprint(len(slots.Waiting)))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := occurrence.Introduce(ledger.SlotsBody{Cron: "0 * * * *", TimeZone: "Mars/Base"}, nil, day); err == nil {
		t.Error("a time zone that there is not is taken")
	}
}

func after(edit func(testing.TB, *ledger.BackupRecord)) func(testing.TB) *ledger.BackupRecord {
	return func(tb testing.TB) *ledger.BackupRecord {
		tb.Helper()
		r := sixHourly(tb)
		edit(tb, r)
		return r
	}
}

func withdrawn(tb testing.TB) *ledger.BackupRecord {
	tb.Helper()
	r := sixHourly(tb)
	r.Withdrawn, r.Slots.Next = true, nil
	return r
}

// TestSince: no backup is asked for that nothing can be said of any more.
func TestSince(t *testing.T) {
	cases := map[string]struct {
		edits []func(testing.TB, *ledger.BackupRecord)
		want  string
	}{
		"since the introduction":     {want: "05:00"},
		"since what is remembered":   {edits: edits(waiting("18:00"), forgotten("17:00")), want: "17:00"},
		"since the slot that is due": {edits: edits(waiting("18:00"), forgotten("19:00")), want: "17:59:50"},
		"since a slot that waits":    {edits: edits(waiting("18:00", "12:00-18:00"), forgotten("17:00")), want: "11:59:50"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := sixHourly(t)
			for _, edit := range tc.edits {
				edit(t, r)
			}
			if got := show(occurrence.Since(r)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func edits(all ...func(testing.TB, *ledger.BackupRecord)) []func(testing.TB, *ledger.BackupRecord) {
	return slices.Clone(all)
}
