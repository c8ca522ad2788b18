package assess

import "github.com/holdfast-dev/holdfast/api/v1alpha1"

// guardElsewhere reports whether another control of the policy than the one given
// answers for the admission guard of its type. Guards are named after policies, so
// that only one can: the one that states the guard or, where none does, the first
// one in mode Enforce, which has it removed. It matters only to those in mode
// Enforce, and where the cluster is in scope.
func guardElsewhere(p *v1alpha1.ControlPolicy, spec v1alpha1.ControlSpec) bool {
	if p.Spec.Scope.Cluster != v1alpha1.ClusterIncluded || modeOf(p.Spec, spec) != v1alpha1.ModeEnforce {
		return false
	}
	is, states := encryptsAtRest, guardsAtRest
	if spec.EncryptionInTransit != nil {
		is, states = encryptsInTransit, guardsInTransit
	}
	if !is(spec) {
		return false
	}
	answers := ""
	for _, c := range p.Spec.Controls {
		switch {
		case states(c):
			return c.ID != spec.ID
		case is(c) && answers == "" && modeOf(p.Spec, c) == v1alpha1.ModeEnforce:
			answers = c.ID
		}
	}
	return answers != "" && answers != spec.ID
}

func encryptsAtRest(c v1alpha1.ControlSpec) bool { return c.EncryptionAtRest != nil }

func guardsAtRest(c v1alpha1.ControlSpec) bool {
	return encryptsAtRest(c) && c.EncryptionAtRest.Volumes != nil && c.EncryptionAtRest.Volumes.Guard != nil
}

func encryptsInTransit(c v1alpha1.ControlSpec) bool { return c.EncryptionInTransit != nil }

func guardsInTransit(c v1alpha1.ControlSpec) bool {
	return encryptsInTransit(c) && c.EncryptionInTransit.Ingress != nil && c.EncryptionInTransit.Ingress.Guard != nil
}
