package controllers

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// objects draft which objects of the scope came under the policies' controls, and
// which are judged no more. inside are the policies that have the scope in theirs.
func (r *ScopeReconciler) objects(p *pass, k *ledger.Known, inside map[string]*ledger.Member) []ledger.Draft {
	known := k.ObjectMembersOf(p.name)
	if len(known) == 0 && !slices.ContainsFunc(p.units, func(u unit) bool { return !u.Control.JudgesNamespaces() }) {
		return nil
	}
	var drafts []ledger.Draft
	found := map[ledger.Unit]bool{}
	for i := range p.units {
		u := &p.units[i]
		if u.Control.JudgesNamespaces() {
			continue
		}
		found[u.key()] = true
		if _, there := known[u.key()]; !there {
			drafts = append(drafts, r.coming(p, k, u, inside[u.def.Name]))
		}
	}
	missing := sortedUnits(known, func(u ledger.Unit) bool { return !found[u] && p.finds(u) })
	for _, u := range missing {
		drafts = append(drafts, r.going(p, u))
	}
	return drafts
}

// finds reports whether the pass finds out if a known object is still judged.
func (p *pass) finds(u ledger.Unit) bool {
	for _, def := range p.pinned {
		if def.Name == u.Policy {
			c, stated := def.Control(u.Control)
			return stated && c.Finds(p.snapshot)
		}
	}
	return false
}

// coming drafts that an object came under a control: as a new subject, or as one that
// was there before.
func (r *ScopeReconciler) coming(p *pass, k *ledger.Known, u *unit, scope *ledger.Member) ledger.Draft {
	born := u.Born
	if u.Subject == p.snapshot.Namespace.Subject() {
		born = p.snapshot.Namespace.CreatedAt
	}
	subject := u.Subject
	e := ledger.Entry{Kind: ledger.KindScopeEntered, Control: u.Control.Spec.ID, Subject: &subject, Policy: u.def.Ref(nil),
		Scope: &ledger.ScopeBody{Cause: r.objectCause(p, u.def.Name, scope)}}
	if !born.IsZero() {
		e.SourceTimes = []ledger.SourceTime{{Field: "metadata.creationTimestamp", Value: ledger.At(born), Resolution: int64(time.Second)}}
		if from, ok := p.objectsNewFrom(k, u.def, scope); ok && !born.Before(from) {
			e.Kind, e.Scope.Cause = ledger.KindSubjectAdded, causeCreated
		}
	}
	return ledger.Draft{At: p.now, Entry: e}
}

// objectsNewFrom is the creation time from which on an object is a new subject: since
// then the scope has not been looked at, by this process or an earlier one. It reports
// false where none is, for the scope with all that is in it was there before.
func (p *pass) objectsNewFrom(k *ledger.Known, def *definition, scope *ledger.Member) (time.Time, bool) {
	policy, known := k.Policy(def.Name)
	if !known {
		return time.Time{}, false
	}
	from := newSince(policy, p.proof)
	switch entering := scope.Policy == ""; {
	case scope.Entered == ledger.KindScopeEntered && entering:
		return time.Time{}, false
	case scope.Entered == ledger.KindScopeEntered:
		from = later(from, scope.Since.Time)
	case entering:
		return p.snapshot.Namespace.CreatedAt, true
	}
	looked := p.memo.looked
	if !p.unchanged.IsZero() {
		looked = p.unchanged
	}
	return later(from, looked).Truncate(time.Second), true
}

// going drafts that an object is judged no more: it is gone, or is another matter now.
func (r *ScopeReconciler) going(p *pass, u ledger.Unit) ledger.Draft {
	subject := u.Subject
	e := ledger.Entry{Kind: ledger.KindSubjectDeleted, Control: u.Control, Subject: &subject, Policy: p.all.byName[u.Policy].Ref(nil)}
	if subject == p.snapshot.Namespace.Subject() || r.holds(subject) {
		e.Kind = ledger.KindScopeLeft
		e.Scope = &ledger.ScopeBody{Cause: r.objectCause(p, u.Policy, nil), Disposition: string(assess.NotSelected)}
	}
	return ledger.Draft{At: p.now, Entry: e}
}

// objectCause says why an object that is not new came under a control, or left it. The
// first evaluation of a generation may take several passes: what it needs is not
// observed at once.
func (r *ScopeReconciler) objectCause(p *pass, policy string, scope *ledger.Member) string {
	if def := p.all.byName[policy]; def.fresh && r.intros.waits(def, p.name) {
		return causePolicyChanged
	}
	cause := r.cause(p, policy)
	if entering := scope != nil && scope.Policy == ""; cause == causeLabelsChanged && !entering {
		return causeObjectChanged
	}
	return cause
}

// knownSubjects are the objects of a scope that the unit's control is known to judge.
func knownSubjects(k *ledger.Known, scope string, u *unit) []control.Subject {
	var subjects []control.Subject
	for _, known := range sortedUnits(k.ObjectMembersOf(scope), func(known ledger.Unit) bool {
		return known.Policy == u.def.Name && known.Control == u.Control.Spec.ID
	}) {
		subjects = append(subjects, known.Subject)
	}
	return subjects
}

// sortedUnits are those of the keys that which holds for, in order, so that what is
// drafted of them is.
func sortedUnits(members map[ledger.Unit]*ledger.Member, which func(ledger.Unit) bool) []ledger.Unit {
	var units []ledger.Unit
	for u := range members {
		if which(u) {
			units = append(units, u)
		}
	}
	slices.SortFunc(units, func(a, b ledger.Unit) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Control, b.Control), cmp.Compare(a.Subject.Kind, b.Subject.Kind),
			cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Subject.UID, b.Subject.UID))
	})
	return units
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
