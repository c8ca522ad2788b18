package networkisolation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// Plan returns the NetworkPolicies that deny each direction found Deviating,
// ordered by rule, and a *control.Refusal (joined, if several) for each that is
// not planned:
//   - denying egress, because without an allowance it would cut off DNS;
//   - an object that somebody else created under the name.
//
// Nothing is planned in a namespace that is being deleted: nothing can be
// created there.
func (Control) Plan(in control.Input, failing []control.Finding) ([]control.Change, error) {
	if in.Snapshot == nil || in.Snapshot.Namespace.Terminating {
		return nil, nil
	}
	var changes []control.Change
	var refusals []error
	for _, d := range wantedDirections(in.Control) {
		if !deviates(d, failing) {
			continue
		}
		if refusal := refuse(d, in.Snapshot); refusal != nil {
			refusals = append(refusals, refusal)
			continue
		}
		changes = append(changes, change(d, in.Snapshot.Namespace.Name))
	}
	return changes, errors.Join(refusals...)
}

func deviates(d direction, failing []control.Finding) bool {
	return slices.ContainsFunc(failing, func(f control.Finding) bool {
		return f.Rule == d.rule && f.Outcome == control.Deviating
	})
}

// refuse returns why denying the direction would do harm, or nil.
func refuse(d direction, s *control.Snapshot) *control.Refusal {
	if d.name == v1alpha1.DirectionEgress {
		return &control.Refusal{
			Reason:  v1alpha1.ReasonEgressRefused,
			Message: "Denying egress is refused: it would cut off DNS, and no DNS allowance can be applied.",
		}
	}
	foreign := func(p control.NetworkPolicy) bool { return p.Name == d.object && !p.Ours }
	if slices.ContainsFunc(s.NetworkPolicies, foreign) {
		return &control.Refusal{
			Reason:  v1alpha1.ReasonNameCollision,
			Message: fmt.Sprintf("NetworkPolicy %s is left as it is: Holdfast did not create it.", d.object),
		}
	}
	return nil
}

// change returns the object that denies the direction.
func change(d direction, namespace string) control.Change {
	return control.Change{
		APIVersion: "networking.k8s.io/v1",
		Kind:       "NetworkPolicy",
		Namespace:  namespace,
		Name:       d.object,
		Spec:       d.wanted(),
		Rules:      []string{d.rule},
	}
}
