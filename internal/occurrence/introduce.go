package occurrence

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	ticks "github.com/holdfast-dev/holdfast/internal/slots"
)

// Declared is when a control has runs due, and which runs count: without the slots
// themselves. It is nil for a control that has none.
func Declared(policy string, spec *v1alpha1.ControlSpec) *ledger.SlotsBody {
	backup := spec.Backup
	if backup == nil || cmp.Or(backup.Provider, v1alpha1.BackupByVelero) != v1alpha1.BackupByVelero {
		return nil
	}
	deadline := control.DefaultStartingDeadline
	if backup.StartingDeadline != nil {
		deadline = backup.StartingDeadline.Duration
	}
	return &ledger.SlotsBody{Cron: backup.Schedule, TimeZone: cmp.Or(backup.TimeZone, "Etc/UTC"), StartingDeadline: int64(deadline),
		Namespace: control.VeleroNamespace(backup), Plan: control.PlanName(policy, spec.ID, backup)}
}

// Introduce returns what is due from now on, given what was before (nil where nothing
// was): the first slot of the cron and, where the cron is another one, the slots by
// the old one that came and of which nothing is said yet. Each of those lasts until
// the next one, by whichever cron.
func Introduce(declared ledger.SlotsBody, before *ledger.BackupRecord, now time.Time) (*ledger.SlotsBody, error) {
	due, err := Due(&declared)
	if err != nil {
		return nil, err
	}
	first := due.Next(now)
	declared.Next = timeOf(first)
	if before == nil || before.Withdrawn {
		return &declared, nil
	}
	if before.Slots.SameCron(&declared) {
		declared.Next, declared.Waiting = before.Slots.Next, before.Slots.Waiting
		return &declared, nil
	}
	declared.Waiting = cutShort(lasting(&before.Slots, now), first)
	return &declared, nil
}

// lasting are the slots that came and of which nothing is said.
func lasting(s *ledger.SlotsBody, now time.Time) []ledger.WaitingSlot {
	waiting := slices.Clone(s.Waiting)
	due, err := Due(s)
	if err != nil {
		return waiting // It was usable once, and has no slots any more.
	}
	for slot := s.Next; slot != nil && !slot.After(now); {
		next := due.Next(slot.Time)
		waiting = append(waiting, waitingSlot(slot.Time, next))
		slot = timeOf(next)
	}
	return waiting[max(0, len(waiting)-ledger.MaxWaiting):]
}

// cutShort has no slot last beyond the first one by another cron.
func cutShort(waiting []ledger.WaitingSlot, first time.Time) []ledger.WaitingSlot {
	for i := range waiting {
		if !first.IsZero() && first.Before(waiting[i].Until.Time) {
			waiting[i].Until = ledger.At(first)
		}
	}
	return waiting
}

// Due reads the cron that says when runs are due.
func Due(s *ledger.SlotsBody) (ticks.Slots, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", s.TimeZone, err)
	}
	due, err := ticks.Parse(s.Cron, zone)
	if err != nil {
		return nil, fmt.Errorf("cron %q: %w", s.Cron, err)
	}
	return due, nil
}

// lastsAtMost is how long the last slot of a cron lasts.
const lastsAtMost = 24 * time.Hour

// waitingSlot is a slot that lasts until the next one, zero where there is none.
func waitingSlot(slot, until time.Time) ledger.WaitingSlot {
	if until.IsZero() {
		until = slot.Add(lastsAtMost)
	}
	return ledger.WaitingSlot{Slot: ledger.At(slot), Until: ledger.At(until)}
}

func timeOf(t time.Time) *ledger.Time {
	if t.IsZero() {
		return nil
	}
	at := ledger.At(t)
	return &at
}
