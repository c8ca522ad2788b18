package networkisolation

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Wants returns every NetworkPolicy that the control wants in the namespace, and
// a *control.Refusal (joined, if several) for what it does not dare to want:
//   - denying a direction, while a lifeline of the namespace would be cut off;
//   - an object that somebody else created under the name.
//
// A direction that is refused is left as it is: nothing of it is applied, for a
// permission isolates pods too, and nothing of it revoked. But where what is in
// place of ours does harm now that no allowance mends, it is taken back.
//
// Nothing is wanted in a namespace that is being deleted, where nothing can be
// created, nor where its NetworkPolicies are not known.
func (Control) Wants(in control.Input) ([]control.Change, error) {
	if in.Snapshot == nil || in.Control.NetworkIsolation == nil || in.Snapshot.Namespace.Terminating ||
		undecided(in.Snapshot, control.NeedNetworkPolicies) != nil {
		return nil, nil
	}
	i := intend(in)
	permits, err := i.permits()
	if err != nil {
		return nil, err
	}
	restricts, err := i.restricts()
	if err != nil {
		return nil, err
	}
	return slices.Concat(permits, restricts, i.removals()), i.refusals()
}

// asWanted reports whether a policy of ours is exactly what the control wants.
func asWanted(in control.Input, p control.NetworkPolicy) bool {
	if !isOurs(p) || in.Control.NetworkIsolation == nil {
		return false
	}
	i := intend(in)
	for _, d := range i.denials {
		if d.object == p.Name && !d.refused {
			return d.asApplied(p.Spec)
		}
	}
	for _, want := range i.permissions {
		if want.name == p.Name && want.spec != nil {
			return sameSpec(*want.spec, p.Spec)
		}
	}
	return false
}

// permits returns the permissions.
func (i *intent) permits() ([]control.Change, error) {
	var changes []control.Change
	for _, p := range i.permissions {
		if p.spec == nil || i.taken(p.name) {
			continue
		}
		change, err := i.change(p.name, *p.spec)
		if err != nil {
			return nil, err
		}
		change.Rules = []string{p.rule}
		change.Effect = control.Permits
		change.Required = p.required
		changes = append(changes, change)
	}
	return changes, nil
}

// restricts returns the denials.
func (i *intent) restricts() ([]control.Change, error) {
	var changes []control.Change
	for _, d := range i.denials {
		if d.refused || i.taken(d.object) {
			continue
		}
		change, err := i.change(d.object, networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{d.policyType}})
		if err != nil {
			return nil, err
		}
		change.Rules = []string{d.rule}
		change.Effect = control.Restricts
		changes = append(changes, change)
	}
	return changes, nil
}

// change returns the change that makes an object be as a spec says.
func (i *intent) change(name string, spec networkingv1.NetworkPolicySpec) (control.Change, error) {
	fields, err := unstructured(spec)
	if err != nil {
		return control.Change{}, fmt.Errorf("want %s: %w", name, err)
	}
	c := i.object(name)
	c.Spec, c.Aspects = fields, aspects(spec)
	own, placed := ownNamed(i.in.Snapshot, name)
	c.InPlace = placed && sameSpec(own.Spec, spec)
	return c, nil
}

func (i *intent) object(name string) control.Change {
	return control.Change{
		APIVersion: "networking.k8s.io/v1",
		Kind:       "NetworkPolicy",
		Namespace:  i.in.Snapshot.Namespace.Name,
		Name:       name,
	}
}

// removals returns the objects that must go: what the control does not state any
// more, and what is taken back.
func (i *intent) removals() []control.Change {
	var changes []control.Change
	for _, name := range i.revoked {
		own, _ := ownNamed(i.in.Snapshot, name)
		c := i.object(name)
		c.Remove, c.Rules, c.Aspects, c.Effect = true, []string{RuleAllowances}, aspects(own.Spec), control.Permits
		changes = append(changes, c)
	}
	for _, name := range policyNames(i.in.Snapshot.NetworkPolicies, isOurs) {
		if c, back := i.takenBack(name); back {
			changes = append(changes, c)
		}
	}
	return changes
}

// takenBack returns the removal of an object that isolates a direction which is
// taken back. One that is wanted for its other direction is not removed.
func (i *intent) takenBack(name string) (control.Change, bool) {
	wanted := slices.ContainsFunc(i.permissions, func(p permission) bool { return p.name == name && p.spec != nil }) ||
		slices.ContainsFunc(i.denials, func(d denial) bool { return d.object == name && !d.refused })
	if wanted {
		return control.Change{}, false
	}
	own, _ := ownNamed(i.in.Snapshot, name)
	for _, d := range i.denials {
		if d.rollback == "" || !d.isIn(own.Spec) {
			continue
		}
		c := i.object(name)
		c.Remove, c.Rules, c.Aspects, c.Effect = true, []string{d.rule, RuleLifelines}, aspects(own.Spec), control.Restricts
		if strings.HasPrefix(name, allowPrefix) {
			c.Effect = control.Permits
		}
		c.Rollback = phrase.Clip(fmt.Sprintf("Denying %s is taken back: %s.", d.word, d.rollback), maxMessage)
		return c, true
	}
	return control.Change{}, false
}

// aspects returns the directions that a spec is about, sorted.
func aspects(spec networkingv1.NetworkPolicySpec) []string {
	var names []string
	for _, t := range policyTypes(spec) {
		names = append(names, string(t))
	}
	return phrase.Sorted(names)
}
