package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BackupRecord is what is known of the slots of a control that backs up: which are
// due, and which runs are recorded. It outlives a withdrawal.
type BackupRecord struct {
	// Slots are those of the newest introduction, with Next and Waiting as the newest
	// Occurrence has them.
	Slots SlotsBody `json:"slots"`
	// Since is when the control was introduced: runs that were begun before are none
	// of its.
	Since Time `json:"since"`
	// Withdrawn is true while nothing is due.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// LastSlot is the newest slot that something is said of, and LastState what came of it.
	LastSlot  *Time  `json:"lastSlot,omitempty"`
	LastState string `json:"lastState,omitempty"`
	// Runs are the newest runs that are recorded, by BegunAt: at most maxRuns.
	// Forgotten is when the newest of those was begun that are no longer among them.
	Runs      []RecordedRun `json:"runs,omitempty"`
	Forgotten *Time         `json:"forgotten,omitempty"`
	// Unobserved are the intervals in which backups were not observed, by From, which
	// may overlap a slot that nothing is said of: at most maxUnobserved.
	Unobserved []Interval `json:"unobserved,omitempty"`
}

// RecordedRun is a run that an Occurrence has.
type RecordedRun struct {
	// Name and UID are the Backup's. Name and StartedAt stay where Velero finds the
	// backup in the store, and makes another object of it.
	Name      string `json:"name"`
	UID       string `json:"uid"`
	BegunAt   Time   `json:"begunAt"`
	StartedAt *Time  `json:"startedAt,omitempty"`
}

// Interval is the time from From to To.
type Interval struct {
	From Time `json:"from"`
	To   Time `json:"to"`
}

// maxRuns bounds the runs that are remembered. Whatever was begun no later than one
// that is forgotten counts as recorded.
const maxRuns = 1024

// maxUnobserved bounds the intervals that are remembered. Of more the oldest two
// become one: what lies between them is then taken for not observed.
const maxUnobserved = 64

// kindOfBackups is how a gap names Velero's Backups.
const kindOfBackups = "backups.velero.io"

// BackupKey is the key of a control in EvidenceState.Backups.
func BackupKey(policy, controlID string) string { return policy + "/" + controlID }

// Backup is what is known of the slots of a control; nil where it has none. It must
// not be changed.
func (k *Known) Backup(policy, controlID string) *BackupRecord {
	return k.evidence.Backups[BackupKey(policy, controlID)]
}

// Remembers reports whether one of the runs that are remembered is the given one.
func (r *BackupRecord) Remembers(is func(RecordedRun) bool) bool {
	return slices.ContainsFunc(r.Runs, is)
}

// Forgets reports whether a run that was begun at a time would be forgotten, were it
// recorded: it counts as recorded.
func (r *BackupRecord) Forgets(begun time.Time) bool {
	return r.Forgotten != nil && !begun.After(r.Forgotten.Time)
}

// Blind reports whether there is a part of an interval in which backups were not
// observed.
func (r *BackupRecord) Blind(from, to time.Time) bool {
	return slices.ContainsFunc(r.Unobserved, func(i Interval) bool { return i.From.Before(to) && i.To.After(from) })
}

// Undecided is from when on slots are due that nothing is said of; zero for none.
func (r *BackupRecord) Undecided() time.Time {
	switch {
	case len(r.Slots.Waiting) > 0:
		return r.Slots.Waiting[0].Slot.Time
	case r.Slots.Next != nil:
		return r.Slots.Next.Time
	default:
		return time.Time{}
	}
}

// Follows says why an Occurrence is not one that may come next; nil if it may.
func (r *BackupRecord) Follows(b *OccurrenceBody) error {
	switch {
	case r == nil || r.Withdrawn:
		return errors.New("it is of a control of which nothing is due")
	case b.Run != nil && r.Remembers(func(run RecordedRun) bool { return run.UID == b.Run.UID }):
		return fmt.Errorf("backup %s (%s) is recorded already", b.Run.Name, b.Run.UID)
	case b.Run != nil && !b.Extra && b.Run.BegunAt.Before(b.First.Add(-RunTolerance)):
		return fmt.Errorf("backup %s was begun before slot %s", b.Run.Name, stamp(b.First))
	case b.Extra:
		return nil
	}
	if at := r.waits(b.First); at >= 0 {
		return r.followsWaiting(b, at)
	}
	return r.followsChain(b)
}

// waits is the place of a slot among those that wait, or -1.
func (r *BackupRecord) waits(slot Time) int {
	return slices.IndexFunc(r.Slots.Waiting, func(w WaitingSlot) bool { return w.Slot.Equal(slot.Time) })
}

// followsWaiting holds an Occurrence against a slot that waits.
func (r *BackupRecord) followsWaiting(b *OccurrenceBody, at int) error {
	rest := slices.Delete(slices.Clone(r.Slots.Waiting), at, at+1)
	switch {
	case b.Count != 1:
		return fmt.Errorf("slot %s waits alone, and it is about %d", stamp(b.First), b.Count)
	case !sameWaiting(rest, b.Waiting) || !sameTime(r.Slots.Next, b.Next):
		return errForgets
	}
	return nil
}

// followsChain holds an Occurrence against the slots that are due next.
func (r *BackupRecord) followsChain(b *OccurrenceBody) error {
	switch {
	case r.Slots.Next == nil:
		return fmt.Errorf("slot %s is not due", stamp(b.First))
	case b.First.Before(r.Slots.Next.Time):
		return fmt.Errorf("slot %s is not due: the next one is %s", stamp(b.First), stamp(*r.Slots.Next))
	case b.Next != nil && !b.Next.After(b.Last.Time):
		return fmt.Errorf("slot %s is not after %s", stamp(*b.Next), stamp(b.Last))
	}
	known := len(r.Slots.Waiting)
	if len(b.Waiting) < known || !sameWaiting(r.Slots.Waiting, b.Waiting[:known]) {
		return errForgets
	}
	// Each slot from the one that is due next up to this one has to wait.
	due := *r.Slots.Next
	for _, w := range b.Waiting[known:] {
		if !w.Slot.Equal(due.Time) || !w.Until.After(w.Slot.Time) {
			break
		}
		due = w.Until
	}
	if !due.Equal(b.First.Time) {
		return fmt.Errorf("it is about slot %s, the one that was due is %s", stamp(b.First), stamp(due))
	}
	return nil
}

var errForgets = errors.New("it forgets slots of which nothing is said yet")

func sameWaiting(a, b []WaitingSlot) bool {
	return slices.EqualFunc(a, b, func(a, b WaitingSlot) bool { return a.Slot.Equal(b.Slot.Time) && a.Until.Equal(b.Until.Time) })
}

func sameTime(a, b *Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b.Time)
}

// newsOfOccurrence reports whether an Occurrence says something new.
func newsOfOccurrence(e *Entry, k *Known) bool {
	return e.Occurrence.Of != OccurrenceOfBackup || k.Backup(e.Policy.Name, e.Control).Follows(e.Occurrence) == nil
}

// settledSlots are the slots of an introduction. Those by the same cron go on where
// they are.
func settledSlots(e *Entry, k *Known) *SlotsBody {
	slots, last := e.Intro.Slots, k.Backup(e.Policy.Name, e.Control)
	if slots == nil || last == nil || last.Withdrawn || !slots.SameCron(&last.Slots) {
		return slots
	}
	next := *slots
	next.Next, next.Waiting = last.Slots.Next, last.Slots.Waiting
	return &next
}

// editBackup changes a copy of a record. What is not known is not edited.
func (k *Known) editBackup(key string, edit func(*BackupRecord)) {
	last := k.evidence.Backups[key]
	if last == nil {
		return
	}
	next := *last
	edit(&next)
	k.editEvidence(func(s *EvidenceState) {
		s.Backups = withEdit(s.Backups, key, func(*BackupRecord) *BackupRecord { return &next })
	})
}

// slotsIntroduced takes in when what a control states is due. A control that was
// withdrawn, or that states no more what is due, begins anew.
func (k *Known) slotsIntroduced(e *Entry) {
	key, slots := BackupKey(e.Policy.Name, e.Control), e.Intro.Slots
	if slots == nil {
		k.editBackup(key, (*BackupRecord).withdraw)
		return
	}
	k.editEvidence(func(s *EvidenceState) {
		s.Backups = withEdit(s.Backups, key, func(last *BackupRecord) *BackupRecord {
			next := BackupRecord{Slots: *slots, Since: e.ObservedAt}
			if last != nil {
				next.Runs, next.Forgotten = last.Runs, last.Forgotten
				next.LastSlot, next.LastState = last.LastSlot, last.LastState
			}
			if last != nil && !last.Withdrawn {
				next.Since, next.Unobserved = last.Since, last.Unobserved
			}
			next.trim()
			return &next
		})
	})
}

func (k *Known) slotsWithdrawn(e *Entry) {
	k.editBackup(BackupKey(e.Policy.Name, e.Control), (*BackupRecord).withdraw)
}

// withdraw has nothing be due.
func (r *BackupRecord) withdraw() {
	r.Withdrawn, r.Unobserved = true, nil
	r.Slots.Next, r.Slots.Waiting = nil, nil
}

// slotsUnobserved takes note of an interval in which backups were not observed.
func (k *Known) slotsUnobserved(gap *GapBody) {
	if gap.To == nil || (gap.Kind != "" && gap.Kind != kindOfBackups) {
		return
	}
	for key, r := range k.evidence.Backups {
		if r.Withdrawn || (gap.Policy != "" && !strings.HasPrefix(key, BackupKey(gap.Policy, ""))) {
			continue
		}
		k.editBackup(key, func(r *BackupRecord) { r.unobserved(Interval{gap.From, *gap.To}) })
	}
}

func (r *BackupRecord) unobserved(i Interval) {
	r.Unobserved = append(slices.Clone(r.Unobserved), i)
	slices.SortFunc(r.Unobserved, func(a, b Interval) int {
		return cmp.Or(a.From.Compare(b.From.Time), a.To.Compare(b.To.Time))
	})
	r.trim()
	if len(r.Unobserved) > maxUnobserved {
		first, second := r.Unobserved[0], r.Unobserved[1]
		if second.To.After(first.To.Time) {
			first.To = second.To
		}
		r.Unobserved = append([]Interval{first}, r.Unobserved[2:]...)
	}
}

// trim drops the intervals that overlap no slot which something is to be said of.
func (r *BackupRecord) trim() {
	from := r.Undecided()
	r.Unobserved = slices.DeleteFunc(slices.Clone(r.Unobserved), func(i Interval) bool { return !i.To.After(from) })
	if len(r.Unobserved) == 0 {
		r.Unobserved = nil
	}
}

// occurred takes in an Occurrence.
func (r *BackupRecord) occurred(b *OccurrenceBody) {
	if b.Run != nil {
		r.ran(RecordedRun{b.Run.Name, b.Run.UID, b.Run.BegunAt, b.Run.StartedAt})
	}
	if b.Extra {
		return
	}
	r.Slots.Next, r.Slots.Waiting = b.Next, b.Waiting
	if r.LastSlot == nil || b.Last.After(r.LastSlot.Time) {
		r.LastSlot, r.LastState = &b.Last, b.State
	}
	r.trim()
}

// ran takes in a run, and forgets the oldest beyond maxRuns.
func (r *BackupRecord) ran(run RecordedRun) {
	at, _ := slices.BinarySearchFunc(r.Runs, run, func(a, b RecordedRun) int {
		return cmp.Or(a.BegunAt.Compare(b.BegunAt.Time), cmp.Compare(a.UID, b.UID))
	})
	r.Runs = slices.Insert(slices.Clone(r.Runs), at, run)
	if len(r.Runs) <= maxRuns {
		return
	}
	if oldest := r.Runs[0].BegunAt; r.Forgotten == nil || oldest.After(r.Forgotten.Time) {
		r.Forgotten = &oldest
	}
	r.Runs = r.Runs[1:]
}
