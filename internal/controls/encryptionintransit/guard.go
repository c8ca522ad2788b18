package encryptionintransit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// guardPrefix begins the names of the objects of this guard; the policy's follows.
const guardPrefix = control.GuardPrefix + "ingress-tls-"

// guardStated returns the guard as it is to be applied, nil where none is.
func (r *reading) guardStated() *v1alpha1.IngressGuard {
	if r.spec.Ingress == nil || !r.enforcing() {
		return nil
	}
	return r.spec.Ingress.Guard
}

// guardName is the name of the guard's ValidatingAdmissionPolicy, and of its binding.
func (r *reading) guardName() string { return guardPrefix + r.in.Policy }

// judgeGuard returns the finding of rule TR-11. In rollout Audit the guard refuses
// nothing that a client sees: then it is judged as it is declared.
func judgeGuard(r *reading) []control.Finding {
	v := newVerdict(r.scope(), RuleGuard, control.BasisConfiguration)
	stated := r.guardStated()
	if stated == nil {
		return r.unguarded(v)
	}
	if reason, need := r.in.Snapshot.Unobserved(control.NeedGuards); reason != "" {
		return []control.Finding{v.blind(reason, need)}
	}
	wanted := r.guardObjects(stated)
	if len(wanted) == 0 {
		v.doubt("the policy's scope is not known, over which the guard is to hold")
	}
	for _, want := range wanted {
		r.judgeGuardObject(v, want)
	}
	targets := r.guardTargets()
	if len(v.against) > 0 || len(targets) == 0 {
		return []control.Finding{v.finding(ReasonGuarded, "The guard is in place, and notes what it would refuse.")}
	}
	v.basis = control.BasisBehaviour
	o := r.guards[r.guardName()]
	if why := r.unseen(o, "the guard"); why != nil {
		v.undecided = append(v.undecided, *why)
	} else {
		v.turns(r.in.Now, o.ValidUntil)
		r.judgeRefusal(v, o.Refused, stated.Rollout)
	}
	if stated.Rollout == v1alpha1.GuardWarn {
		return []control.Finding{v.finding(ReasonGuarded, "The guard warned of an Ingress without TLS in a dry run.")}
	}
	return []control.Finding{v.finding(ReasonGuarded, "The guard refused an Ingress without TLS in a dry run.")}
}

// answersForGuard reports whether what is left of a guard that is not stated is for
// this control to remove.
func (r *reading) answersForGuard() bool { return r.enforcing() && !r.in.GuardElsewhere }

// unguarded returns the finding where no guard is to be applied: one of Holdfast's
// that is left is to go.
func (r *reading) unguarded(v *verdict) []control.Finding {
	if r.spec.Ingress != nil && r.spec.Ingress.Guard != nil {
		return []control.Finding{v.notApplicable(ReasonObserveOnly, "The guard is applied in Enforce mode only.")}
	}
	if !r.answersForGuard() {
		return nil
	}
	for _, g := range r.guardsLeft() {
		v.accuse(ReasonRevoked, "%s %s is not stated any more", g.Kind, g.Name)
	}
	if len(v.against) == 0 {
		return nil
	}
	return []control.Finding{v.finding("", "")}
}

// guardsLeft returns the objects of this guard that are Holdfast's.
func (r *reading) guardsLeft() []control.GuardObject {
	var left []control.GuardObject
	for _, g := range r.in.Snapshot.Guards {
		if g.Name == r.guardName() && g.Ours {
			left = append(left, g)
		}
	}
	return left
}

func (r *reading) judgeGuardObject(v *verdict, want control.Change) {
	g := r.guardObject(want.Kind, want.Name)
	switch {
	case g == nil:
		v.accuse(ReasonAbsent, "%s %s does not exist", want.Kind, want.Name)
	case !sameSpec(g.Spec, want.Spec):
		v.accuse(ReasonAltered, "%s %s is not as it was applied", want.Kind, want.Name)
	case len(g.Warnings) > 0:
		v.doubt("the API server does not understand all of %s %s: %s", want.Kind, want.Name, sentence(g.Warnings[0]))
	}
}

func (r *reading) guardObject(kind, name string) *control.GuardObject {
	for i := range r.in.Snapshot.Guards {
		if g := &r.in.Snapshot.Guards[i]; g.Kind == kind && g.Name == name {
			return g
		}
	}
	return nil
}

// sameSpec compares specs as JSON writes them.
func sameSpec(a, b map[string]any) bool {
	one, errOne := json.Marshal(a)
	two, errTwo := json.Marshal(b)
	return errOne == nil && errTwo == nil && bytes.Equal(one, two)
}

func (r *reading) judgeRefusal(v *verdict, seen *control.Refused, rollout v1alpha1.GuardRollout) {
	denying := cmp.Or(rollout, v1alpha1.GuardAudit) == v1alpha1.GuardDeny
	switch {
	case seen == nil:
		v.doubt("what became of an Ingress without TLS was not seen")
	case denying && slices.Contains(seen.Denied, r.guardName()), !denying && slices.Contains(seen.Warned, r.guardName()):
		v.see("%s answered a dry run", r.guardName())
	case len(seen.Denied) > 0 || seen.Otherwise != "":
		v.doubt("something else refused an Ingress without TLS before the guard could")
	case denying:
		v.accuse(ReasonLetThrough, "an Ingress without TLS was let through in a dry run")
	default:
		v.accuse(ReasonLetThrough, "an Ingress without TLS was let through without a warning in a dry run")
	}
}
