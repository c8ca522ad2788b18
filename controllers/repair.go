package controllers

import (
	"context"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/enforce"
	"github.com/holdfast-dev/holdfast/internal/killpoint"
)

// journalWait is how long a repair waits for its episode to be durable.
const journalWait = 250 * time.Millisecond

// conflictRetry is when a scope is looked at again whose repair was refused
// because the cluster had moved on, and that no event came for.
const conflictRetry = time.Second

// renewalRetry is when a scope is looked at again while policies are put in force
// again.
const renewalRetry = 50 * time.Millisecond

// repair does what the merged plan wants done. What some of the policies want, the
// others may withhold: nothing is done while one of them is missing.
func (r *ScopeReconciler) repair(ctx context.Context, p *pass) error {
	if !p.exists {
		return nil
	}
	if r.registry.renewing() {
		p.again(renewalRetry)
		return nil
	}
	found := issueSet{}
	rolledBack, err := r.watchFirst(ctx, p, found)
	if err == nil && !rolledBack {
		plan := enforce.Merge(r.wishes(p, found))
		found.conflicts(p.name, plan.Conflicts)
		err = r.carryOut(ctx, p, r.gate(p, plan, found).Changes, found)
	}
	if err != nil {
		return err
	}
	r.settleIssues(p, found)
	r.passed(p)
	return nil
}

// wishes are what the enforcing controls want.
func (r *ScopeReconciler) wishes(p *pass, found issueSet) []enforce.Wish {
	var wishes []enforce.Wish
	for units := range p.byControl() {
		u := &units[0]
		var others []*assess.Unit
		for i := range units[1:] {
			others = append(others, &units[1+i].Unit)
		}
		wish, enforces, err := u.Wish(p.snapshot, p.now, others...)
		if !enforces {
			continue
		}
		if until := u.def.PausedUntil(p.now); !until.IsZero() {
			p.again(until.Sub(p.now))
		}
		found.refused(u, p.name, err)
		wishes = append(wishes, wish)
	}
	return wishes
}

// carryOut makes the changes, in their order, and judges the scope anew.
func (r *ScopeReconciler) carryOut(ctx context.Context, p *pass, changes []enforce.Change, found issueSet) error {
	if len(changes) > 0 {
		killpoint.Hit(killpoint.RepairDue)
	}
	undone := r.rehearse(ctx, p, changes, found)
	for i, change := range changes {
		object := enforce.ObjectOf(change.Change)
		if undone[object] {
			continue
		}
		if first, waits := awaited(change, undone); waits {
			undone[object] = true
			found.waits(change, first)
			continue
		}
		made, err := r.apply(ctx, p, change, i == len(changes)-1, found)
		if err != nil {
			return err
		}
		undone[object] = !made
	}
	if p.changed && !r.registry.do(p.snapshot.Namespace, p.pinned, func() { r.recordChanged(p) }) {
		return errSuperseded
	}
	return nil
}

// awaited returns the first of the changes that a change must come after, and
// that did not take effect.
func awaited(change enforce.Change, undone map[enforce.Object]bool) (enforce.Object, bool) {
	for _, object := range change.After {
		if undone[object] {
			return object, true
		}
	}
	return enforce.Object{}, false
}

// apply makes one change, unless it is fought. What came of it is recorded: after
// the last change together with the state that all of them made. It reports
// whether the change took effect.
func (r *ScopeReconciler) apply(ctx context.Context, p *pass, change enforce.Change, last bool, found issueSet) (bool, error) {
	object := enforce.ObjectOf(change.Change)
	before := enforce.Find(p.snapshot, change.Change)
	// What does harm is taken back at once, however often.
	if standing := r.Contention.Standing(object, r.Now()); !standing.Until.IsZero() && change.Rollback == "" {
		r.contested(p, change, before, standing, found)
		return false, nil
	}
	made := false
	if !r.registry.do(p.snapshot.Namespace, p.pinned, func() { made = r.attempt(ctx, p, change, before, last, found) }) {
		return false, errSuperseded
	}
	if made {
		r.Contention.Repaired(object, r.Now())
		found.rolledBack(change)
	}
	return made, nil
}

// attempt sends one change, and records what came of it.
func (r *ScopeReconciler) attempt(ctx context.Context, p *pass, change enforce.Change, before *enforce.Existing, last bool, found issueSet) bool {
	done, err := r.send(ctx, change, before)
	if err != nil {
		r.failed(ctx, p, change, before, err, found)
		return false
	}
	r.made(p, change, before, done)
	if last {
		r.recordChanged(p)
	} else {
		r.recordActs(p)
		killpoint.Hit(killpoint.ActRecorded)
	}
	return true
}

// again asks for another pass after d at the latest.
func (p *pass) again(d time.Duration) {
	d = max(d, time.Millisecond)
	if p.requeue == 0 || d < p.requeue {
		p.requeue = d
	}
}
