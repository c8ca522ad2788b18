// Package occurrence decides what came of the slots in which backups are due: a pure
// function of what the ledger says, the runs that there are, and the time.
package occurrence

import (
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	ticks "github.com/holdfast-dev/holdfast/internal/slots"
)

// Grace is how long after its end a slot is Missed: what was begun at the very end
// may be seen late.
const Grace = time.Minute

// maxSlots is the number of slots that are decided at once.
const maxSlots = 10_000

// Input is what there is to decide by.
type Input struct {
	// Record is what the ledger says of the control: a record that is not withdrawn.
	Record *ledger.BackupRecord
	// Runs are the backups of this cluster that were created from Since on, in any
	// order.
	Runs []control.Backup
	// Elsewhere reports whether a plan is that of another control, which records its
	// runs; nil for none.
	Elsewhere func(namespace, plan string) bool
	// Now is the time. Backups were observed at it.
	Now time.Time
}

// Decided is what is to be stated: in this order.
type Decided struct {
	// Body lacks the digest of the run's object only.
	Body ledger.OccurrenceBody
	// Reason is that of the entry.
	Reason string
	// Backup is the run, nil where there was none.
	Backup *control.Backup
}

// Since is from when on backups may have been created that something is to be said of.
func Since(r *ledger.BackupRecord) time.Time {
	since := r.Since.Truncate(time.Second)
	if r.Forgotten != nil && r.Forgotten.After(since) {
		since = r.Forgotten.Time
	}
	if from := r.Undecided(); !from.IsZero() && from.Add(-ledger.RunTolerance).Before(since) {
		since = from.Add(-ledger.RunTolerance)
	}
	return since
}

// Decide says what can be said of the slots of a control and of its runs, and when
// more can be said because time has passed: zero for never.
//
// A slot's run is the first of the plan that was begun in it. It is decided once that
// has ended, or once the slot has passed without one. A slot whose run goes on does not
// hold back the next ones. Whatever else ended is Extra.
func Decide(in Input) (decided []Decided, wake time.Time, err error) {
	due, err := Due(&in.Record.Slots)
	if err != nil {
		return nil, time.Time{}, err
	}
	d := newDesk(in, due)
	d.settleWaiting()
	d.settleChain()
	d.settleExtra()
	return d.decided, d.wake, nil
}

// desk is a decision under way.
type desk struct {
	Input
	due ticks.Slots
	// runs are those that may count, as they were begun; plan are those of the plan.
	runs, plan []*control.Backup
	used       map[string]bool
	// next and waiting are those of the newest Occurrence.
	next    *ledger.Time
	waiting []ledger.WaitingSlot
	// passed are slots from next on whose runs go on.
	passed  []ledger.WaitingSlot
	decided []Decided
	// lastMissed counts decided up to the newest slot that was missed, of those that
	// were due next; 0 where something else came since.
	lastMissed int
	wake       time.Time
}

func newDesk(in Input, due ticks.Slots) *desk {
	d := &desk{Input: in, due: due, used: map[string]bool{}, next: in.Record.Slots.Next, waiting: in.Record.Slots.Waiting}
	for i := range in.Runs {
		run := &in.Runs[i]
		if run.Cluster != control.BackupOfThisCluster || run.Namespace != in.Record.Slots.Namespace || recorded(in.Record, run) {
			continue
		}
		d.runs = append(d.runs, run)
	}
	slices.SortFunc(d.runs, compareRuns)
	for _, run := range d.runs {
		if run.Plan == in.Record.Slots.Plan {
			d.plan = append(d.plan, run)
		}
	}
	return d
}

// settleWaiting decides slots that something was to wait for.
func (d *desk) settleWaiting() {
	for _, w := range d.waiting {
		if o, sure := d.look(w); sure {
			d.waiting = without(d.waiting, w)
			d.say(w, o)
		}
	}
}

// settleChain decides the slots from the next one on.
func (d *desk) settleChain() {
	cursor := d.next
	for n := 0; cursor != nil; n++ {
		after := d.due.Next(cursor.Time)
		w := waitingSlot(cursor.Time, after)
		if cursor.After(d.Now) {
			d.wakeAt(w.Until.Add(Grace))
			return
		}
		if n == maxSlots {
			d.wakeAt(d.Now)
			return
		}
		o, sure := d.look(w)
		switch {
		case sure:
			d.sayNext(w, o, after)
		case o.run == nil:
			return
		default:
			d.passed = append(d.passed, w)
		}
		cursor = timeOf(after)
	}
}

// pass has the slots wait that were passed over. Beyond MaxWaiting the oldest ones are
// not waited for any more.
func (d *desk) pass() {
	for len(d.waiting)+len(d.passed) > ledger.MaxWaiting {
		var w ledger.WaitingSlot
		if len(d.waiting) > 0 {
			w, d.waiting = d.waiting[0], d.waiting[1:]
		} else {
			w, d.passed = d.passed[0], d.passed[1:]
			d.next = &w.Until
		}
		o := outcome{state: ledger.OccurrenceFailed, reason: ledger.OccurrenceNotEnded, run: d.runOf(w)}
		if o.run == nil {
			o = d.missed(w)
		}
		d.say(w, o)
	}
	d.waiting = slices.Concat(d.waiting, d.passed)
	d.passed = nil
}

// settleExtra decides what else ended. What a slot may still want for its run waits.
func (d *desk) settleExtra() {
	since := d.Record.Since.Truncate(time.Second)
	for _, run := range d.runs {
		ofPlan, begun := run.Plan == d.Record.Slots.Plan, Begun(run)
		switch {
		case d.used[run.UID], !Ended(run), begun.Before(since), d.Record.Forgets(begun):
		case ofPlan && d.next != nil && !begun.Before(d.next.Add(-ledger.RunTolerance)):
		case !ofPlan && run.Plan != "" && d.Elsewhere != nil && d.Elsewhere(run.Namespace, run.Plan):
		default:
			at := ledger.At(begun)
			d.decided = append(d.decided, Decided{Backup: run, Body: ledger.OccurrenceBody{
				Of: ledger.OccurrenceOfBackup, State: stateOf(run), First: at, Last: at, Extra: true, Run: runBody(run)}})
		}
	}
}

// outcome is what came of a slot.
type outcome struct {
	state, reason string
	run           *control.Backup
}

// look says what came of a slot, and whether that is sure. Where it is not, its run
// goes on, or it has none yet.
func (d *desk) look(w ledger.WaitingSlot) (o outcome, sure bool) {
	run := d.runOf(w)
	switch {
	case run == nil && d.Now.Before(w.Until.Add(Grace)):
		d.wakeAt(w.Until.Add(Grace))
		return outcome{}, false
	case run == nil:
		return d.missed(w), true
	case !Ended(run):
		return outcome{run: run}, false
	}
	o = outcome{state: stateOf(run), run: run}
	if o.state == ledger.OccurrenceCompleted && Begun(run).After(w.Slot.Add(time.Duration(d.Record.Slots.StartingDeadline))) {
		o.state = ledger.OccurrenceLate
	}
	return o, true
}

func (d *desk) missed(w ledger.WaitingSlot) outcome {
	o := outcome{state: ledger.OccurrenceMissed, reason: ledger.OccurrenceNoRun}
	if d.Record.Blind(w.Slot.Time, w.Until.Time) {
		o.reason = ledger.OccurrenceNotObserved
	}
	return o
}

// runOf is the run of a slot; nil where there is none.
func (d *desk) runOf(w ledger.WaitingSlot) *control.Backup {
	from, to := w.Slot.Add(-ledger.RunTolerance), w.Until.Add(-ledger.RunTolerance)
	at, _ := slices.BinarySearchFunc(d.plan, from, func(b *control.Backup, t time.Time) int { return Begun(b).Compare(t) })
	for _, run := range d.plan[at:] {
		switch {
		case !Begun(run).Before(to):
			return nil
		case !d.used[run.UID]:
			return run
		}
	}
	return nil
}

// sayNext states what came of the slot that was due next, but for those that are passed
// over. Successive slots that were missed are one.
func (d *desk) sayNext(w ledger.WaitingSlot, o outcome, after time.Time) {
	d.pass()
	d.next = timeOf(after)
	if last := d.lastMissed; o.run == nil && last > 0 && d.decided[last-1].extends(w, o.reason, d.waiting) {
		body := &d.decided[last-1].Body
		body.Last, body.Next = w.Slot, d.next
		body.Count++
		return
	}
	d.say(w, o)
	if d.lastMissed = 0; o.run == nil {
		d.lastMissed = len(d.decided)
	}
}

// extends is whether a slot that was missed goes with those before.
func (o *Decided) extends(w ledger.WaitingSlot, reason string, waiting []ledger.WaitingSlot) bool {
	return o.Reason == reason && o.Body.Next.Equal(w.Slot.Time) && slices.Equal(o.Body.Waiting, waiting)
}

// say states what came of a slot.
func (d *desk) say(w ledger.WaitingSlot, o outcome) {
	body := ledger.OccurrenceBody{Of: ledger.OccurrenceOfBackup, State: o.state, First: w.Slot, Last: w.Slot, Count: 1,
		Next: d.next, Waiting: slices.Clone(d.waiting)}
	if o.run != nil {
		d.used[o.run.UID] = true
		body.Run = runBody(o.run)
	}
	d.decided = append(d.decided, Decided{Body: body, Reason: o.reason, Backup: o.run})
}

func (d *desk) wakeAt(at time.Time) {
	if d.wake.IsZero() || at.Before(d.wake) {
		d.wake = at
	}
}

func without(waiting []ledger.WaitingSlot, w ledger.WaitingSlot) []ledger.WaitingSlot {
	return slices.DeleteFunc(slices.Clone(waiting), func(o ledger.WaitingSlot) bool { return o == w })
}
