package occurrence_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
)

// TestEachSlotAndEachRunOnce: whatever happens to runs, to the operator and to the
// policy, each slot that was due is stated once, by what a naive reading of the whole
// history says, and each run that ended is recorded once.
func TestEachSlotAndEachRunOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.live()
		w.checkSlots()
		w.checkRuns()
	})
}

// run is a backup of the world, as it really was.
type run struct {
	control.Backup
	// seen is when the operator can see it, ended and gone when it ended and vanished,
	// and found when it was found in the store again; zero for never.
	seen, ended, gone, found time.Time
	phase                    string
}

// at is the run as it is to be seen at a time.
func (r *run) at(now time.Time) (control.Backup, bool) {
	if !r.found.IsZero() && !now.Before(r.found) {
		b := r.Backup
		b.UID, b.CreatedAt, b.Phase, b.CompletedAt = b.UID+"-found", r.found, r.phase, r.ended
		return b, true
	}
	if now.Before(r.seen) || (!r.gone.IsZero() && !now.Before(r.gone)) {
		return control.Backup{}, false
	}
	b := r.Backup
	b.Phase = "InProgress"
	if !r.ended.IsZero() && !now.Before(r.ended) {
		b.Phase, b.CompletedAt = r.phase, r.ended
	}
	return b, true
}

// edit is a change of the policy as the operator sees it: to a cron, or, where that is
// empty, a withdrawal.
type edit struct {
	at   time.Time
	cron string
}

// statement is an entry, and when the operator said it.
type statement struct {
	occurrence.Decided
	at time.Time
	// cron is the one in force.
	cron string
}

// world is a cluster over two days, and the operator in it.
type world struct {
	t     *rapid.T
	end   time.Time
	runs  []*run
	edits []edit
	// down are the intervals in which the operator does not run.
	down []ledger.Interval

	known *ledger.Known
	said  []statement
	// before is what was known before the newest pass: what a crash may leave.
	before     *ledger.Known
	saidBefore int
	lastPass   time.Time
}

var crons = []string{"0 */6 * * *", "0 * * * *", "30 */2 * * *", "*/20 * * * *", "0 3 * * *"}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, end: day.Add(48 * time.Hour), known: ledger.NewKnown(), lastPass: day.Add(-time.Second)}
	moment := func(label string) time.Time {
		return day.Add(time.Duration(rapid.IntRange(60, 46*3600).Draw(t, label)) * time.Second)
	}
	w.edits = []edit{{day, rapid.SampledFrom(crons).Draw(t, "cron")}}
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		w.edits = append(w.edits, edit{moment("edit"), rapid.SampledFrom(append([]string{""}, crons...)).Draw(t, "cron")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "restarts") {
		from := moment("stop")
		to := from.Add(time.Duration(rapid.IntRange(1, 12*3600).Draw(t, "down")) * time.Second)
		if last := w.end.Add(-time.Hour); to.After(last) {
			to = last
		}
		w.down = append(w.down, ledger.Interval{From: ledger.At(from), To: ledger.At(to)})
	}
	for i := range w.edits {
		w.edits[i].at = w.up(w.edits[i].at)
	}
	slices.SortStableFunc(w.edits, func(a, b edit) int { return a.at.Compare(b.at) })
	slices.Reverse(w.edits) // of several at once the last one is seen
	w.edits = slices.CompactFunc(w.edits, func(a, b edit) bool { return a.at.Equal(b.at) })
	slices.Reverse(w.edits)
	for i := range rapid.IntRange(0, 60).Draw(t, "runs") {
		w.runs = append(w.runs, w.anyRun(i, moment("begun")))
	}
	return w
}

// anyRun draws a run. Half of those of the plan begin just after a slot of some cron.
func (w *world) anyRun(i int, begun time.Time) *run {
	t := w.t
	r := &run{phase: rapid.SampledFrom([]string{"Completed", "Completed", "PartiallyFailed", "Failed", "FailedValidation"}).Draw(t, "phase")}
	r.Backup = control.Backup{Cluster: rapid.SampledFrom([]string{"This", "This", "This", "Another", ""}).Draw(t, "cluster"),
		Plan: rapid.SampledFrom([]string{"nightly", "nightly", "nightly", "", "theirs", "elsewhere"}).Draw(t, "plan"),
		Meta: control.Meta{Namespace: "velero", Name: fmt.Sprintf("run-%02d", i), UID: fmt.Sprintf("uid-%02d", i)}}
	if rapid.Bool().Draw(t, "due") {
		begun = begun.Truncate(20 * time.Minute).Add(time.Duration(rapid.IntRange(-12, 900).Draw(t, "after")) * time.Second)
	}
	r.CreatedAt, r.StartedAt = begun, begun.Add(2*time.Second)
	r.seen = begun.Add(time.Duration(rapid.IntRange(0, 45).Draw(t, "seen")) * time.Second)
	if rapid.IntRange(0, 9).Draw(t, "stuck") > 0 {
		r.ended = begun.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 300, 7200, 40000}).Draw(t, "takes")) * time.Second)
	}
	if rapid.IntRange(0, 4).Draw(t, "vanishes") == 0 {
		r.gone = begun.Add(time.Duration(rapid.IntRange(1, 100000).Draw(t, "kept")) * time.Second)
	}
	if !r.gone.IsZero() && !r.ended.IsZero() && r.gone.After(r.ended) && rapid.Bool().Draw(t, "found") {
		r.found = r.gone.Add(time.Duration(rapid.IntRange(0, 50000).Draw(t, "later")) * time.Second)
	}
	return r
}

// live has the operator look at each change, and whenever it asked to.
func (w *world) live() {
	var events []time.Time
	for _, r := range w.runs {
		events = append(events, r.seen, r.ended, r.gone, r.found)
	}
	for _, e := range w.edits {
		events = append(events, e.at)
	}
	for _, d := range w.down {
		events = append(events, d.From.Time, d.To.Time)
	}
	slices.SortFunc(events, time.Time.Compare)
	edits, wasDown, wake := w.edits, false, time.Time{}
	for {
		at, found := nextOf(events, w.lastPass, wake)
		if !found || at.After(w.end) {
			return
		}
		w.lastPass = at
		if down := w.isDown(at); down {
			if !wasDown {
				w.crash()
			}
			wasDown, wake = true, time.Time{}
			continue
		}
		if wasDown {
			w.restart(at)
			wasDown = false
		}
		for len(edits) > 0 && !edits[0].at.After(at) {
			w.edit(edits[0].cron, at)
			edits = edits[1:]
		}
		wake = w.pass(at)
	}
}

// nextOf is the first of the times after a time, or the time to wake if that is before.
func nextOf(events []time.Time, after, wake time.Time) (time.Time, bool) {
	at, _ := slices.BinarySearchFunc(events, after.Add(time.Nanosecond), time.Time.Compare)
	switch {
	case at == len(events):
		return wake, wake.After(after)
	case wake.After(after) && wake.Before(events[at]):
		return wake, true
	default:
		return events[at], true
	}
}

func (w *world) isDown(at time.Time) bool {
	return slices.ContainsFunc(w.down, func(d ledger.Interval) bool { return !at.Before(d.From.Time) && at.Before(d.To.Time) })
}

// crash loses what the newest pass said, or not.
func (w *world) crash() {
	if w.before != nil && rapid.Bool().Draw(w.t, "lost") {
		w.known, w.said = w.before, w.said[:w.saidBefore]
	}
}

// restart goes on from a state snapshot, after a gap.
func (w *world) restart(at time.Time) {
	w.before, w.known = nil, w.reread()
	w.say(at, ledger.Entry{Kind: ledger.KindGap, Gap: &ledger.GapBody{Cause: ledger.CauseNotRunning,
		From: ledger.At(w.downSince(at)), To: new(ledger.At(at))}})
}

// reread is what is known, as a state snapshot has it.
func (w *world) reread() *ledger.Known {
	data, err := w.known.MarshalCanonical()
	if err != nil {
		w.t.Fatal(err)
	}
	known, err := ledger.UnmarshalKnown(data)
	if err != nil {
		w.t.Fatal(err)
	}
	return known
}

// up is when the operator runs from a time on: then, or when it next starts.
func (w *world) up(at time.Time) time.Time {
	for w.isDown(at) {
		for _, d := range w.down {
			if !at.Before(d.From.Time) && at.Before(d.To.Time) {
				at = d.To.Time
			}
		}
	}
	return at
}

// downSince is since when the operator did not run that starts at a time, or that does
// not run then; the time itself if it did.
func (w *world) downSince(at time.Time) time.Time {
	for range w.down {
		for _, d := range w.down {
			if d.From.Before(at) && !d.To.Before(at) {
				at = d.From.Time
			}
		}
	}
	return at
}

// edit withdraws the control, or introduces it anew: after a pass by its cron before,
// as a definition is introduced once all scopes were evaluated.
func (w *world) edit(cron string, at time.Time) {
	if cron != "" {
		w.pass(at)
	}
	w.before = nil // it is durable before the next pass is made
	record := w.known.Backup("p", "b")
	e := ledger.Entry{Kind: ledger.KindControlWithdrawn}
	if cron != "" {
		declared := ledger.SlotsBody{Cron: cron, TimeZone: "Etc/UTC", StartingDeadline: int64(10 * time.Minute), Namespace: "velero", Plan: "nightly"}
		slots, err := occurrence.Introduce(declared, record, at)
		if err != nil {
			w.t.Fatal(err)
		}
		e = ledger.Entry{Kind: ledger.KindControlIntroduced, Intro: &ledger.IntroBody{Slots: slots}}
	}
	w.say(at, e)
}

// say folds an entry in.
func (w *world) say(at time.Time, e ledger.Entry) {
	e.Schema, e.Seq, e.ID = ledger.Schema, w.known.NextSeq, fmt.Sprint(w.known.NextSeq)
	e.ObservedAt, e.AppendedAt = ledger.At(at), ledger.At(at)
	e.Policy, e.Control = &ledger.PolicyRef{Name: "p"}, "b"
	if err := w.known.Apply(&e); err != nil {
		w.t.Fatal(err)
	}
}

// pass looks at the slots, and states what can be said.
func (w *world) pass(at time.Time) (wake time.Time) {
	record := w.known.Backup("p", "b")
	if record == nil || record.Withdrawn {
		return time.Time{}
	}
	in := occurrence.Input{Record: record, Now: at, Elsewhere: func(_, plan string) bool { return plan == "elsewhere" }}
	for _, r := range w.runs {
		if b, there := r.at(at); there && !b.CreatedAt.Before(occurrence.Since(record)) {
			in.Runs = append(in.Runs, b)
		}
	}
	decided, wake, err := occurrence.Decide(in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.before, w.saidBefore = w.reread(), len(w.said)
	for _, d := range decided {
		if err := w.known.Backup("p", "b").Follows(&d.Body); err != nil {
			w.t.Fatalf("%s: %s: %v", show(at), line(d), err)
		}
		w.say(at, ledger.Entry{Kind: ledger.KindOccurrence, Reason: d.Reason, Occurrence: &d.Body})
		w.said = append(w.said, statement{d, at, record.Slots.Cron})
	}
	return wake
}
