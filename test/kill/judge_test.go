package kill

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

// judge compares the ledger with what was done, by the audit log of the API
// server, and by the deaths.
func (r *run) judge() {
	r.t.Helper()
	evidence := r.op.Evidence(r.t)
	for what, judgement := range map[string]func(harness.Evidence) error{
		"repairs": r.judgeMade, "what was left": r.judgeLeft, "gaps": r.judgeGaps, "statements": judgeStatements,
	} {
		if err := judgement(evidence); err != nil {
			r.t.Errorf("%s: %v", what, err)
		}
	}
	if r.Settled != nil {
		if err := r.Settled(r, evidence); err != nil {
			r.t.Error(err)
		}
	}
	if report := r.op.Verify(r.t); report.Status != ledger.VerifyValid || len(report.Problems) > 0 {
		r.t.Errorf("the ledger is %s: %v, %v", report.Status, report.Problems, report.Missing)
	}
	if r.t.Failed() {
		r.t.Logf("the episodes:\n%s\nthe entries:\n%s", evidence.Episodes(), evidence)
	}
}

// judgeMade judges what was written.
func (r *run) judgeMade(evidence harness.Evidence) error {
	if r.Writes != nil {
		return r.judgeWrites(evidence)
	}
	return r.judgeRepairs(evidence)
}

// judgeRepairs: each drift was repaired once, and is one episode. A repair that
// nobody lived to record ended its episode in the gap, or, undone before anybody
// looked, did not end it. One that was recorded, and not the state that it made,
// ended its episode in the gap too: that it took effect is known only since.
func (r *run) judgeRepairs(evidence harness.Evidence) error {
	asked := r.cluster.Since(r.t, r.mark).Writes().On("networkpolicies").In(r.namespace(), r.second())
	writes := asked.Succeeded()
	applied := writes.By(r.op.User)
	drifts, subjects := len(writes)-len(applied), len(r.protected())+len(r.leftAlone)
	made := subjects + drifts - r.Cut + r.repairedByOther()
	// A repair that was being answered as the process died is not logged as a
	// success, nor is one that a busy machine took too long for.
	if unsure := len(r.Deaths) + len(asked.By(r.op.User).Unanswered()); len(applied) > made || len(applied) < made-unsure {
		return fmt.Errorf("%d repairs must have been made, these were:\n%s", made, applied)
	}
	episodes, repairs := evidence.Episodes(), evidence.Kind(ledger.KindRepaired)
	if err := distinct(repairs); err != nil {
		return err
	}
	if r.Lost {
		return episodes.Ended(ledger.EndingRepaired).Want(len(repairs))
	}
	unlogged := made - len(repairs)
	unknown := unlogged
	if r.again {
		unknown = 0
	}
	unjudged := len(episodes.Where(func(e *harness.Episode) bool { return parted(evidence, e) }))
	switch once := episodes.Where(func(e *harness.Episode) bool { return len(e.Repairs) == 1 }).Ended(ledger.EndingRepaired); {
	case unlogged < 0 || unlogged+unjudged > 1:
		return fmt.Errorf("%d repairs are recorded, %d of them without the state they made; these were made:\n%s", len(repairs), unjudged, applied)
	case len(once) != len(repairs)-unjudged:
		return fmt.Errorf("%d episodes ended by one repair, want %d", len(once), len(repairs)-unjudged)
	case len(episodes.Ended(ledger.EndingUnknownInGap)) != unknown+unjudged:
		return fmt.Errorf("%d episodes ended in a gap, want %d", len(episodes.Ended(ledger.EndingUnknownInGap)), unknown+unjudged)
	default:
		return episodes.Want(len(repairs) + unknown + r.Cut)
	}
}

// parted is whether the process died between the repair that ended an episode and
// the state that it made. Both are one write to the journal, unless a segment of
// the ledger begins between them.
func parted(evidence harness.Evidence, e *harness.Episode) bool {
	if len(e.Repairs) != 1 || e.Ending != ledger.EndingUnknownInGap || e.Closed.Run == e.Repairs[0].Run {
		return false
	}
	next := evidence[e.Repairs[0].Seq+1]
	return next.Kind == ledger.KindLedgerOpened && next.Ledger.Reason == ledger.OpenRolled
}

// repairedByOther is 1 if a drift was repaired in the name of another control
// than the one whose episode it ended.
func (r *run) repairedByOther() int {
	if r.Cut > 0 && len(r.leftAlone) == 0 {
		return 1
	}
	return 0
}

// distinct returns nil if each entry speaks of a repair of its own.
func distinct(repairs harness.Evidence) error {
	versions := map[string]bool{}
	for _, e := range repairs {
		version := e.Object.After.UID + "/" + e.Object.After.ResourceVersion
		if versions[version] {
			return fmt.Errorf("entry %d records a repair again", e.Seq)
		}
		versions[version] = true
	}
	return nil
}

// judgeLeft: each process that died had come as far as its point says.
func (r *run) judgeLeft(evidence harness.Evidence) error {
	for _, p := range r.processes {
		if p.left == leftAny {
			continue
		}
		started, err := p.run(evidence)
		if err != nil {
			return err
		}
		drifts := evidence.Episodes().From(ledger.OriginDrift).Where(func(e *harness.Episode) bool { return e.Opened.Run == started.Seq })
		if got := leftOf(drifts, started.Seq, p.whole); got != p.left {
			return fmt.Errorf("the process left: %s, want %s:\n%s", got, p.left, drifts)
		}
	}
	return nil
}

// run is the entry with which the process stated that it started.
func (p *process) run(evidence harness.Evidence) (*ledger.Entry, error) {
	for _, e := range evidence.Kind(ledger.KindOperatorStarted) {
		if at := e.Operator.StartedAt; !at.Before(p.launched) && at.Before(p.died) {
			return e, nil
		}
	}
	return nil, errors.New("the process did not state that it started")
}

func leftOf(drifts harness.Episodes, run uint64, whole bool) Left {
	if len(drifts) == 0 {
		return leftNothing
	}
	switch e := drifts[len(drifts)-1]; {
	case e.Closed != nil && e.Closed.Run == run:
		return leftRepaired
	case whole:
		return leftUnlogged
	default:
		return leftOpen
	}
}

// judgeGaps: the time around each death lies in one gap, which begins with the
// last proof of observation.
func (r *run) judgeGaps(evidence harness.Evidence) error {
	gaps := evidence.Gaps(ledger.CauseNotRunning)
	covering := map[uint64]bool{}
	for i, p := range r.processes[:len(r.processes)-1] {
		over := gaps.Where(func(e *ledger.Entry) bool { return !e.Gap.From.After(p.died) && !e.Gap.To.Before(p.died) })
		for _, e := range over {
			covering[e.Seq] = true
		}
		switch {
		case len(over) == 1:
		case len(over) == 0 && !r.observedBefore(i):
		default:
			return fmt.Errorf("%d gaps over the death at %s, want 1:\n%s", len(over), p.died.UTC(), gaps)
		}
	}
	if len(covering) != len(gaps) {
		return fmt.Errorf("%d gaps, of which %d lie around a death:\n%s", len(gaps), len(covering), gaps)
	}
	for _, e := range gaps {
		if proof := r.proof(evidence, e); !r.Lost && !proof.IsZero() && !e.Gap.From.Equal(proof) {
			return fmt.Errorf("gap %d begins at %s, the last proof of observation was at %s", e.Seq, e.Gap.From, proof.UTC())
		}
	}
	return nil
}

// observedBefore is whether a process up to the i-th came to observe.
func (r *run) observedBefore(i int) bool {
	for n := range i + 1 {
		if r.Deaths[n].Act != nil {
			return true
		}
	}
	return false
}

// proof is the last proof of observation before the process that recorded a gap.
// That a process started proves nothing.
func (r *run) proof(evidence harness.Evidence, gap *ledger.Entry) time.Time {
	var proof time.Time
	for _, e := range evidence[:gap.Run] {
		switch e.Kind {
		case ledger.KindLedgerOpened, ledger.KindOperatorStarted, ledger.KindRecoveredTail, ledger.KindSelfTested:
		default:
			proof = later(proof, e.ObservedAt.Time)
		}
	}
	started := evidence[gap.Run].Operator.StartedAt.Time
	for _, p := range r.processes {
		if p.launched.Before(started) && p.died.Before(started) {
			proof = later(proof, p.alive)
		}
	}
	return proof
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// judgeStatements: nothing is stated twice.
func judgeStatements(evidence harness.Evidence) error {
	stated := map[string]uint64{}
	for _, e := range evidence {
		keys := []string{e.ID}
		switch e.Kind {
		case ledger.KindPolicyChanged:
			keys = append(keys, fmt.Sprintf("policy %s at %d %s", e.Policy.UID, e.Policy.Generation, e.Change.Type))
		case ledger.KindControlIntroduced:
			keys = append(keys, fmt.Sprintf("%s %s %s as %s", e.Kind, e.Policy.UID, e.Control, e.Policy.Definition))
		case ledger.KindControlWithdrawn:
			keys = append(keys, fmt.Sprintf("%s %s %s", e.Kind, e.Policy.UID, e.Control))
		case ledger.KindScopeEntered, ledger.KindSubjectAdded, ledger.KindScopeLeft:
			keys = append(keys, fmt.Sprintf("%s %s %s", e.Kind, e.Policy.UID, e.Subject.UID))
		case ledger.KindOutcomeChanged:
			if e.From != nil && e.From.Equal(*e.To) {
				return fmt.Errorf("entry %d states what was known", e.Seq)
			}
		}
		for _, key := range keys {
			if first, twice := stated[key]; twice {
				return fmt.Errorf("entry %d states again what entry %d did: %s", e.Seq, first, key)
			}
			stated[key] = e.Seq
		}
	}
	return nil
}

// introduced: the second policy came into force once, and so did its scope.
func introduced(r *run, evidence harness.Evidence) error {
	of := evidence.Of(r.second())
	return errors.Join(
		of.Kind(ledger.KindPolicyChanged).Want(1), of.Kind(ledger.KindControlIntroduced).Want(1),
		of.Kind(ledger.KindScopeEntered).Want(1), of.Episodes().From(ledger.OriginBaseline).Want(1),
	)
}

// replaced: the one control was withdrawn, and the other introduced.
func replaced(_ *run, evidence harness.Evidence) error {
	introductions := evidence.Kind(ledger.KindControlIntroduced)
	return errors.Join(
		evidence.Kind(ledger.KindPolicyChanged).Want(2),
		introductions.Where(func(e *ledger.Entry) bool { return e.Control == otherID }).Want(1),
		introductions.Want(2), evidence.Kind(ledger.KindControlWithdrawn).Want(1),
	)
}

// withdrawn: the policy went, with its control.
func withdrawn(_ *run, evidence harness.Evidence) error {
	deletions := evidence.Kind(ledger.KindPolicyChanged).Where(func(e *ledger.Entry) bool { return e.Change.Type == ledger.ChangeDeleted })
	return errors.Join(deletions.Want(1), evidence.Kind(ledger.KindControlWithdrawn).Want(1))
}

// entered: the namespace that was there came into scope.
func entered(r *run, evidence harness.Evidence) error {
	on := evidence.On(r.second())
	return errors.Join(on.Kind(ledger.KindScopeEntered).Want(1), on.Episodes().From(ledger.OriginEnteredScope).Want(1))
}

// created: the namespace came into being.
func created(r *run, evidence harness.Evidence) error {
	on := evidence.On(r.second())
	return errors.Join(on.Kind(ledger.KindSubjectAdded).Want(1), on.Episodes().From(ledger.OriginNewSubject).Want(1))
}

// departed: the namespace left the scope, and is judged no more.
func departed(r *run, evidence harness.Evidence) error {
	on := evidence.On(r.namespace())
	if err := on.Kind(ledger.KindScopeLeft).Want(1); err != nil {
		return err
	}
	if last := on[len(on)-1]; last.Kind == ledger.KindOutcomeChanged && last.To.Outcome == control.Deviating {
		return fmt.Errorf("entry %d judges it", last.Seq)
	}
	return nil
}

// succeeded: the ledger names the one that was lost, and everything is stated anew.
func succeeded(r *run, evidence harness.Evidence) error {
	opened := evidence.Kind(ledger.KindLedgerOpened)
	if err := opened.Want(1); err != nil {
		return err
	}
	if body := opened[0].Ledger; body.Reason != ledger.OpenVolumeLost || body.Predecessor == nil || body.Predecessor.LedgerID != r.lostID {
		return fmt.Errorf("the ledger begins with %+v, want it to follow %s", body, r.lostID)
	}
	return errors.Join(evidence.Kind(ledger.KindPolicyChanged).Want(1), evidence.Kind(ledger.KindControlIntroduced).Want(1),
		evidence.Episodes().Want(1))
}
