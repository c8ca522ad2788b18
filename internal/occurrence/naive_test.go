package occurrence_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/occurrence"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// span is a slot that was due, by a naive reading of the history.
type span struct {
	slot, until time.Time
	introduced  int
	// dropped is when the control was withdrawn, zero for never.
	dropped time.Time
}

// due are all slots that ever were, second by second.
func (w *world) due() []span {
	var due []span
	var cron slots.Slots
	text, introduced := "", 0
	for at := day; !at.After(w.end); at = at.Add(time.Second) {
		if at.Second() == 0 && cron != nil && cron.Next(at.Add(-time.Second)).Equal(at) {
			due = append(due, span{slot: at, until: cron.Next(at), introduced: introduced})
		}
		for _, e := range w.edits {
			if !e.at.Equal(at) || e.cron == text {
				continue
			}
			if text == "" {
				introduced++
			}
			text, cron = e.cron, nil
			if text != "" {
				cron = w.parse(text)
			}
			for i := range due {
				due[i].edited(at, cron, introduced)
			}
		}
	}
	return due
}

// edited cuts a slot short that lasts, or drops it.
func (s *span) edited(at time.Time, cron slots.Slots, introduced int) {
	switch {
	case s.introduced != introduced || !s.dropped.IsZero():
	case cron == nil:
		s.dropped = at
	case s.until.After(at) && cron.Next(at).Before(s.until):
		s.until = cron.Next(at)
	}
}

func (w *world) parse(cron string) slots.Slots {
	parsed, err := slots.Parse(cron, time.UTC)
	if err != nil {
		w.t.Fatal(err)
	}
	return parsed
}

// newestEdit is the newest one at a time.
func (w *world) newestEdit(at time.Time) edit {
	newest := w.edits[0]
	for _, e := range w.edits {
		if !e.at.After(at) {
			newest = e
		}
	}
	return newest
}

// introducedAt is when the control was introduced that is stated at a time.
func (w *world) introducedAt(at time.Time) time.Time {
	var since time.Time
	text := ""
	for _, e := range w.edits {
		if e.at.After(at) {
			break
		}
		if text == "" {
			since = e.at
		}
		text = e.cron
	}
	return since
}

// checkSlots holds what was said of slots against those that were due.
func (w *world) checkSlots() {
	said := map[time.Time]statement{}
	for _, s := range w.said {
		if s.Body.Extra {
			continue
		}
		cron, at := w.parse(s.cron), s.Body.First.Time
		for range s.Body.Count {
			if _, twice := said[at]; twice {
				w.t.Fatalf("slot %s is stated twice", show(at))
			}
			said[at] = s
			at = cron.Next(at)
		}
	}
	for _, due := range w.due() {
		s, stated := said[due.slot]
		delete(said, due.slot)
		end := w.end
		switch dropped := due.dropped; {
		case dropped.IsZero():
		case w.downSince(dropped).Equal(dropped):
			end = dropped.Add(-time.Second)
		default:
			end = day // what a crash lost is not said again of a control that is gone
		}
		switch {
		case stated:
			w.checkSlot(due, s)
		case due.until.Add(occurrence.Grace).After(end):
		case len(w.candidates(due, end)) == 0 || w.candidates(due, end)[0].CompletedAt.After(day):
			w.t.Fatalf("nothing is said of slot %s", show(due.slot))
		}
	}
	for at, s := range said {
		w.t.Fatalf("slot %s was not due: %s", show(at), line(s.Decided))
	}
}

// candidates are the runs of the plan in a slot that were to be seen at a time, and
// that nothing else was said of before.
func (w *world) candidates(due span, at time.Time) []control.Backup {
	var found []control.Backup
	for _, r := range w.runs {
		b, there := r.at(at)
		begun := occurrence.Begun(&b)
		in := !begun.Before(due.slot.Add(-ledger.RunTolerance)) && begun.Before(due.until.Add(-ledger.RunTolerance))
		other := slices.ContainsFunc(w.said, func(s statement) bool {
			return s.Backup != nil && s.Backup.Name == b.Name && !s.at.After(at) && (s.Body.Extra || !s.Body.First.Equal(due.slot))
		})
		if there && in && !other && b.Plan == "nightly" && b.Cluster == control.BackupOfThisCluster {
			found = append(found, b)
		}
	}
	slices.SortFunc(found, func(a, b control.Backup) int {
		return cmp.Or(occurrence.Begun(&a).Compare(occurrence.Begun(&b)), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// checkSlot holds what was said of a slot against what could be seen then.
func (w *world) checkSlot(due span, s statement) {
	found := w.candidates(due, s.at)
	want := ledger.OccurrenceMissed
	if len(found) > 0 {
		want = map[string]string{"Completed": ledger.OccurrenceCompleted, "PartiallyFailed": ledger.OccurrencePartiallyFailed,
			"Failed": ledger.OccurrenceFailed, "FailedValidation": ledger.OccurrenceFailed}[found[0].Phase]
		if want == ledger.OccurrenceCompleted && occurrence.Begun(&found[0]).After(due.slot.Add(10*time.Minute)) {
			want = ledger.OccurrenceLate
		}
		if s.Reason == ledger.OccurrenceNotEnded && found[0].CompletedAt.IsZero() {
			want = ledger.OccurrenceFailed
		}
	}
	if s.Body.State != want || (len(found) > 0) != (s.Backup != nil) || s.Backup != nil && s.Backup.UID != found[0].UID {
		w.t.Fatalf("slot %s, seen at %s: got %s, want %s of %d runs", show(due.slot), show(s.at), line(s.Decided), want, len(found))
	}
	blind := slices.ContainsFunc(w.down, func(d ledger.Interval) bool {
		return !d.To.After(s.at) && d.From.Before(due.until) && d.To.After(due.slot)
	})
	if want == ledger.OccurrenceMissed && (s.at.Before(due.until.Add(occurrence.Grace)) || blind != (s.Reason == ledger.OccurrenceNotObserved)) {
		w.t.Fatalf("slot %s-%s, seen at %s: got %s, not observed in part: %t", show(due.slot), show(due.until), show(s.at), line(s.Decided), blind)
	}
}

// checkRuns holds the runs that were recorded against those that there were.
func (w *world) checkRuns() {
	by := map[string]statement{}
	for _, s := range w.said {
		if s.Backup == nil {
			continue
		}
		if _, twice := by[s.Backup.Name]; twice {
			w.t.Fatalf("%s is recorded twice", s.Backup.Name)
		}
		by[s.Backup.Name] = s
	}
	for _, r := range w.runs {
		s, recorded := by[r.Name]
		ours := r.Cluster == control.BackupOfThisCluster && r.Plan != "elsewhere"
		switch {
		case recorded && (!ours || r.CreatedAt.Before(w.introducedAt(s.at).Add(-ledger.RunTolerance))):
			w.t.Fatalf("%s is recorded, and none of the control's: %s", r.Name, line(s.Decided))
		case recorded:
			if b, there := r.at(s.at); !there || (b.CompletedAt.IsZero() && s.Reason != ledger.OccurrenceNotEnded) {
				w.t.Fatalf("%s is recorded at %s, and was not to be seen so: %s", r.Name, show(s.at), line(s.Decided))
			}
		case ours && w.mustBeRecorded(r):
			w.t.Fatalf("%s is not recorded, begun %s, ended %s", r.Name, show(r.CreatedAt), show(r.ended))
		}
	}
}

// mustBeRecorded is whether a run was to be seen to its end and beyond, while the
// control was stated, and no slot still wants one.
func (w *world) mustBeRecorded(r *run) bool {
	at := w.end.Add(-time.Second)
	b, there := r.at(at)
	begun := occurrence.Begun(&b)
	if !there || b.CompletedAt.IsZero() || w.newestEdit(at).cron == "" || begun.Before(w.introducedAt(at)) {
		return false
	}
	next := w.known.Backup("p", "b").Slots.Next
	return r.Plan != "nightly" || begun.Before(next.Add(-ledger.RunTolerance))
}
