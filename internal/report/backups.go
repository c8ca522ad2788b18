package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// The rule that says whether a plan exists, and what judges it.
const (
	rulePlan    = "BK-01"
	typeBackup  = "backup"
	typeRestore = "restoreTest"
)

// backedUp is what the entries say of the runs of one backup control.
type backedUp struct {
	occurrences []backupOccurrence
	// recorded are the UIDs of the runs that are among them: a ledger that succeeds
	// another may state one again.
	recorded map[string]bool
	// crons are those that say what is due, in order; the last may be open. waiting
	// are the slots of which nothing is said while something is of later ones.
	crons   []cronInForce
	waiting map[int64]bool
	// plan has the outcomes of BK-01 alone.
	plan *unit
}

// backupOccurrence is an occurrence with the times of its slots, in order.
type backupOccurrence struct {
	BackupOccurrence
	ledger int
	slots  []int64
}

// begun is when an occurrence begins: with its first slot, or as an extra run.
func (o *backupOccurrence) begun() int64 {
	if o.Extra {
		return micros(o.Run.BegunAt.Time)
	}
	return o.slots[0]
}

func (c *statedControl) backups() *backedUp {
	if c.backedUp == nil {
		c.backedUp = &backedUp{recorded: map[string]bool{}, plan: &unit{}}
	}
	return c.backedUp
}

// backupRan folds an occurrence of a backup in. Those that began after the period do
// not concern it, whenever they were stated.
func (f *fold) backupRan(l *line, body *ledger.OccurrenceBody) error {
	c, _, err := f.ofControl(l)
	if err != nil {
		return err
	}
	o := backupOccurrence{ledger: f.ledger, BackupOccurrence: BackupOccurrence{Extra: body.Extra, State: body.State, Reason: l.text("reason"),
		Message: l.text("message"), Run: body.Run, LedgerID: f.ledgerID, Seq: l.seq, Observed: timeOf(l.at)}}
	b := c.backups()
	switch {
	case body.Extra && body.Run == nil, !body.Extra && body.Count < 1:
		return fmt.Errorf("its occurrence has neither a slot nor a run")
	case micros(body.First.Time) >= f.window.to:
		return nil
	case body.Run != nil && b.recorded[body.Run.UID]:
		return nil
	case body.Run != nil:
		b.recorded[body.Run.UID] = true
	}
	if !body.Extra {
		o.slots = b.slotsOf(body)
		b.await(body.Waiting)
	}
	b.occurrences = append(b.occurrences, o)
	return nil
}

// lateOccurrence folds in what became of a slot of the period that was known only
// after it. An instant knows nothing of what came later.
func (f *fold) lateOccurrence(l *line) error {
	body, err := decoded[ledger.OccurrenceBody](l, "occurrence")
	if err != nil || body.Of != ledger.OccurrenceOfBackup || f.query.AsOf != nil {
		return err
	}
	ref, err := f.in.policy(l)
	if err != nil {
		return err
	}
	if p := f.policies[ref.Name]; p == nil || p.controls[l.text("control")] == nil {
		return nil // It came to be after the period.
	}
	return f.backupRan(l, &body)
}

// notePlan notes what a unit's state says of the plan.
func (f *fold) notePlan(u *unit, at int64) {
	if u.control.typ != typeBackup || u.subject.Kind != control.ClusterKind {
		return
	}
	f.setOutcome(u.control.backups().plan, at, planOutcome(u.state))
}

// planOutcome is the outcome of BK-01 in a state: the state's own, where that names
// the rule or has no other.
func planOutcome(s *control.State) outcome {
	switch {
	case s == nil:
		return none
	case len(s.Rules) == 0 || slices.ContainsFunc(s.Rules, func(r control.RuleState) bool { return r.Rule == rulePlan }):
		return outcomeOf(s.Outcome)
	default:
		return conforming
	}
}

// stateBackups fills in what only controls about backups have. An instant has what
// was the newest then, and no counts over time.
func (f *fold) stateBackups(c *statedControl, r *Control, operation, gaps spans) {
	if c.typ == typeRestore {
		r.RestoreTests = f.restoreTestsOf(c)
	}
	if c.typ != typeBackup || c.spec.Backup == nil || c.spec.Backup.Provider == v1alpha1.BackupByVolumeSnapshot {
		return
	}
	b := c.backups()
	slices.SortStableFunc(b.occurrences, func(x, y backupOccurrence) int {
		return cmp.Or(compareInt(x.begun(), y.begun()), cmp.Compare(x.Seq, y.Seq))
	})
	r.Backups = &Backups{Restores: f.restoresOf(c), Occurrences: []BackupOccurrence{}, Plan: b.plan.timeIn(f.clusterIn(c).and(operation), gaps)}
	for i := range b.occurrences {
		f.stateOccurrence(c, r.Backups, &b.occurrences[i], operation)
	}
	f.pending(c, r.Backups, operation)
	r.Backups.RecoveryPoints = f.recoveryPoints(c, operation)
}

// clusterIn are the times in which the cluster was the control's subject.
func (f *fold) clusterIn(c *statedControl) spans {
	var in []span
	for s, m := range c.members {
		if s.Kind == control.ClusterKind {
			in = append(in, m.within(f.period())...)
		}
	}
	return union(in)
}

// stateOccurrence states what of an occurrence lies in the period, while the control
// was in operation, and counts it.
func (f *fold) stateOccurrence(c *statedControl, of *Backups, o *backupOccurrence, operation spans) {
	stated := o.BackupOccurrence
	if o.Extra {
		if !operation.holds(o.begun()) {
			return
		}
		of.Slots.Extra++
	} else {
		slots := slices.DeleteFunc(slices.Clone(o.slots), func(at int64) bool { return !operation.holds(at) })
		if len(slots) == 0 {
			return
		}
		stated.Count, stated.Slot = len(slots), new(timeOf(slots[0]))
		if len(slots) > 1 {
			stated.LastSlot = new(timeOf(slots[len(slots)-1]))
		}
		of.Slots.add(o.State, len(slots))
	}
	stated.Usable, stated.ExistedBy = c.usable(o), f.existedBy(o.ledger, o.Seq)
	of.Occurrences = append(of.Occurrences, stated)
}

func (p *BackupSlots) add(state string, n int) {
	p.Expected += n
	switch state {
	case ledger.OccurrenceCompleted:
		p.Completed += n
	case ledger.OccurrenceLate:
		p.Late += n
	case ledger.OccurrencePartiallyFailed:
		p.PartiallyFailed += n
	case ledger.OccurrenceMissed:
		p.Missed += n
	default:
		p.Failed += n
	}
}

// pending counts the slots that were due, and that no entry speaks of. One that an
// entry about a later one does not say to be waiting is a disagreement.
func (f *fold) pending(c *statedControl, of *Backups, operation spans) {
	b := c.backups()
	said, newest := map[int64]bool{}, int64(never)
	for i := range b.occurrences {
		for _, at := range b.occurrences[i].slots {
			said[at], newest = true, max(newest, at)
		}
	}
	var passed []int64
	for _, in := range operation {
		for _, at := range b.due(in) {
			if said[at] {
				continue
			}
			of.Slots.Expected++
			of.Slots.Pending++
			if at < newest && !b.waiting[at] {
				passed = append(passed, at)
			}
		}
	}
	if len(passed) > 0 {
		f.disagreed = append(f.disagreed, Marker{Kind: MarkerDisagreement, Control: c.name(), Refs: []string{},
			Message: fmt.Sprintf("Nothing says what became of %d slots of backups that were due, the first of them %s, and entries speak of later ones.",
				len(passed), stamp(timeOf(passed[0])))})
	}
}
