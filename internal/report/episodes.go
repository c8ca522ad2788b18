package report

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// endingLedgerBreak: the ledger ended while the episode was open; what the next
// one finds is another episode.
const (
	endingLedgerBreak ledger.Ending = "LedgerBreak"
	endingOpen        ledger.Ending = "Open"
)

// actorUnknown stands for an actor that was not observed.
const actorUnknown = "unknown"

// episode is what the entries say of an episode.
type episode struct {
	id      string
	unit    *unit
	def     *definition
	origin  ledger.Origin
	ending  ledger.Ending
	ledger  int
	first   uint64
	last    uint64
	rules   []control.RuleState
	message string
	actor   string
	action  string

	opened   mark
	before   proof // of the state before it began
	closed   mark
	during   proof // of the state before it ended
	repaired mark  // the newest repair that was read back
	exact    bool  // the repair is what ended it

	repairs, failures int
	contested         bool
	// removal is set where it is no episode: what goes with its subject.
	removal bool
}

func (f *fold) openEpisode(u *unit, l *line, def *definition, to *control.State, before proof) {
	e := &episode{
		id: l.text("episode"), unit: u, def: def, origin: ledger.Origin(f.in.part(l, "origin")), ending: endingOpen,
		ledger: f.ledger, first: l.seq, rules: to.Rules, message: f.in.part(l, "message"),
		actor: actorUnknown, opened: f.mark(l),
	}
	e.before = f.beginning(u, l, def, before)
	if e.origin == ledger.OriginBaseline && u.control.introduced != never && u.control.ledger < f.ledger {
		e.origin = ledger.OriginAfterGap // a new ledger gives no second baseline
	}
	u.open = e
}

// beginning is what bounds the beginning of an episode that l opens: the state
// before, or where there is none, how the subject came under the control.
func (f *fold) beginning(u *unit, l *line, def *definition, before proof) proof {
	origin := ledger.Origin(f.in.part(l, "origin"))
	switch {
	case before.floor != never:
		if origin == ledger.OriginDefinitionChanged && def.from <= l.at {
			before.least = def.from
		}
		return before
	case origin == ledger.OriginBaseline:
		return nothing
	}
	began := nothing
	began.floor = u.control.since(u.subject)
	if st := u.control.member(u.subject).open(); st != nil && st.added && st.created != never {
		began.floor = f.byOurClock(st.created) // it deviates since it is there
	}
	return began
}

// since is when the subject came under the control: the own subject of a scope,
// with its scope.
func (c *statedControl) since(s *control.Subject) int64 {
	since := int64(never)
	if n := len(c.stated); n > 0 {
		since = c.stated[n-1].from
	}
	m := c.policy.own(s)
	if m == nil {
		m = c.member(s)
	}
	if st := m.open(); st != nil {
		since = max(since, st.from)
	}
	return since
}

// byOurClock converts a time of the API server's clock.
func (f *fold) byOurClock(at int64) int64 {
	if offset, ok := f.offsets[f.run]; ok {
		return at - offset/microsecond
	}
	return at
}

// acted notes what was done to an object during the episode.
func (e *episode) acted(f *fold, l *line, o *ledger.ObjectBody) {
	switch l.kind {
	case ledger.KindRepaired:
		e.repairs++
		e.repaired = f.mark(l)
	case ledger.KindRepairFailed:
		e.failures++
	case ledger.KindContested:
		e.contested = true
	default:
		return
	}
	if e.action != "" || (e.origin != ledger.OriginDrift && e.origin != ledger.OriginAfterGap) {
		return
	}
	verb := "deleted"
	if o.Before != nil {
		verb = "changed"
		if o.Manager != "" {
			e.actor = o.Manager
		}
	}
	e.action = f.in.text(verb + " " + o.APIVersion + " " + o.Kind)
}

// close ends the unit's open episode.
func (f *fold) close(u *unit, l *line, ending ledger.Ending) {
	e := u.open
	e.during = f.proofOf(u, l)
	e.ending, e.closed, e.last = ending, f.mark(l), l.seq
	if ending == ledger.EndingRepaired && e.repairs > 0 && e.repaired.run == e.closed.run && e.repaired.at <= e.closed.at {
		e.closed, e.exact = e.repaired, true
	}
	if deleted, ok := sourceTime(l, "deletionTimestamp"); ok && ending == ledger.EndingSubjectDeleted && e.opened.at >= f.byOurClock(deleted) {
		e.removal = true
		u.reword(e.opened.at)
	}
	f.settle(u)
}

// settle keeps the episode that ended, if the period has anything of it.
func (f *fold) settle(u *unit) {
	if e := u.open; e.closed.at > f.window.from {
		u.control.episodes = append(u.control.episodes, e)
	}
	u.open = nil
}

// reword makes what was found missing since a deletion a removal.
func (u *unit) reword(since int64) {
	for i := range u.outcomes {
		if o := &u.outcomes[i]; o.at >= since && o.outcome == deviating {
			o.outcome = notApplicable
		}
	}
}
