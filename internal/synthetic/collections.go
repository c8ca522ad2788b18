package synthetic

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// slot is a time at which a collection is due.
func (s *simulation) slot() error {
	if !s.op.up {
		s.schedule.missed = append(s.schedule.missed, s.now)
		return nil
	}
	return s.collect(s.now, s.now.Add(s.op.dice.between(40*time.Millisecond, 900*time.Millisecond)))
}

// makeUp sees to the slots that passed while no process ran: the newest is
// collected, the others were missed.
func (s *simulation) makeUp(at time.Time) error {
	missed := s.schedule.missed
	s.schedule.missed = nil
	if len(missed) == 0 {
		return nil
	}
	newest := missed[len(missed)-1]
	if missed = missed[:len(missed)-1]; len(missed) > 0 {
		s.history.Slots[ledger.OccurrenceMissed] += len(missed)
		next := ledger.At(newest)
		if err := s.write(ledger.Draft{At: at, Entry: ledger.Entry{
			Kind: ledger.KindOccurrence, Schedule: &s.schedule.ref, Reason: ledger.CauseNotRunning,
			Occurrence: &ledger.OccurrenceBody{Of: ledger.OccurrenceOfCollection, State: ledger.OccurrenceMissed,
				First: ledger.At(missed[0]), Last: ledger.At(missed[len(missed)-1]), Count: len(missed), Next: &next},
		}}); err != nil {
			return err
		}
	}
	return s.collect(newest, at.Add(2*time.Second))
}

// collect makes one collection.
func (s *simulation) collect(slot, at time.Time) error {
	next := ledger.At(slot.Add(s.opts.Collections))
	body := &ledger.CollectionBody{Slot: ledger.At(slot), Next: &next, Started: ledger.At(at), State: ledger.CollectionCompleted,
		Late: at.Sub(slot) > startingDeadline}
	if !next.Before(s.end) {
		body.Next = nil
	}
	e := ledger.Entry{Kind: ledger.KindCollected, Schedule: &s.schedule.ref, Collection: body}
	done := at.Add(time.Duration(len(s.namespaces))*400*time.Microsecond + s.op.dice.between(90*time.Millisecond, 600*time.Millisecond))
	body.Ended = ledger.At(done)
	switch s.op.cutOff {
	case ledger.CauseUnreachable:
		body.State = ledger.CollectionFailed
		e.Reason, e.Message = ledger.CauseUnreachable, "namespaces could not be listed."
	case ledger.CauseForbidden:
		body.State = ledger.CollectionPartial
		e.Reason, e.Message = ledger.CauseForbidden, "networkpolicies could not be listed."
	}
	if err := s.census.compare(s, &e, slot, at); err != nil {
		return err
	}
	s.count(body)
	return s.write(ledger.Draft{At: done, Entry: e})
}

// count notes what became of a slot.
func (s *simulation) count(body *ledger.CollectionBody) {
	if body.Late && body.State == ledger.CollectionCompleted {
		s.history.Slots["Late"]++
		return
	}
	s.history.Slots[body.State]++
}

// compare makes a collection's manifest, and writes what it finds beside that.
func (c *census) compare(s *simulation, e *ledger.Entry, slot, at time.Time) error {
	body := e.Collection
	if body.State == ledger.CollectionFailed {
		return nil
	}
	seq := s.op.known().NextSeq
	overlooked, err := c.discrepancies(s, slot, at)
	if err != nil {
		return err
	}
	drafts, err := s.observeAccess(at)
	if err != nil {
		return err
	}
	manifest, err := c.manifest(s, slot, at, seq)
	if err != nil {
		return err
	}
	body.Manifest, body.Compared, body.Discrepancies = manifest, c.units, len(overlooked)
	return s.write(append(overlooked, drafts...)...)
}

// discrepancies draft what the operator has overlooked; it is seen to afterwards.
func (c *census) discrepancies(s *simulation, slot, at time.Time) ([]ledger.Draft, error) {
	if s.op.cutOff != "" && s.op.cutOff != ledger.CauseWatchStalled {
		return nil, nil
	}
	var drafts []ledger.Draft
	for _, n := range s.namespaces {
		found, err := s.overlooked(n, slot, at)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			n.dirty = true
			s.retry(n, at.Add(700*time.Millisecond))
		}
		drafts = append(drafts, found...)
	}
	return drafts, nil
}

// overlooked draft the units of a namespace whose recorded state is not the one
// that is there.
func (s *simulation) overlooked(n *namespace, slot, at time.Time) ([]ledger.Draft, error) {
	var drafts []ledger.Draft
	for _, p := range s.policies {
		if !inScope(p.def, n) {
			continue
		}
		verdicts, err := s.judge.judge(p.def, n, false)
		if err != nil {
			return nil, err
		}
		for _, v := range verdicts {
			u := ledger.Unit{Policy: p.def.Name, Control: v.control.Spec.ID, Subject: v.subjectIn(n)}
			r, ok := s.op.known().Unit(u)
			if !ok || r.State.Equal(v.state) {
				continue
			}
			d := s.observation(n, p, v, at, false)
			from := r.State
			d.Kind, d.From, d.Schedule = ledger.KindDiscrepancy, &from, &s.schedule.ref
			d.Discrepancy = &ledger.DiscrepancyBody{Slot: ledger.At(slot), Reads: 2}
			drafts = append(drafts, d)
		}
	}
	return drafts, nil
}
