package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// schedule is what is known of an EvidenceSchedule.
type schedule struct {
	name string
	// next is the slot that is due next, forever where none is known.
	next int64
	// slots counts those within the period.
	slots SlotPopulation
	// checked are the digests of the chunks of its newest manifest, by first scope.
	checked map[string]bool
	// discrepant are the units that Discrepancy entries since its newest
	// collection name.
	discrepant map[ledger.Unit]bool
	// touched are the scopes of which something changed since its newest manifest.
	touched map[string]bool
}

func (f *fold) scheduleOf(l *line) (*schedule, *ledger.ScheduleRef, error) {
	ref, err := decoded[ledger.ScheduleRef](l, "schedule")
	if err != nil {
		return nil, nil, err
	}
	s, ok := f.schedules[ref.Name]
	if !ok {
		s = &schedule{name: ref.Name, next: forever, slots: SlotPopulation{Schedule: ref.Name},
			discrepant: map[ledger.Unit]bool{}, touched: f.scopes()}
		f.schedules[ref.Name] = s
	}
	return s, &ref, nil
}

// scopes are all scopes that hold a member of a policy.
func (f *fold) scopes() map[string]bool {
	of := map[string]bool{}
	for _, p := range f.policies {
		for _, own := range []subjects{p.namespaces, p.others} {
			for s := range own {
				of[ledger.ScopeOf(*s)] = true
			}
		}
	}
	return of
}

func (f *fold) scheduleChanged(l *line) error {
	s, ref, err := f.scheduleOf(l)
	if err != nil {
		return err
	}
	change, err := decoded[ledger.ChangeBody](l, "change")
	if err != nil {
		return err
	}
	f.change(l, "EvidenceSchedule "+ref.Name, ref.Generation, &change)
	s.next = forever
	if change.NextSlot != nil && change.Type != ledger.ChangeDeleted {
		s.next = micros(change.NextSlot.Time)
	}
	if change.To == "" || change.Type == ledger.ChangeDeleted {
		return nil
	}
	data, err := f.src.Object(f.ledgerID, change.To)
	if err != nil {
		return fmt.Errorf("the spec of schedule %s, generation %d: %w", ref.Name, ref.Generation, err)
	}
	var spec struct {
		Anchors []struct {
			Name string `json:"name"`
		} `json:"anchors"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("the spec of schedule %s, generation %d: %w", ref.Name, ref.Generation, err)
	}
	for _, a := range spec.Anchors {
		f.declared[a.Name] = true
	}
	return nil
}

// due goes on to the slot that an entry speaks of. A slot of which nothing says
// what became of it is a disagreement.
func (f *fold) due(s *schedule, slot, last int64, next *ledger.Time, l *line) {
	if s.next != forever && s.next < slot && f.window.holds(s.next) {
		f.disagreed = append(f.disagreed, Marker{Kind: MarkerDisagreement, Refs: []string{fmt.Sprintf("%s/%d", f.ledgerID, l.seq)},
			Message: fmt.Sprintf("Schedule %s: slot %s was due, and nothing says what became of it; the next one that is recorded is %s.",
				s.name, stamp(timeOf(s.next)), stamp(timeOf(slot)))})
	}
	s.next = forever
	if next != nil && micros(next.Time) > last {
		s.next = micros(next.Time)
	}
}

// collectionMade folds a collection in, and compares what it read with what the
// entries say.
func (f *fold) collectionMade(l *line) error {
	s, _, err := f.scheduleOf(l)
	if err != nil {
		return err
	}
	body, err := decoded[ledger.CollectionBody](l, "collection")
	if err != nil {
		return err
	}
	f.written[f.ledger].collected()
	slot := micros(body.Slot.Time)
	f.due(s, slot, slot, body.Next, l)
	c := Collection{Schedule: s.name, Slot: body.Slot, State: stateOf(&body), Count: 1, Ended: &body.Ended, Manifest: body.Manifest,
		Compared: body.Compared, Superseded: body.Superseded, Discrepancies: body.Discrepancies, Reason: l.text("reason"),
		Message: l.text("message"), LedgerID: f.ledgerID, Seq: l.seq, Agrees: true, Disagreements: []string{}}
	if body.State == ledger.CollectionCompleted {
		f.beats = append(f.beats, micros(body.Started.Time))
	}
	if body.Manifest != "" {
		found, err := f.compare(s, l, &body)
		if err != nil {
			return fmt.Errorf("manifest %s: %w", body.Manifest, err)
		}
		c.Agrees, c.Disagreements = len(found) == 0, found[:min(len(found), maxDisagreements)]
	}
	clear(s.discrepant)
	if f.window.holds(slot) {
		f.collected = append(f.collected, c)
		s.slots.add(c.State, 1)
		f.disagrees(&c)
	}
	return nil
}

// maxDisagreements is how many disagreements of a collection are told.
const maxDisagreements = 20

// disagrees marks a manifest that the entries do not agree with.
func (f *fold) disagrees(c *Collection) {
	if !c.Agrees {
		f.disagreed = append(f.disagreed, Marker{Kind: MarkerDisagreement, Refs: []string{fmt.Sprintf("%s/%d", c.LedgerID, c.Seq)},
			Message: fmt.Sprintf("The collection of schedule %s at %s disagrees with the entries: %s", c.Schedule, stamp(c.Slot), c.Disagreements[0])})
	}
}

// stateOf is a collection's state in a record: one that is complete can be late.
func stateOf(b *ledger.CollectionBody) string {
	if b.State == ledger.CollectionCompleted && b.Late {
		return "Late"
	}
	return b.State
}

func (p *SlotPopulation) add(state string, n int) {
	p.Expected += n
	switch state {
	case ledger.CollectionCompleted:
		p.Completed += n
	case "Late":
		p.Late += n
	case ledger.CollectionPartial:
		p.Partial += n
	case ledger.OccurrenceMissed:
		p.Missed += n
	default:
		p.Failed += n
	}
}

// occurrence folds in what became of slots: of collections, that they passed without
// what was due.
func (f *fold) occurrence(l *line) error {
	body, err := decoded[ledger.OccurrenceBody](l, "occurrence")
	switch {
	case err != nil:
		return err
	case body.Of == ledger.OccurrenceOfBackup:
		return f.backupRan(l, &body)
	case body.Of != ledger.OccurrenceOfCollection:
		return nil
	}
	s, _, err := f.scheduleOf(l)
	if err != nil {
		return err
	}
	first, last := micros(body.First.Time), micros(body.Last.Time)
	f.due(s, first, last, body.Next, l)
	if first >= f.window.to || last < f.window.from || body.Count < 1 {
		return nil
	}
	c := Collection{Schedule: s.name, Slot: body.First, State: ledger.OccurrenceMissed, Count: body.Count, LastSlot: &body.Last,
		Reason: l.text("reason"), Message: l.text("message"), LedgerID: f.ledgerID, Seq: l.seq, Agrees: true, Disagreements: []string{}}
	f.collected = append(f.collected, c)
	s.slots.add(ledger.OccurrenceMissed, slotsWithin(first, last, body.Count, f.window))
	return nil
}

// slotsWithin is how many of count slots, evenly spaced from first to last, lie
// within a period.
func slotsWithin(first, last int64, count int, in span) int {
	if count == 1 || last <= first || (in.holds(first) && in.holds(last)) {
		return count
	}
	step := (last - first) / int64(count-1)
	n := 0
	for i := range int64(count) {
		if in.holds(first + i*max(step, 1)) {
			n++
		}
	}
	return n
}

// listCollections are the collections of the period, and the slots they make.
func (f *fold) listCollections() ([]Collection, []SlotPopulation) {
	of := emptied(f.collected)
	slices.SortStableFunc(of, func(a, b Collection) int {
		return cmp.Or(a.Slot.Compare(b.Slot.Time), cmp.Compare(a.Schedule, b.Schedule), cmp.Compare(a.Seq, b.Seq))
	})
	slots := []SlotPopulation{}
	for _, name := range sortedKeys(f.schedules) {
		s := f.schedules[name]
		if s.next < f.end && s.next >= f.window.from {
			s.slots.Expected++
			s.slots.Pending++
		}
		slots = append(slots, s.slots)
	}
	return of, slots
}
