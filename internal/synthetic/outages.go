package synthetic

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// down stops the operator for a while.
func (s *simulation) down(inOrder bool, duration time.Duration) func() error {
	return func() error {
		if !s.op.observes() {
			return nil
		}
		if err := s.stop(inOrder); err != nil {
			return err
		}
		s.unseen(duration)
		s.agenda.put(s.now.Add(duration), s.start)
		return nil
	}
}

// upgrade replaces the operator by its next version.
func (s *simulation) upgrade() error {
	s.op.version++
	return s.down(true, 14*time.Second)()
}

// loseKey loses the signing key while the operator is down: the ledger that is
// there cannot go on.
func (s *simulation) loseKey() error {
	if !s.op.observes() {
		return nil
	}
	if err := s.keep(); err != nil {
		return err
	}
	s.written = s.history.Entries
	s.op.lost++
	return s.down(false, 8*time.Minute)()
}

// cut keeps the operator from observing for a while, and it lives on.
func (s *simulation) cut(reason string, duration time.Duration) func() error {
	return func() error {
		if !s.op.observes() {
			return nil
		}
		s.op.from, s.op.cutOff = s.now, reason
		s.agenda.put(s.now.Add(s.found(reason)), s.openGaps)
		s.unseen(duration)
		s.agenda.put(s.now.Add(duration), s.sight)
		return nil
	}
}

// found is how long it takes to find that nothing is observed.
func (s *simulation) found(reason string) time.Duration {
	if reason == ledger.CauseWatchStalled {
		return 2*time.Minute + s.op.dice.between(0, 10*time.Second)
	}
	return s.op.dice.between(time.Second, 4*time.Second)
}

// openGaps records that something is not observed: one entry for each kind.
func (s *simulation) openGaps() error {
	concerned := []string{string(control.NeedNetworkPolicies)}
	if s.op.cutOff == ledger.CauseUnreachable {
		concerned = kinds()
	}
	for _, kind := range concerned {
		t, err := s.op.w.Write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: s.op.cutOff,
			Gap: &ledger.GapBody{Cause: s.op.cutOff, Kind: kind, From: ledger.At(s.op.from)}}})
		if err != nil {
			return err
		}
		s.op.gaps = append(s.op.gaps, openGap{kind, t[0].Entry.ID})
	}
	return s.permission("Lost", "is missing")
}

func (s *simulation) permission(reason, verb string) error {
	if s.op.cutOff != ledger.CauseForbidden {
		return nil
	}
	return s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindPermissionChanged, Reason: reason,
		Message: fmt.Sprintf("the permission to list and watch networkpolicies %s", verb)}})
}

// sight records that everything is observed again, and makes the passes that
// were missed.
func (s *simulation) sight() error {
	to := ledger.At(s.now)
	for _, g := range s.op.gaps {
		if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: s.op.cutOff,
			Gap: &ledger.GapBody{Cause: s.op.cutOff, Kind: g.kind, From: ledger.At(s.op.from), To: &to, Ends: g.entry}}}); err != nil {
			return err
		}
	}
	if err := s.permission("Regained", "is there again"); err != nil {
		return err
	}
	s.blind(s.op.from, s.now)
	s.op.gaps, s.op.cutOff, s.op.since = nil, "", s.now
	s.op.epoch++
	_, err := s.passAll(s.now, "")
	return err
}

// stepClock has the operator's clock jump forward: it was asleep meanwhile.
func (s *simulation) stepClock(by time.Duration) func() error {
	return func() error {
		if !s.op.observes() {
			return nil
		}
		from := s.now
		s.op.from, s.op.cutOff = s.now, ledger.CauseClockStepped
		s.agenda.put(s.now.Add(by), func() error {
			s.blind(from, s.now)
			s.op.cutOff, s.op.since = "", s.now
			to := ledger.At(s.now)
			if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseClockStepped,
				Gap: &ledger.GapBody{Cause: ledger.CauseClockStepped, From: ledger.At(from), To: &to}}}); err != nil {
				return err
			}
			_, err := s.passAll(s.now, "")
			return err
		})
		return nil
	}
}
