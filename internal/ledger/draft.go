package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
)

// Draft is what was observed or done, before it has its place in the ledger.
// Its Entry lacks what only that place decides: schema, id, seq, run, times,
// the state before, episode, origin and ending.
type Draft struct {
	Entry
	// At is when it was observed, with its monotonic reading.
	At time.Time
	// Epoch grows with each gap of the kinds that the observation needs: two
	// observations of different epochs have a gap between them.
	Epoch uint64
	// RepairedByUs is set where Holdfast's own repair made this state.
	RepairedByUs bool
	// Payload returns the entry's inputs and the objects they name. It is
	// called once, and only if the draft says something new.
	Payload func() ([]Input, []Object, error)

	n uint64
	// told is whether OnRecorded was told of it.
	told bool
}

// settle makes the draft an entry that follows from what is known. It returns
// false if the draft says nothing new.
func (d *Draft) settle(k *Known, process string, now time.Time) (Entry, bool) {
	e := d.Entry
	e.Schema, e.Critical = Schema, kinds[e.Kind].critical
	e.Seq, e.Run = k.NextSeq, k.Run
	if e.Kind == KindOperatorStarted {
		e.Run = e.Seq
	}
	e.ObservedAt = At(d.At)
	e.AppendedAt = At(now)
	if e.AppendedAt.Before(k.LastAppended.Time) {
		e.AppendedAt = k.LastAppended
	}
	if e.Kind == KindOutcomeChanged {
		return e, d.settleState(&e, k)
	}
	e.ID = ActID(process, d.n)
	return e, d.settleAct(&e, k)
}

// settleAct completes an entry that is no state, and reports whether it is news.
func (d *Draft) settleAct(e *Entry, k *Known) bool {
	switch e.Kind {
	case KindSubjectAdded, KindScopeEntered, KindSubjectDeleted, KindScopeLeft:
		return newsOfMember(e, k)
	case KindPolicyChanged:
		return newsOfPolicy(e, k)
	case KindControlIntroduced:
		return settleIntroduction(e, k)
	case KindControlWithdrawn:
		p, there := k.Policy(e.Policy.Name)
		introduced := there && p.Controls[e.Control] != nil && !p.Controls[e.Control].Withdrawn
		return introduced || slices.Contains(k.Controls(e.Policy.Name), e.Control)
	case KindRepaired, KindRepairFailed, KindRolledBack:
		if r, ok := k.Unit(Unit{e.Policy.Name, e.Control, *e.Subject}); ok {
			e.Episode = r.Episode
		}
	default:
		return settleEvidence(e, k)
	}
	return true
}

// newsOfMember reports whether an entry says that a subject comes which is not
// there, or goes which is. An object comes only after its scope did.
func newsOfMember(e *Entry, k *Known) bool {
	comes := e.Kind == KindSubjectAdded || e.Kind == KindScopeEntered
	if e.Control == "" {
		_, there := k.Member(e.Policy.Name, *e.Subject)
		return there != comes
	}
	_, there := k.ObjectMember(Unit{e.Policy.Name, e.Control, *e.Subject})
	return there != comes && (there || k.scopeMember(e.Policy.Name, ScopeOf(*e.Subject)) != nil)
}

// settleEvidence completes an entry about evidence itself, and reports whether
// it is news.
func settleEvidence(e *Entry, k *Known) bool {
	switch e.Kind {
	case KindScheduleChanged:
		return newsOfSchedule(e, k)
	case KindDiscrepancy:
		e.From, e.To = boundedOrNil(e.From), boundedOrNil(e.To)
	case KindAccessObserved:
		return settleAccess(e, k)
	case KindOccurrence:
		return newsOfOccurrence(e, k)
	case KindAnchorFailed:
		last, there := k.evidence.Anchors[AnchorKey(e.Schedule, e.Anchor.Name)]
		return !there || !last.Failed
	}
	return true
}

// newsOfPolicy reports whether a PolicyChanged entry says something new.
func newsOfPolicy(e *Entry, k *Known) bool {
	p, there := k.Policy(e.Policy.Name)
	if e.Change.Type == ChangeConfirmed {
		return there && p.Generation == e.Policy.Generation && p.Brake != nil && p.Confirmed != p.Generation
	}
	return !there || p.UID != e.Policy.UID || p.Generation != e.Policy.Generation ||
		p.Deleted != (e.Change.Type == ChangeDeleted)
}

// newsOfSchedule reports whether a ScheduleChanged entry says something new.
func newsOfSchedule(e *Entry, k *Known) bool {
	r, there := k.evidence.Schedules[e.Schedule.Name]
	return !there || r.Ref.UID != e.Schedule.UID || r.Ref.Generation != e.Schedule.Generation ||
		r.Deleted != (e.Change.Type == ChangeDeleted)
}

// settleAccess names the observation before, and reports whether this one differs.
func settleAccess(e *Entry, k *Known) bool {
	access := *e.Access
	access.Previous = k.evidence.Access
	e.Access = &access
	return access.Access != access.Previous
}

// settleIntroduction gives a control that comes back the beginning it had: no
// second baseline.
func settleIntroduction(e *Entry, k *Known) bool {
	p, there := k.Policy(e.Policy.Name)
	if !there || p.Controls[e.Control] == nil {
		return true
	}
	last := p.Controls[e.Control]
	intro := *e.Intro
	if !last.OperatingFrom.After(e.ObservedAt.Time) || !intro.Declared {
		intro.OperatingFrom, intro.Declared = last.OperatingFrom, last.Declared
	}
	intro.Slots = settledSlots(e, k)
	e.Intro = &intro
	return last.Withdrawn || last.Definition != e.Policy.Definition || !last.OperatingFrom.Equal(intro.OperatingFrom.Time)
}

// settleState completes a state entry, and reports whether the state is news.
func (d *Draft) settleState(e *Entry, k *Known) bool {
	u := Unit{e.Policy.Name, e.Control, *e.Subject}
	to := Bounded(*e.To)
	e.To = &to
	last, _ := k.Unit(u)
	crossed := last != nil && last.marks.epoch != d.Epoch
	redefined := last != nil && cmp.Or(last.marks.definition, last.Definition) != e.Policy.Definition
	if last != nil && last.State.Equal(*e.To) {
		last.marks = marks{definition: e.Policy.Definition, epoch: d.Epoch}
		return false
	}
	e.Prev = k.before(u)
	if last != nil {
		from := last.State
		e.From = &from
	}
	e.ID = StateID(k.LedgerID, u.Policy, u.Control, u.Subject, e.Prev, *e.To)
	switch {
	case last != nil && last.Episode != "" && (e.To.Outcome == control.Deviating || e.To.Outcome == control.NotEvaluated):
		e.Episode, e.Origin = last.Episode, last.Origin
	case last != nil && last.Episode != "":
		e.Episode, e.Ending = last.Episode, d.ending(last, crossed, redefined)
	case e.To.Outcome == control.Deviating:
		e.Episode, e.Origin = EpisodeID(e.ID), d.origin(k, u, last, crossed, redefined)
	case last == nil:
		e.Origin = d.origin(k, u, nil, false, false)
	}
	return true
}

// origin says why an episode begins; without a state before, how the subject
// came under the control.
func (d *Draft) origin(k *Known, u Unit, last *Record, crossed, redefined bool) Origin {
	switch {
	case last == nil:
		return d.firstOrigin(k, u)
	case crossed || last.State.Outcome == control.NotEvaluated:
		return OriginAfterGap
	case redefined:
		return OriginDefinitionChanged
	case expired(d.To):
		return OriginAttestationExpired
	default:
		return OriginDrift
	}
}

// expired is whether every rule that decides a state rested on an attestation that
// has expired.
func expired(s *control.State) bool {
	return len(s.Rules) > 0 && !slices.ContainsFunc(s.Rules, func(r control.RuleState) bool { return r.Reason != control.ReasonAttestationExpired })
}

func (d *Draft) firstOrigin(k *Known, u Unit) Origin {
	p, _ := k.Policy(u.Policy)
	if p == nil || p.Controls[u.Control] == nil || p.Controls[u.Control].OperatingFrom.After(d.At) {
		return OriginBaseline
	}
	m, _ := k.MemberOf(u)
	switch {
	case m == nil:
		return OriginUnknown
	case p.Controls[u.Control].Withdrawn && k.wasThere(m, At(d.At)):
		// The subject is what it was; the control came back.
		return OriginDefinitionChanged
	case m.Entered == KindSubjectAdded:
		return OriginNewSubject
	default:
		return OriginEnteredScope
	}
}

// wasThere is whether a member is older than what was observed at a time. An object
// comes with its control: what counts is its scope, unless it is new itself.
func (k *Known) wasThere(m *Member, at Time) bool {
	if m.Control != "" {
		scope := k.scopeMember(m.Policy, ScopeOf(m.Subject))
		return m.Entered == KindScopeEntered && scope != nil && scope.Since.Before(at.Time)
	}
	return m.Since.Before(at.Time)
}

func (d *Draft) ending(last *Record, crossed, redefined bool) Ending {
	switch {
	case d.RepairedByUs:
		return EndingRepaired
	case d.To.Outcome == control.NotApplicable && !redefined:
		return EndingSubjectDeleted
	case crossed || last.State.Outcome == control.NotEvaluated:
		return EndingUnknownInGap
	case redefined:
		return EndingDefinitionChanged
	default:
		return EndingCorrected
	}
}

// mark remembers by what a state entry that was just applied was observed.
func (k *Known) mark(e *Entry, d *Draft) {
	if e.Kind != KindOutcomeChanged {
		return
	}
	if rec, ok := k.Unit(Unit{e.Policy.Name, e.Control, *e.Subject}); ok {
		rec.marks = marks{definition: e.Policy.Definition, epoch: d.Epoch}
	}
}
