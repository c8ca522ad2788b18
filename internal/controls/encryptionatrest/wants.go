package encryptionatrest

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// aspectDefault is what marking default classes is about: they go together.
const aspectDefault = "DefaultClass"

// Wants returns what the control wants in the cluster: the stated class where there
// is none of its name, the mark of the default class, and the objects of the guards;
// or that a guard of Holdfast's own goes which is not stated any more. Volumes, claims,
// and what a class says are never touched.
//
// Refused is, with a *control.Refusal each: to make a class the default that is not
// encrypted itself; and to take an object that somebody else created.
func (Control) Wants(in control.Input) ([]control.Change, error) {
	stated := in.Control.EncryptionAtRest
	if stated == nil || in.Snapshot == nil || !in.Snapshot.Namespace.IsCluster() {
		return nil, nil
	}
	v := stated.Volumes
	if v == nil {
		return removeGuards(in), nil
	}
	if unobserved(in.Snapshot, control.NeedStorageClasses) != nil {
		return nil, nil
	}
	changes, refused := wantDefault(in, v)
	changes = append(wantClass(in.Snapshot, v), changes...)
	if v.Guard == nil {
		return append(changes, removeGuards(in)...), refused
	}
	if in.Scope == nil || unobserved(in.Snapshot, control.NeedGuards) != nil {
		return changes, refused
	}
	objects, collided := guardsOf(in).wants()
	return append(changes, objects...), errors.Join(refused, collided)
}

// removeGuards wants that what is left of a guard goes that is not stated any more.
func removeGuards(in control.Input) []control.Change {
	var changes []control.Change
	for _, g := range guardsLeft(in) {
		changes = append(changes, control.Change{
			APIVersion: admissionVersion, Kind: g.Kind, Name: g.Name, Remove: true,
			Rules: []string{RuleGuard}, Effect: control.Restricts,
		})
	}
	return changes
}

// wantClass wants the class of the template, while there is none of its name.
func wantClass(s *control.Snapshot, v *v1alpha1.VolumeEncryption) []control.Change {
	t := v.ClassTemplate
	if t == nil || classNamed(s, t.Name) != nil {
		return nil
	}
	parameters := map[string]any{}
	for key, value := range t.Parameters {
		parameters[key] = string(value)
	}
	c := classChange(t.Name)
	c.Effect = control.Permits
	c.Fields = map[string]any{
		"provisioner":          t.Provisioner,
		"parameters":           parameters,
		"reclaimPolicy":        cmp.Or(t.ReclaimPolicy, "Delete"),
		"volumeBindingMode":    cmp.Or(t.VolumeBindingMode, "WaitForFirstConsumer"),
		"allowVolumeExpansion": t.AllowVolumeExpansion != "Forbidden",
	}
	return []control.Change{c}
}

func classChange(name string) control.Change {
	return control.Change{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: name, Rules: []string{RuleDefaultClass}}
}

// wantDefault wants the mark on the class that is to be the default, and then on no
// other: for a moment there are two, and never none.
func wantDefault(in control.Input, v *v1alpha1.VolumeEncryption) ([]control.Change, error) {
	target := classNamed(in.Snapshot, v.DefaultClass)
	if v.DefaultClass == "" || target == nil {
		return nil, nil
	}
	if !accepted(in, target) {
		return nil, &control.Refusal{
			Reason:  v1alpha1.ReasonDefaultClassRefused,
			Message: fmt.Sprintf("StorageClass %s is not made the default: it is not shown to be encrypted itself.", target.Name),
		}
	}
	changes := []control.Change{markDefault(target, true)}
	for _, c := range classesByName(in.Snapshot) {
		if c.Default && c.Name != target.Name {
			changes = append(changes, markDefault(c, false))
		}
	}
	return changes, nil
}

func markDefault(class *control.StorageClass, mark bool) control.Change {
	c := classChange(class.Name)
	c.Foreign, c.Aspects = true, []string{aspectDefault}
	c.Annotations = map[string]string{defaultClassAnnotation: literal(mark)}
	c.InPlace = class.Default == mark
	c.Effect = control.Restricts
	if mark {
		c.Effect, c.Required = control.Permits, true
	}
	return c
}

// wants returns a change for every object of the guards. Parameters come before the
// bindings that name them, which would refuse everything without them.
func (g *guards) wants() ([]control.Change, error) {
	var changes []control.Change
	var refused []error
	for _, want := range g.objects() {
		got := g.placed(want)
		if want.remove && (got == nil || !got.Ours) {
			continue
		}
		inPlace := got != nil && !want.remove && sameSpec(want.spec, got.Spec)
		if got != nil && !got.Ours && !inPlace {
			refused = append(refused, &control.Refusal{
				Reason:  v1alpha1.ReasonNameCollision,
				Message: fmt.Sprintf("%s %s was not created by Holdfast, and bears a name that it needs.", want.kind, want.name),
			})
			continue
		}
		changes = append(changes, g.change(want, inPlace))
	}
	return changes, errors.Join(refused...)
}

func (g *guards) change(want guardObject, inPlace bool) control.Change {
	c := control.Change{
		APIVersion: want.apiVersion, Kind: want.kind, Name: want.name, Spec: want.spec,
		Rules: []string{RuleGuard}, Effect: control.Restricts, InPlace: inPlace, Remove: want.remove,
	}
	if want.remove {
		c.Spec = nil
	}
	switch {
	case want.kind == paramKind:
		c.Effect, c.Required, c.Aspects = control.Permits, true, []string{want.name}
	case want.kind == bindingKind && want.spec["paramRef"] != nil:
		c.Aspects = []string{g.name(guardClaims)}
	}
	return c
}
