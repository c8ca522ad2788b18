package encryptionatrest

import (
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Reasons of findings on the admission guard.
const (
	// ReasonGuarded surfaces when the guard is as stated; in rollout Warn and Deny also
	// when it was seen to do what it is to do.
	ReasonGuarded = "Guarded"
	// ReasonGuardAbsent surfaces when an object of the guard is not there.
	ReasonGuardAbsent = "GuardAbsent"
	// ReasonGuardAltered surfaces when an object of the guard is not as wanted.
	ReasonGuardAltered = "GuardAltered"
	// ReasonGuardLeft surfaces when an object of the guard is left that refuses what the
	// control allows, or of a guard that it does not state any more.
	ReasonGuardLeft = "GuardLeft"
	// ReasonGuardFaulty surfaces when the API server's type check complains about the guard.
	ReasonGuardFaulty = "GuardFaulty"
	// ReasonLetThrough surfaces when the guard let something through in a dry run that
	// it is to refuse, or to warn of.
	ReasonLetThrough = "LetThrough"
)

// judgeGuard returns the finding of rule ER-04, where the control states a guard, or
// one is left that it does not state any more.
func judgeGuard(in control.Input) []control.Finding {
	v := in.Control.EncryptionAtRest.Volumes
	if v == nil || v.Guard == nil {
		return judgeLeft(in)
	}
	if unseen := unobserved(in.Snapshot, control.NeedGuards, control.NeedStorageClasses); unseen != nil {
		unseen.Rule = RuleGuard
		return []control.Finding{*unseen}
	}
	if in.Scope == nil {
		return []control.Finding{undecided(RuleGuard, control.ReasonFailed, "Not judged: the scope of the policy is not known.")}
	}
	g := guardsOf(in)
	f := g.judge()
	f.Until = control.Earlier(f.Until, g.until)
	fact(&f, "rollout", string(g.rollout()))
	fact(&f, "table", builtin().String())
	return []control.Finding{f}
}

// judgeLeft returns the finding on a guard of Holdfast's that is to go, where there is one.
func judgeLeft(in control.Input) []control.Finding {
	var names []string
	for _, g := range guardsLeft(in) {
		names = append(names, g.Kind+" "+g.Name)
	}
	if len(names) == 0 {
		return nil
	}
	return []control.Finding{deviating(RuleGuard, ReasonGuardLeft, "The control states no admission guard any more, and {names} is left.", "objects", names...)}
}

// guardsLeft are the objects of guards that are Holdfast's, bindings first, where the
// policy's guard is not stated any more and this control answers for it. The list of
// classes is not among them: without a binding nothing reads it.
func guardsLeft(in control.Input) []control.GuardObject {
	if in.Control.Mode != v1alpha1.ModeEnforce || in.GuardElsewhere || unobserved(in.Snapshot, control.NeedGuards) != nil {
		return nil
	}
	var left []control.GuardObject
	for _, kind := range []string{bindingKind, policyKind} {
		for _, g := range in.Snapshot.Guards {
			if g.Kind == kind && g.Ours && slices.Contains(guardNames(in.Policy), g.Name) {
				left = append(left, g)
			}
		}
	}
	return left
}

func (g *guards) judge() control.Finding {
	objects := g.objects()
	for _, defect := range []struct {
		reason, message string
		has             func(guardObject, *control.GuardObject) bool
	}{
		{ReasonGuardAbsent, "The admission guard lacks {names}.", func(want guardObject, got *control.GuardObject) bool { return !want.remove && got == nil }},
		{ReasonGuardAltered, "The admission guard is not as the control states: {names}.", func(want guardObject, got *control.GuardObject) bool {
			return !want.remove && !sameSpec(want.spec, got.Spec)
		}},
		{ReasonGuardLeft, "The control allows static volumes, which {names} still refuses.", func(want guardObject, got *control.GuardObject) bool {
			return want.remove && got != nil && got.Ours
		}},
		{ReasonGuardFaulty, "The API server's type check complains about {names}.", func(_ guardObject, got *control.GuardObject) bool {
			return got != nil && len(got.Warnings) > 0
		}},
	} {
		var found []string
		for _, want := range objects {
			if defect.has(want, g.placed(want)) {
				found = append(found, want.kind+" "+want.name)
			}
		}
		if len(found) > 0 {
			return deviating(RuleGuard, defect.reason, defect.message, "objects", found...)
		}
	}
	return g.judgeBehaviour()
}

// judgeBehaviour judges what became of objects that the guard is to refuse. In
// rollout Audit nothing can be seen of it but in the audit log.
func (g *guards) judgeBehaviour() control.Finding {
	if !probed(g.volume.Guard) {
		return conforming(RuleGuard, ReasonGuarded, "The admission guard is as the control states, and only notes what it would refuse.")
	}
	f := conforming(RuleGuard, ReasonGuarded, "The admission guard is as the control states, and did what it is to do in a dry run.")
	f.Basis = control.BasisBehaviour
	var through, by []string
	for _, t := range g.targets() {
		o := observationOf(g.in.Snapshot, &t)
		if doubt := g.doubt(o, t.Guard); doubt != nil {
			return *doubt
		}
		f.Until = control.Earlier(f.Until, o.ValidUntil)
		if !g.stopped(o.Refused) {
			through = append(through, policyKind+" "+t.Guard.Policy)
		}
		by = append(by, slices.Concat(o.Refused.Denied, o.Refused.Warned)...)
	}
	if len(through) > 0 {
		bad := deviating(RuleGuard, ReasonLetThrough, "In a dry run the admission guard let through what it is there for: {names}.", "policies", through...)
		bad.Basis, bad.Until = f.Basis, f.Until
		return bad
	}
	fact(&f, "stopped by", by...)
	return f
}

// doubt is the verdict where nothing was seen that decides.
func (g *guards) doubt(o *control.Observation, t *control.GuardTarget) *control.Finding {
	var f control.Finding
	switch {
	case o == nil:
		f = undecided(RuleGuard, unprobed(g.in.Snapshot), "Not decided: "+t.Policy+" was not tried yet.")
	case !g.in.Now.Before(o.ValidUntil):
		f = undecided(RuleGuard, control.ReasonInconclusive, "Not decided: what the dry run of "+t.Policy+" showed is out of date.")
	case o.Reason != "" || o.Refused == nil:
		reason, message := unseen(o)
		f = undecided(RuleGuard, reason, "Not decided for "+t.Policy+": "+message+".")
	case !g.stopped(o.Refused) && (o.Refused.Otherwise != "" || len(o.Refused.Denied) > 0):
		f = undecided(RuleGuard, control.ReasonInconclusive, "Not decided for "+t.Policy+": something else refused the dry run first.")
	default:
		return nil
	}
	f.Basis = control.BasisBehaviour
	return &f
}

// stopped reports whether a guard refused, or warned. An API server names only the
// first policy that refuses: that of another ControlPolicy's guard will do.
func (g *guards) stopped(r *control.Refused) bool {
	ours := func(name string) bool { return strings.HasPrefix(name, control.GuardPrefix) }
	return slices.ContainsFunc(r.Denied, ours) || g.rollout() == v1alpha1.GuardWarn && slices.ContainsFunc(r.Warned, ours)
}

// placed returns the object of the cluster that is, or should be, the one wanted.
func (g *guards) placed(want guardObject) *control.GuardObject {
	for i := range g.in.Snapshot.Guards {
		if got := &g.in.Snapshot.Guards[i]; got.Kind == want.kind && got.Name == want.name {
			return got
		}
	}
	return nil
}

// inPlace reports whether everything is as wanted.
func (g *guards) inPlace() bool {
	return !slices.ContainsFunc(g.objects(), func(want guardObject) bool {
		got := g.placed(want)
		return !want.remove && (got == nil || !sameSpec(want.spec, got.Spec))
	})
}

// sameSpec reports whether two specs say the same. Empty and absent are one, for an
// API server drops empty lists.
func sameSpec(a, b any) bool {
	if control.SaysNothing(a) || control.SaysNothing(b) {
		return control.SaysNothing(a) && control.SaysNothing(b)
	}
	switch a := a.(type) {
	case map[string]any:
		b, isMap := b.(map[string]any)
		return isMap && sameMaps(a, b)
	case []any:
		b, isList := b.([]any)
		return isList && slices.EqualFunc(a, b, sameSpec)
	default:
		return reflect.DeepEqual(a, b)
	}
}

func sameMaps(a, b map[string]any) bool {
	for key := range a {
		if !sameSpec(a[key], b[key]) {
			return false
		}
	}
	for key := range b {
		if _, in := a[key]; !in && !control.SaysNothing(b[key]) {
			return false
		}
	}
	return true
}
