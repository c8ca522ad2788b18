package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// hours is a time so many hours after the epoch, and minutes.
func hours(h int, minutes ...int) Time {
	at := epoch.Add(time.Duration(h) * time.Hour)
	for _, m := range minutes {
		at = at.Add(time.Duration(m) * time.Minute)
	}
	return At(at)
}

// slotsDraft introduces p/b with a slot every six hours, the first at next.
func slotsDraft(definition string, next int, waiting ...WaitingSlot) Draft {
	d := introDraft("p", "b", definition, epoch)
	d.Intro.Slots = &SlotsBody{Cron: "0 */6 * * *", TimeZone: "Etc/UTC", StartingDeadline: int64(10 * time.Minute),
		Namespace: "velero", Plan: "nightly", Next: new(hours(next)), Waiting: waiting}
	return d
}

func waits(slot, until int) WaitingSlot { return WaitingSlot{hours(slot), hours(until)} }

// ran drafts that the slot at an hour had a run, and which is due next.
func ran(slot, next int, uid string, waiting ...WaitingSlot) Draft {
	return occurrenceDraft("", &OccurrenceBody{State: OccurrenceCompleted, First: hours(slot), Last: hours(slot), Count: 1, Next: new(hours(next)),
		Waiting: waiting, Run: &RunBody{Namespace: "velero", Name: uid, UID: uid, BegunAt: hours(slot), Phase: "Completed"}})
}

// missedSlots drafts that slots were missed, every six hours.
func missedSlots(reason string, first, last, next int, waiting ...WaitingSlot) Draft {
	return occurrenceDraft(reason, &OccurrenceBody{State: OccurrenceMissed, First: hours(first), Last: hours(last), Count: (last-first)/6 + 1,
		Next: new(hours(next)), Waiting: waiting})
}

// extraRun drafts a run that no slot expected.
func extraRun(at Time, uid string) Draft {
	return occurrenceDraft("", &OccurrenceBody{State: OccurrenceFailed, First: at, Last: at, Extra: true,
		Run: &RunBody{Namespace: "velero", Name: uid, UID: uid, BegunAt: at, Phase: "Failed"}})
}

func occurrenceDraft(reason string, b *OccurrenceBody) Draft {
	b.Of = OccurrenceOfBackup
	return Draft{Entry: Entry{Kind: KindOccurrence, Policy: policyRef("p", "d"), Control: "b", Reason: reason,
		Subject: &control.Subject{Kind: control.ClusterKind, Name: "cluster", UID: "uid-kube-system"}, Occurrence: b}}
}

func gapDraft(kind, policy string, from, to Time) Draft {
	return Draft{Entry: Entry{Kind: KindGap, Gap: &GapBody{Cause: CauseNotRunning, Kind: kind, Policy: policy, From: from, To: &to}}}
}

// describe is a record in short.
func describe(r *BackupRecord) string {
	if r == nil {
		return "none"
	}
	short := func(t *Time) string {
		if t == nil {
			return "-"
		}
		return fmt.Sprint(t.Sub(epoch).Hours())
	}
	text := fmt.Sprintf("last=%s%s next=%s", short(r.LastSlot), strings.ToLower(r.LastState[:min(len(r.LastState), 1)]), short(r.Slots.Next))
	for _, w := range r.Slots.Waiting {
		text += fmt.Sprintf(" waits=%s-%s", short(&w.Slot), short(&w.Until))
	}
	for _, run := range r.Runs {
		text += " ran=" + run.UID
	}
	for _, i := range r.Unobserved {
		text += fmt.Sprintf(" blind=%s-%s", short(&i.From), short(&i.To))
	}
	if r.Withdrawn {
		text += " withdrawn"
	}
	return text
}

// TestSlotsAreFolded: what is due next, what waits, which runs are recorded and where
// nobody looked follows from the entries, and from a snapshot as well.
func TestSlotsAreFolded(t *testing.T) {
	withdrawal := Draft{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "b"}}
	cases := map[string]struct {
		drafts []Draft
		want   string
	}{
		"a control without slots":      {[]Draft{introDraft("p", "b", "d", epoch)}, "none"},
		"introduced":                   {[]Draft{slotsDraft("d", 6)}, "last=- next=6"},
		"a run":                        {[]Draft{slotsDraft("d", 6), ran(6, 12, "a")}, "last=6c next=12 ran=a"},
		"missed slots":                 {[]Draft{slotsDraft("d", 6), missedSlots(OccurrenceNoRun, 6, 18, 24)}, "last=18m next=24"},
		"an extra run":                 {[]Draft{slotsDraft("d", 6), extraRun(hours(5), "x")}, "last=- next=6 ran=x"},
		"a slot that waits":            {[]Draft{slotsDraft("d", 6), ran(12, 18, "b", waits(6, 12))}, "last=12c next=18 waits=6-12 ran=b"},
		"two that wait":                {[]Draft{slotsDraft("d", 6), ran(18, 24, "c", waits(6, 12), waits(12, 18))}, "last=18c next=24 waits=6-12 waits=12-18 ran=c"},
		"one that waited ended":        {[]Draft{slotsDraft("d", 6), ran(12, 18, "b", waits(6, 12)), ran(6, 18, "a")}, "last=12c next=18 ran=a ran=b"},
		"one that waited was missed":   {[]Draft{slotsDraft("d", 6), ran(12, 18, "b", waits(6, 12)), missedSlots(OccurrenceNoRun, 6, 6, 18)}, "last=12c next=18 ran=b"},
		"defined anew, by one cron":    {[]Draft{slotsDraft("d", 6), ran(6, 12, "a"), slotsDraft("e", 30)}, "last=6c next=12 ran=a"},
		"defined anew, by another":     {[]Draft{slotsDraft("d", 6), ran(6, 12, "a"), byAnotherCron(slotsDraft("e", 15, waits(12, 15)))}, "last=6c next=15 waits=12-15 ran=a"},
		"withdrawn":                    {[]Draft{slotsDraft("d", 6), ran(6, 12, "a"), withdrawal}, "last=6c next=- ran=a withdrawn"},
		"introduced again":             {[]Draft{slotsDraft("d", 6), ran(6, 12, "a"), withdrawal, slotsDraft("d", 48)}, "last=6c next=48 ran=a"},
		"of another provider now":      {[]Draft{slotsDraft("d", 6), introDraft("p", "b", "e", epoch)}, "last=- next=- withdrawn"},
		"a gap":                        {[]Draft{slotsDraft("d", 6), gapDraft("", "", hours(5), hours(7))}, "last=- next=6 blind=5-7"},
		"a gap of backups":             {[]Draft{slotsDraft("d", 6), gapDraft("backups.velero.io", "", hours(5), hours(7))}, "last=- next=6 blind=5-7"},
		"a gap of the policy":          {[]Draft{slotsDraft("d", 6), gapDraft("", "p", hours(5), hours(7))}, "last=- next=6 blind=5-7"},
		"a gap of another kind":        {[]Draft{slotsDraft("d", 6), gapDraft("pods", "", hours(5), hours(7))}, "last=- next=6"},
		"a gap of another policy":      {[]Draft{slotsDraft("d", 6), gapDraft("", "q", hours(5), hours(7))}, "last=- next=6"},
		"a gap that goes on":           {[]Draft{slotsDraft("d", 6), {Entry: Entry{Kind: KindGap, Gap: &GapBody{From: hours(5)}}}}, "last=- next=6"},
		"a gap before all slots":       {[]Draft{slotsDraft("d", 6), gapDraft("", "", hours(1), hours(6))}, "last=- next=6"},
		"a gap of what is decided":     {[]Draft{slotsDraft("d", 6), gapDraft("", "", hours(5), hours(7)), missedSlots(OccurrenceNotObserved, 6, 6, 12)}, "last=6m next=12"},
		"a gap of a slot that waits":   {[]Draft{slotsDraft("d", 6), gapDraft("", "", hours(5), hours(7)), ran(12, 18, "b", waits(6, 12))}, "last=12c next=18 waits=6-12 ran=b blind=5-7"},
		"a gap while it was withdrawn": {[]Draft{slotsDraft("d", 6), withdrawal, gapDraft("", "", hours(5), hours(7)), slotsDraft("d", 6)}, "last=- next=6"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.must(policyDraft("p", ChangeCreated, 1))
			for _, d := range tc.drafts {
				h.must(d)
			}
			again, err := UnmarshalKnown([]byte(marshal(t, h.known)))
			if err != nil {
				t.Fatal(err)
			}
			for of, known := range map[string]*Known{"the fold": h.known, "a snapshot": again} {
				if diff := cmp.Diff(tc.want, describe(known.Backup("p", "b"))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", of, diff)
				}
			}
		})
	}
}

func byAnotherCron(d Draft) Draft {
	d.Intro.Slots.Cron = "0 */5 * * *"
	return d
}

// TestOccurrencesThatDoNotFollow are left out, by the recorder, and are problems, to who
// verifies.
func TestOccurrencesThatDoNotFollow(t *testing.T) {
	early := ran(12, 18, "b")
	early.Occurrence.Run.BegunAt = At(hours(12).Add(-11 * time.Second))
	two := missedSlots(OccurrenceNoRun, 6, 6, 18)
	two.Occurrence.Count, two.Occurrence.Last = 2, hours(9)
	cases := map[string]struct {
		before []Draft
		draft  Draft
		want   string
	}{
		"follows":                  {draft: ran(12, 18, "b")},
		"follows, past one":        {draft: ran(18, 24, "b", waits(12, 18))},
		"is extra":                 {draft: extraRun(hours(7), "x")},
		"of no control":            {before: []Draft{{Entry: Entry{Kind: KindControlWithdrawn, Policy: policyRef("p", "spec"), Control: "b"}}}, draft: ran(12, 18, "b"), want: "of which nothing is due"},
		"twice":                    {draft: ran(6, 12, "b"), want: "the next one is"},
		"one left out":             {draft: ran(18, 24, "b"), want: "the one that was due is 2026-03-01T18"},
		"another one waits":        {draft: ran(18, 24, "b", waits(11, 18)), want: "the one that was due is 2026-03-01T18"},
		"waits for ever":           {draft: ran(18, 24, "b", waits(12, 12)), want: "the one that was due is 2026-03-01T18"},
		"by the same run":          {draft: ran(12, 18, "a"), want: "is recorded already"},
		"extra, by the same run":   {draft: extraRun(hours(7), "a"), want: "is recorded already"},
		"by a run before the slot": {draft: early, want: "was begun before slot"},
		"goes back":                {draft: ran(12, 12, "b"), want: "is not after"},
		"forgets what waits":       {before: []Draft{ran(18, 24, "c", waits(12, 18))}, draft: ran(24, 30, "d"), want: "forgets slots"},
		"of what waits":            {before: []Draft{ran(18, 24, "c", waits(12, 18))}, draft: ran(12, 24, "d")},
		"of what waits, forgets":   {before: []Draft{ran(24, 30, "c", waits(12, 18), waits(18, 24))}, draft: ran(12, 30, "d"), want: "forgets slots"},
		"of what waits, goes on":   {before: []Draft{ran(18, 24, "c", waits(12, 18))}, draft: ran(12, 30, "d"), want: "forgets slots"},
		"of more than what waits":  {before: []Draft{slotsDraft("e", 12), byAnotherCron(slotsDraft("f", 18, waits(6, 12)))}, draft: two, want: "waits alone"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			for _, d := range append([]Draft{policyDraft("p", ChangeCreated, 1), slotsDraft("d", 6), ran(6, 12, "a")}, tc.before...) {
				h.must(d)
			}
			err := h.known.Backup("p", "b").Follows(tc.draft.Occurrence)
			_, news := h.say(tc.draft)
			if news != (err == nil) {
				t.Errorf("it is news: %t, and %v", news, err)
			}
			if got := fmt.Sprint(err); !strings.Contains(got, tc.want) || (err == nil) != (tc.want == "") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestRunsAreRememberedWithinBounds: the newest are, by when they were begun; all that
// are older than one that is forgotten count as recorded.
func TestRunsAreRememberedWithinBounds(t *testing.T) {
	r := &BackupRecord{}
	for i := range maxRuns + 3 {
		at := (i * 7) % (maxRuns + 3) // in no order
		r.ran(RecordedRun{UID: fmt.Sprint(at), BegunAt: hours(at)})
	}
	if len(r.Runs) != maxRuns || r.Runs[0].UID != "3" || r.Forgotten == nil || !r.Forgotten.Equal(hours(2).Time) {
		t.Fatalf("got %d runs from %s on, forgotten until %v, want %d from 3 on, until %s", len(r.Runs), r.Runs[0].UID, r.Forgotten, maxRuns, hours(2))
	}
	for at, want := range map[Time]bool{hours(0): true, hours(2): true, hours(2, 1): false, hours(maxRuns + 9): false} {
		if r.Forgets(at.Time) != want {
			t.Errorf("a run that was begun at %s: forgotten is %t", at, !want)
		}
	}
	for uid, want := range map[string]bool{"2": false, "3": true, fmt.Sprint(maxRuns + 2): true} {
		if got := r.Remembers(func(run RecordedRun) bool { return run.UID == uid }); got != want {
			t.Errorf("run %s: remembered is %t", uid, got)
		}
	}
	old := *r
	old.ran(RecordedRun{UID: "ancient", BegunAt: hours(1)})
	if !old.Forgotten.Equal(hours(2).Time) || len(old.Runs) != maxRuns || len(r.Runs) != maxRuns {
		t.Errorf("an ancient run moved what is forgotten to %s", old.Forgotten)
	}
}

func TestIntervalsAreRememberedWithinBounds(t *testing.T) {
	r := &BackupRecord{Slots: SlotsBody{Next: new(hours(0))}}
	for i := range maxUnobserved + 2 {
		r.unobserved(Interval{hours(2*i + 1), hours(2*i + 2)})
	}
	if len(r.Unobserved) != maxUnobserved || r.Unobserved[0] != (Interval{hours(1), hours(6)}) || !r.Blind(hours(4).Time, hours(5).Time) {
		t.Errorf("got %d, the first %v, want %d, the oldest as one", len(r.Unobserved), r.Unobserved[0], maxUnobserved)
	}
	for name, tc := range map[string]struct {
		from, to Time
		want     bool
	}{
		"before": {hours(0), hours(1), false}, "over its beginning": {hours(0), hours(1, 1), true}, "within": {hours(7, 10), hours(7, 20), true},
		"after": {hours(6), hours(7), false}, "over its end": {hours(5, 59), hours(7), true},
	} {
		if got := r.Blind(tc.from.Time, tc.to.Time); got != tc.want {
			t.Errorf("%s: blind is %t", name, got)
		}
	}
}

// TestOccurrencesAreWhole: what is no whole statement is refused by every reader.
func TestOccurrencesAreWhole(t *testing.T) {
	cases := map[string]struct {
		draft Draft
		edit  func(*Entry)
		want  bool
	}{
		"a run":  {draft: ran(6, 12, "a"), want: true},
		"missed": {draft: missedSlots(OccurrenceNoRun, 6, 12, 18), want: true},
		"extra":  {draft: extraRun(hours(5), "x"), want: true},
		"of what later versions know": {draft: ran(6, 12, "a"), want: true,
			edit: func(e *Entry) { *e.Occurrence = OccurrenceBody{Of: "Rehearsal"} }},
		"of no control":            {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Control = "" }},
		"of no policy":             {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Policy = nil }},
		"of no subject":            {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Subject = nil }},
		"of no state":              {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Occurrence.State = "" }},
		"a run of no UID":          {draft: ran(6, 12, ""), edit: func(*Entry) {}},
		"a run of two slots":       {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Occurrence.Count = 2 }},
		"a run until another slot": {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Occurrence.Last = hours(12) }},
		"completed without a run":  {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Occurrence.Run = nil }},
		"missed with a run":        {draft: ran(6, 12, "a"), edit: func(e *Entry) { e.Occurrence.State = OccurrenceMissed }},
		"missed by none":           {draft: missedSlots(OccurrenceNoRun, 6, 6, 12), edit: func(e *Entry) { e.Occurrence.Count = 0 }},
		"missed by two, at one":    {draft: missedSlots(OccurrenceNoRun, 6, 6, 12), edit: func(e *Entry) { e.Occurrence.Count = 2 }},
		"missed backwards":         {draft: missedSlots(OccurrenceNoRun, 6, 12, 18), edit: func(e *Entry) { e.Occurrence.Last = hours(1) }},
		"extra without a run":      {draft: extraRun(hours(5), "x"), edit: func(e *Entry) { e.Occurrence.Run = nil }},
		"extra with a slot":        {draft: extraRun(hours(5), "x"), edit: func(e *Entry) { e.Occurrence.Count = 1 }},
		"extra with a next one":    {draft: extraRun(hours(5), "x"), edit: func(e *Entry) { e.Occurrence.Next = new(hours(6)) }},
		"extra with one that waits": {draft: extraRun(hours(5), "x"),
			edit: func(e *Entry) { e.Occurrence.Waiting = []WaitingSlot{waits(6, 12)} }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := tc.draft.Entry
			if tc.edit != nil {
				tc.edit(&e)
			}
			e.Schema, e.Critical, e.ID, e.ObservedAt, e.AppendedAt = Schema, true, "id", hours(7), hours(7)
			data, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(data); (err == nil) != tc.want {
				t.Errorf("got %v, want it to be taken: %t", err, tc.want)
			}
		})
	}
}
