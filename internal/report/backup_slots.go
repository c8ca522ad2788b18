package report

import (
	"fmt"
	"time"
	_ "time/tzdata" // A slot is at the same moment wherever a record is made.

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/slots"
)

// statedBackup is how a backup control was stated for a time.
type statedBackup struct {
	span
	backup *v1alpha1.Backup
}

// statedBackups are the ways in which the control was stated, in order.
func (c *statedControl) statedBackups() []statedBackup {
	var of []statedBackup
	for i := range c.policy.specs {
		s := &c.policy.specs[i]
		for j := range s.spec.Controls {
			if stated := &s.spec.Controls[j]; stated.ID == c.id && stated.Backup != nil {
				of = append(of, statedBackup{s.span, stated.Backup})
			}
		}
	}
	return of
}

// backupAt is how the control was stated at a time, or the next best.
func (c *statedControl) backupAt(at int64) *v1alpha1.Backup {
	of := c.statedBackups()
	for i := range of {
		if of[i].to > at {
			return of[i].backup
		}
	}
	if n := len(of); n > 0 {
		return of[n-1].backup
	}
	return nil
}

// cronInForce is a cron by which slots are due.
type cronInForce struct {
	span
	cron slots.Slots
}

// expect takes in what is due from the entry at a time on: nothing, where the control
// states no plan.
func (b *backedUp) expect(stated *ledger.SlotsBody, at int64) error {
	if n := len(b.crons); n > 0 {
		b.crons[n-1].to = min(b.crons[n-1].to, at+1)
	}
	if stated == nil {
		return nil
	}
	b.await(stated.Waiting)
	zone, err := time.LoadLocation(stated.TimeZone)
	if err != nil {
		return fmt.Errorf("the time zone of its slots: %w", err)
	}
	cron, err := slots.Parse(stated.Cron, zone)
	if err != nil {
		return fmt.Errorf("the cron of its slots: %w", err)
	}
	if stated.Next != nil {
		from := micros(stated.Next.Time)
		if n := len(b.crons); n > 0 {
			from = max(from, b.crons[n-1].to)
		}
		b.crons = append(b.crons, cronInForce{span{from, forever}, cron})
	}
	return nil
}

// await notes which slots wait.
func (b *backedUp) await(waiting []ledger.WaitingSlot) {
	b.waiting = map[int64]bool{}
	for _, w := range waiting {
		b.waiting[micros(w.Slot.Time)] = true
	}
}

// due are the slots that lie in a time.
func (b *backedUp) due(in span) []int64 {
	var of []int64
	for _, c := range b.crons {
		of = append(of, c.slotsIn(in)...)
	}
	return of
}

// slotsIn are the slots of the cron in a time, while it is in force.
func (c *cronInForce) slotsIn(in span) []int64 {
	var of []int64
	in = in.clip(c.span)
	if in.empty() {
		return nil
	}
	for at := c.cron.Next(time.UnixMicro(in.from - 1)); !at.IsZero() && micros(at) < in.to; at = c.cron.Next(at) {
		of = append(of, micros(at))
	}
	return of
}

// slotsOf are the slots that an occurrence is of: those that were due, where there
// are as many between its first and its last, and else evenly spaced ones.
func (b *backedUp) slotsOf(body *ledger.OccurrenceBody) []int64 {
	first, last := micros(body.First.Time), micros(body.Last.Time)
	if body.Count == 1 {
		return []int64{first}
	}
	if of := b.due(span{first, last + 1}); len(of) == body.Count {
		return of
	}
	of := make([]int64, 0, body.Count)
	for i := range int64(body.Count) {
		of = append(of, first+(last-first)/int64(body.Count-1)*i)
	}
	return of
}

// usable is whether the run of an occurrence is a recovery point.
func (c *statedControl) usable(o *backupOccurrence) bool {
	if o.Run == nil || o.Run.StartedAt == nil || o.Run.EndedAt == nil {
		return false
	}
	switch o.State {
	case ledger.OccurrenceCompleted, ledger.OccurrenceLate:
		return true
	case ledger.OccurrencePartiallyFailed:
		b := c.backupAt(micros(o.Run.BegunAt.Time))
		return b != nil && b.Velero != nil && b.Velero.PartiallyFailed == v1alpha1.PartiallyFailedCounted
	default:
		return false
	}
}
