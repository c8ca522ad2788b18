package networkisolation

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// intent is what a control wants in a namespace, and what stands against it.
type intent struct {
	in control.Input
	// denials are the directions that the control denies, by rule.
	denials []denial
	// stated are what allow lists, and permissions those of it in the directions
	// that are not refused.
	stated, permissions []permission
	// collisions are the names of wanted objects that others gave to theirs.
	collisions []string
	// revoked are the names of our permissions that the control does not state any
	// more, and that nobody needs. Sorted.
	revoked []string
	// kept are those that the API server's calls need nevertheless.
	kept []kept
}

// denial is what becomes of a direction that the control denies.
type denial struct {
	direction
	// refused is true where the direction is not denied now, for these reasons.
	refused   bool
	obstacles []obstacle
	// rollback says why what isolates the direction is taken back, and is empty
	// where nothing is.
	rollback string
}

// kept is a permission of ours that is kept though the control does not state it.
type kept struct {
	name string
	// why is a clause.
	why string
}

// intend returns what the control wants.
func intend(in control.Input) intent {
	i := intent{in: in, stated: permissions(in)}
	i.collide()
	for _, d := range wantedDirections(in.Control) {
		i.denials = append(i.denials, i.judgeObstacles(d))
	}
	for _, p := range i.stated {
		if !i.refused(p.direction) {
			i.permissions = append(i.permissions, p)
		}
	}
	i.revoke()
	return i
}

func (i *intent) refused(name v1alpha1.Direction) bool {
	return !slices.ContainsFunc(i.denials, func(d denial) bool { return d.name == name && !d.refused })
}

// collide finds the names that others took. What their object does as well, or
// something else does, is not missed.
func (i *intent) collide() {
	others := slices.DeleteFunc(slices.Clone(i.in.Snapshot.NetworkPolicies), isOurs)
	for _, p := range i.stated {
		if i.taken(p.name) && !i.granted(p, others) {
			i.collisions = append(i.collisions, p.name)
		}
	}
	for _, d := range wantedDirections(i.in.Control) {
		if i.taken(d.object) && !i.denied(d) {
			i.collisions = append(i.collisions, d.object)
		}
	}
}

// taken reports whether an object that is not ours bears the name.
func (i *intent) taken(name string) bool {
	p, found := named(i.in.Snapshot, name)
	return found && !p.Ours
}

// denied reports whether a NetworkPolicy denies the direction by default.
func (i *intent) denied(d direction) bool {
	return slices.ContainsFunc(i.in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
		return len(d.defects(p.Spec)) == 0
	})
}

// granted reports whether policies other than our own of its name do what a
// permission is for.
func (i *intent) granted(p permission, policies []control.NetworkPolicy) bool {
	others := slices.DeleteFunc(slices.Clone(policies), func(o control.NetworkPolicy) bool { return o.Ours && o.Name == p.name })
	if p.lifeline != nil {
		return p.lifeline.explicit(others, i.in.Snapshot.Namespace)
	}
	return p.rule == RuleAllowances && saysAll(*p.spec, others)
}

// inForce reports whether denying the direction would take nothing away, because
// another NetworkPolicy denies it, or one of ours isolates every pod already. But
// rules that somebody added to ours may be all that a lifeline has, where our
// permission for it is not known to be right.
func (i *intent) inForce(d direction) bool {
	return (i.denied(d) || i.isolatedBy(d, true)) && !(i.leans(d) && i.lacking(d))
}

// lacking reports whether a permission that the direction requires cannot be
// applied as computed now.
func (i *intent) lacking(d direction) bool {
	if _, stated := allowanceOf(i.in, v1alpha1.AllowDNS); !stated && d.name == v1alpha1.DirectionEgress {
		return true
	}
	if d.name == v1alpha1.DirectionIngress && unobservedBackends(i.in.Snapshot) == control.ReasonInconclusive {
		return true // The first list is under way: what the API server calls will be known in a moment.
	}
	return slices.ContainsFunc(i.stated, func(p permission) bool {
		return p.required && p.direction == d.name && (!p.fresh || i.taken(p.name))
	})
}

// leans reports whether an object of ours has rules for the direction that are
// not those that the control wants of it.
func (i *intent) leans(d direction) bool {
	wanted := i.after()
	return slices.ContainsFunc(i.in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
		same := slices.DeleteFunc(slices.Clone(wanted), func(w control.NetworkPolicy) bool { return w.Name != p.Name })
		return isOurs(p) && !says(d, p.Spec, same)
	})
}

// after returns the policies that allow something once everything wanted is
// applied: those of others, and ours as they are wanted. Permissions to call what
// the API server calls count even if they are not stated: they are not removed
// where they are needed.
func (i *intent) after() []control.NetworkPolicy {
	var policies []control.NetworkPolicy
	for _, p := range i.in.Snapshot.NetworkPolicies {
		if !isOurs(p) || (strings.HasPrefix(p.Name, AllowAdmissionPrefix) && !i.states(p.Name)) {
			policies = append(policies, p)
		}
	}
	for _, p := range i.stated {
		if p.spec != nil && !i.taken(p.name) {
			policies = append(policies, control.NetworkPolicy{Name: p.name, Spec: *p.spec, Ours: true})
		}
	}
	return policies
}

// isolatedBy reports whether a NetworkPolicy of ours, or of others, isolates
// every pod in the direction, whatever its rules allow.
func (i *intent) isolatedBy(d direction, ours bool) bool {
	return slices.ContainsFunc(i.in.Snapshot.NetworkPolicies, func(p control.NetworkPolicy) bool {
		return isOurs(p) == ours && selectsEveryPod(p.Spec.PodSelector) && d.isIn(p.Spec)
	})
}

// isOurs reports whether an object is one that this control type applies.
func isOurs(p control.NetworkPolicy) bool {
	return p.Ours && (p.Name == DenyIngressName || p.Name == DenyEgressName || strings.HasPrefix(p.Name, allowPrefix))
}

// isIn reports whether the direction is one of a NetworkPolicy.
func (d direction) isIn(spec networkingv1.NetworkPolicySpec) bool {
	return slices.Contains(policyTypes(spec), d.policyType)
}

// revoke finds our permissions, within what the control denies and is not
// refused, that it does not state. What the API server's calls need is kept.
func (i *intent) revoke() {
	for _, p := range i.in.Snapshot.NetworkPolicies {
		if !p.Ours || !strings.HasPrefix(p.Name, allowPrefix) || i.states(p.Name) {
			continue
		}
		refused := func(t networkingv1.PolicyType) bool { return i.refused(v1alpha1.Direction(t)) }
		if slices.ContainsFunc(policyTypes(p.Spec), refused) {
			continue
		}
		if service, admission := strings.CutPrefix(p.Name, AllowAdmissionPrefix); admission {
			i.revokeAdmission(p.Name, service)
		} else {
			i.revoked = append(i.revoked, p.Name)
		}
	}
	slices.Sort(i.revoked)
}

// states reports whether allow lists what an object of ours is for, whether or
// not it can be computed.
func (i *intent) states(name string) bool {
	return slices.ContainsFunc(i.stated, func(p permission) bool { return p.name == name })
}

// revokeAdmission decides about the permission to call a Service that is in
// place, though the control does not state it, or not any more. Without knowing
// what the API server calls it stays.
func (i *intent) revokeAdmission(name, service string) {
	s := i.in.Snapshot
	if unobservedBackends(s) != "" {
		return
	}
	_, called := reachedByPolicies(s, service)
	if _, stated := allowanceOf(i.in, v1alpha1.AllowAdmissionBackends); stated && called {
		return
	}
	with := i.after()
	without := slices.DeleteFunc(slices.Clone(with), func(p control.NetworkPolicy) bool { return p.Name == name })
	for _, b := range backends(s) {
		if b.admits(s, with) && !b.admits(s, without) {
			why := fmt.Sprintf("the API server calls its pods%s, and allow does not list AdmissionBackends", forUsers(b.users))
			i.kept = append(i.kept, kept{name, why})
			return
		}
	}
	i.revoked = append(i.revoked, name)
}
