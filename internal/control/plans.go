package control

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// DefaultVeleroNamespace is where Velero runs that a control does not place.
const DefaultVeleroNamespace = "velero"

// DefaultStartingDeadline is how long after its slot a run may begin where a control
// does not say.
const DefaultStartingDeadline = 10 * time.Minute

// maxPlanName bounds the name of a plan: Velero makes a label's value of it.
const maxPlanName = 63

// VeleroNamespace is where the Velero of a backup control runs.
func VeleroNamespace(spec *v1alpha1.Backup) string {
	if spec.Velero == nil {
		return DefaultVeleroNamespace
	}
	return cmp.Or(spec.Velero.Namespace, DefaultVeleroNamespace)
}

// PlanName is the name of the Schedule of Velero's that a backup control of a policy
// rests on: the one that it names, or else Holdfast's own, holdfast-<policy>-<id> in
// lower case. Where that is no name of a Schedule, or too long, a hash of both tells
// it from others. Two controls may still come to the same name, as a/b-c and a-b/c do:
// either they want the same of it, or that is a conflict of policies, and one has to
// name a plan.
func PlanName(policy, id string, spec *v1alpha1.Backup) string {
	if spec.Velero != nil && spec.Velero.Plan != "" {
		return spec.Velero.Plan
	}
	name := strings.ToLower("holdfast-" + policy + "-" + id)
	plain := strings.Map(planRune, name)
	if plain == name && len(plain) <= maxPlanName {
		return plain
	}
	sum := sha256.Sum256([]byte(policy + "/" + id))
	hash := "-" + hex.EncodeToString(sum[:4])
	return strings.TrimRight(plain[:min(len(plain), maxPlanName-len(hash))], "-.") + hash
}

// ExtraPrefix begins the names of the backups that are started besides the runs of a
// plan: a number follows.
func ExtraPrefix(plan string) string { return plan + "-extra-" }

// planRune is what stands for a character in the name of a plan.
func planRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
		return r
	}
	return '-'
}
