package report

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// pruning is a source that knows what the entries said that were pruned.
type pruning interface {
	KnownAtFirst(ledgerID string) (*ledger.Known, error)
}

// seedKnown takes what is known from what a pruning left behind, and reports
// whether there was anything.
func (f *fold) seedKnown(l *line) (bool, error) {
	src, ok := f.src.(pruning)
	if !ok {
		return false, nil
	}
	k, err := src.KnownAtFirst(f.ledgerID)
	if err != nil {
		return false, fmt.Errorf("what was known before it: %w", err)
	}
	if k == nil || k.NextSeq != l.seq {
		return false, nil
	}
	for _, name := range k.Policies() {
		if err := f.seedRecord(k, name, l); err != nil {
			return false, err
		}
	}
	gaps := k.OpenGaps()
	for _, id := range sortedKeys(gaps) {
		g := gaps[id]
		f.gaps = append(f.gaps, gap{span: span{micros(g.From.Time), forever}, cause: g.Cause, kind: g.Kind, policy: g.Policy, seq: l.seq})
		f.openGaps[id] = len(f.gaps) - 1
	}
	f.proven = max(f.proven, micros(k.LastObserved.Time))
	return true, nil
}

// seedRecord takes over one policy with its controls, members and units.
func (f *fold) seedRecord(k *ledger.Known, name string, l *line) error {
	r, _ := k.Policy(name)
	p := f.policyOf(name)
	p.generation = r.Generation
	if r.Deleted {
		return nil
	}
	if r.Spec != "" {
		ref := &ledger.PolicyRef{Name: name, UID: r.UID, Generation: r.Generation}
		if err := f.adopt(p, ref, r.Spec, "", micros(r.Since.Time)); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(r.Controls) {
		c := f.controlOf(p, id)
		f.seedControl(c, r.Controls[id])
		if known := k.Backup(name, id); known != nil && !known.Withdrawn {
			if err := c.backups().expect(&known.Slots, l.at); err != nil {
				return err
			}
		}
	}
	for _, m := range k.Members(name) {
		s := f.in.same(m.Subject)
		f.enter(p, s, seededStay(m))
		for _, id := range k.Controls(name) {
			if u, ok := k.Unit(ledger.Unit{Policy: name, Control: id, Subject: m.Subject}); ok {
				f.seedState(f.controlOf(p, id), s, u, l)
			}
		}
	}
	for _, m := range k.ObjectMembers(name) {
		c, s := f.controlOf(p, m.Control), f.in.same(m.Subject)
		f.judge(c, s, seededStay(m))
		if u, ok := k.Unit(ledger.Unit{Policy: name, Control: m.Control, Subject: m.Subject}); ok {
			f.seedState(c, s, u, l)
		}
	}
	return nil
}

func seededStay(m *ledger.Member) stay {
	return stay{span: span{micros(m.Since.Time), forever}, added: m.Entered == ledger.KindSubjectAdded, created: never}
}

func (f *fold) seedControl(c *statedControl, r *ledger.ControlRecord) {
	c.introduced, c.operating, c.declared, c.ledger = micros(r.IntroducedAt.Time), micros(r.OperatingFrom.Time), r.Declared, f.ledger
	if d := c.current(); d != nil && !r.Withdrawn {
		d.digest, d.learned = r.Definition, true
	}
}

func (f *fold) seedState(c *statedControl, s *control.Subject, r *ledger.Record, l *line) {
	at := micros(r.Since.Time)
	if c.judgesOwn() && c.member(s).open() == nil {
		f.judge(c, s, stay{span: span{at, forever}, created: never})
	}
	state := r.State
	f.seedOutcome(f.unitOf(c, s), &state, at, r.Episode, r.Origin, r.Message, l)
}

// seedOutcome takes over a state that was stated before the entries that are
// left, and the episode that it belongs to. The episode's beginning is bounded
// on one side only.
func (f *fold) seedOutcome(u *unit, state *control.State, at int64, episodeID string, origin ledger.Origin, message string, l *line) {
	u.state, u.at = state, at
	u.control.rests(state.Basis)
	f.setOutcome(u, at, outcomeOf(state.Outcome))
	f.notePlan(u, at)
	if episodeID == "" {
		return
	}
	u.open = &episode{id: episodeID, unit: u, def: u.control.current(), origin: origin, ending: endingOpen, ledger: f.ledger, first: l.seq,
		rules: state.Rules, message: message, actor: actorUnknown, opened: mark{at, 0, runForgotten}, before: nothing}
}
