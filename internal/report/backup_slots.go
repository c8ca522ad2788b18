package report

import (
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

// due are the slots that the declared crons have in a time.
func (c *statedControl) due(in span) []int64 {
	var of []int64
	for _, d := range c.statedBackups() {
		of = append(of, slotsIn(d.backup, d.clip(in))...)
	}
	return of
}

// slotsIn are the slots of a cron in a time: none where it cannot be read.
func slotsIn(b *v1alpha1.Backup, in span) []int64 {
	zone, err := time.LoadLocation(b.TimeZone)
	if err != nil || in.empty() {
		return nil
	}
	cron, err := slots.Parse(b.Schedule, zone)
	if err != nil {
		return nil
	}
	var of []int64
	for at := cron.Next(time.UnixMicro(in.from - 1)); !at.IsZero() && micros(at) < in.to; at = cron.Next(at) {
		of = append(of, micros(at))
	}
	return of
}

// slotsOf are the slots that an occurrence is of: those of the cron, where that has
// as many between its first and its last, and else evenly spaced ones.
func (c *statedControl) slotsOf(body *ledger.OccurrenceBody) []int64 {
	first, last := micros(body.First.Time), micros(body.Last.Time)
	if b := c.backupAt(first); b != nil && body.Count > 1 {
		if of := slotsIn(b, span{first, last + 1}); len(of) == body.Count {
			return of
		}
	}
	of := make([]int64, 0, body.Count)
	for i := range int64(body.Count) {
		at := first
		if body.Count > 1 {
			at += (last - first) / int64(body.Count-1) * i
		}
		of = append(of, at)
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
