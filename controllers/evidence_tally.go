package controllers

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// slotTally counts what became of slots, and the gaps, as the ledger has them. It
// follows the ledger: what was read once is not read again.
type slotTally struct {
	ledgerID string
	since    time.Time
	next     uint64
	// slots are counted by schedule and hour, gaps by hour.
	slots  map[string]map[int64]*v1alpha1.SlotCounts
	gaps   map[int64]int32
	newest map[string]*newestSlot
}

// newestSlot is what the ledger says last of a schedule's slots.
type newestSlot struct {
	slot    time.Time
	state   v1alpha1.SlotState
	message string
}

// hour is the bucket of a time.
func hour(t time.Time) int64 { return t.Unix() / 3600 }

// tallied are the kinds that are counted. What is of another kind is not decoded.
func tallied() [][]byte {
	var marks [][]byte
	for _, kind := range []ledger.Kind{ledger.KindCollected, ledger.KindOccurrence, ledger.KindGap} {
		marks = append(marks, fmt.Appendf(nil, `"kind":%q`, kind))
	}
	return marks
}

// follow reads what was appended to a ledger since the last time. What lies before
// since need not be counted.
func (t *slotTally) follow(ctx context.Context, dir, ledgerID string, since time.Time) error {
	if t.ledgerID != ledgerID || since.Before(t.since) {
		*t = slotTally{ledgerID: ledgerID, since: since, slots: map[string]map[int64]*v1alpha1.SlotCounts{},
			gaps: map[int64]int32{}, newest: map[string]*newestSlot{}}
	}
	marks := tallied()
	opts := ledger.ReadOptions{LedgerID: ledgerID, From: t.next, Since: t.since}
	err := ledger.Read(ctx, dir, opts, func(seq uint64, data []byte) error {
		t.next = seq + 1
		for _, mark := range marks {
			if bytes.Contains(data, mark) {
				return t.read(data)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count the slots in the ledger: %w", err)
	}
	return nil
}

func (t *slotTally) read(data []byte) error {
	e, err := ledger.Decode(data)
	if err != nil {
		return err
	}
	switch {
	case e.Kind == ledger.KindGap && e.Gap.Ends == "":
		t.gaps[hour(e.Gap.From.Time)]++
	case e.Kind == ledger.KindCollected:
		state := slotStateOf(e.Collection)
		t.add(e.Schedule.Name, e.Collection.Slot.Time, state)
		t.newest[e.Schedule.Name] = &newestSlot{e.Collection.Slot.Time, state, e.Message}
	case e.Kind == ledger.KindOccurrence && e.Occurrence.Of == ledger.OccurrenceOfCollection:
		t.missed(e.Schedule.Name, e.Occurrence)
		t.newest[e.Schedule.Name] = &newestSlot{e.Occurrence.Last.Time, v1alpha1.SlotMissed, e.Reason}
	}
	return nil
}

// missed counts slots that an entry only bounds, as if they were equally far apart.
func (t *slotTally) missed(schedule string, o *ledger.OccurrenceBody) {
	span := o.Last.Sub(o.First.Time)
	for i := range o.Count {
		at := o.First.Time
		if o.Count > 1 {
			at = at.Add(span / time.Duration(o.Count-1) * time.Duration(i))
		}
		t.add(schedule, at, v1alpha1.SlotMissed)
	}
}

func (t *slotTally) add(schedule string, slot time.Time, state v1alpha1.SlotState) {
	if slot.Before(t.since) {
		return
	}
	if t.slots[schedule] == nil {
		t.slots[schedule] = map[int64]*v1alpha1.SlotCounts{}
	}
	c := t.slots[schedule][hour(slot)]
	if c == nil {
		c = &v1alpha1.SlotCounts{}
		t.slots[schedule][hour(slot)] = c
	}
	switch state {
	case v1alpha1.SlotCompleted:
		c.Completed++
	case v1alpha1.SlotLate:
		c.Late++
	case v1alpha1.SlotPartial:
		c.Partial++
	case v1alpha1.SlotFailed:
		c.Failed++
	case v1alpha1.SlotMissed:
		c.Missed++
	}
}

// count sums the slots of a schedule in [from, to), both taken by the hour.
func (t *slotTally) count(schedule string, from, to time.Time) v1alpha1.SlotCounts {
	var sum v1alpha1.SlotCounts
	for h, c := range t.slots[schedule] {
		if h < hour(from) || h > hour(to) {
			continue
		}
		sum.Completed += c.Completed
		sum.Late += c.Late
		sum.Partial += c.Partial
		sum.Failed += c.Failed
		sum.Missed += c.Missed
	}
	sum.Due = sum.Completed + sum.Late + sum.Partial + sum.Failed + sum.Missed
	sum.Collected = shareOf(sum.Completed+sum.Late, sum.Due)
	return sum
}

// gapsIn is the number of gaps that began in [from, to), both taken by the hour.
func (t *slotTally) gapsIn(from, to time.Time) int32 {
	var sum int32
	for h, n := range t.gaps {
		if h >= hour(from) && h <= hour(to) {
			sum += n
		}
	}
	return sum
}

// shareOf prints "x of y" with the share, which is floored: 100 % only if nothing
// is missing.
func shareOf(x, y int32) string {
	if y == 0 {
		return "0 of 0 (n/a)"
	}
	share := int64(x) * 10_000 / int64(y)
	return fmt.Sprintf("%d of %d (%d.%02d %%)", x, y, share/100, share%100)
}
