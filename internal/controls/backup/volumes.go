package backup

import (
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of RuleVolumes.
const (
	// ReasonVolumesIgnored surfaces when the control does not look at volumes.
	ReasonVolumesIgnored = "VolumesIgnored"
	// ReasonNoVolumes surfaces when the namespace has no bound claim.
	ReasonNoVolumes = "NoVolumes"
	// ReasonVolumesCopied surfaces when the data of each claim is backed up.
	ReasonVolumesCopied = "VolumesCopied"
	// ReasonVolumesMissing surfaces when there is nothing of the data of a claim.
	ReasonVolumesMissing = "VolumesMissing"
	// ReasonNotOffCluster surfaces when there is a snapshot only, and a copy outside
	// of the storage is asked for.
	ReasonNotOffCluster = "NotOffCluster"
)

// judgeVolumes judges RuleVolumes. A claim counts from when it is as old as the
// objective: its data cannot be older before that, and a backup that started before
// the claim was made cannot hold it.
func judgeVolumes(in control.Input, p provider) control.Finding {
	var f control.Finding
	needs := append(p.needsOfPoints(), control.NeedClaims)
	switch unable := unjudged(in.Snapshot, p.kinds(), needs...); {
	case in.Control.Backup.Volumes == v1alpha1.VolumesIgnored:
		f = notApplicable(ReasonVolumesIgnored, "The control does not look at the data of volumes.")
	case unable != nil:
		f = *unable
	case len(boundClaims(in)) == 0:
		f = notApplicable(ReasonNoVolumes, "The namespace has no bound claim.")
	default:
		f = volumesOf(in, p)
	}
	f.Rule = RuleVolumes
	return f
}

// boundClaims are the claims with a volume.
func boundClaims(in control.Input) []control.Claim {
	return slices.DeleteFunc(slices.Clone(in.Snapshot.Claims), func(c control.Claim) bool { return !c.Bound })
}

// dueClaims are the bound claims whose data must be in a backup of a time, and those
// that are younger than both it and the objective. They become due at next.
func dueClaims(in control.Input, at time.Time) (due, young []control.Claim, next time.Time) {
	for _, c := range boundClaims(in) {
		dueFrom := c.CreatedAt.Add(objective(in))
		if c.CreatedAt.After(at) && in.Now.Before(dueFrom) {
			young, next = append(young, c), control.Earlier(next, dueFrom)
			continue
		}
		due = append(due, c)
	}
	return due, young, next
}

func volumesOf(in control.Input, p provider) control.Finding {
	found := p.volumes(in)
	if found.nothing {
		return deviating(ReasonNoRecoveryPoint, "No backup of the namespace counts, and so none of its volumes is backed up.", "")
	}
	byState := map[string][]string{}
	var methods []string
	for _, c := range found.copies {
		byState[c.state] = append(byState[c.state], c.claim)
		methods = append(methods, c.claim+": "+c.how)
	}
	f := verdictOnVolumes(in, byState)
	slices.Sort(methods)
	f.Until = found.until
	fact(&f, "volumes", methods...)
	return f
}

// verdictOnVolumes judges by which claims are in which state.
func verdictOnVolumes(in control.Input, byState map[string][]string) control.Finding {
	offCluster := in.Control.Backup.Copies == v1alpha1.CopiesOffCluster
	switch {
	case len(byState[uncopied]) > 0:
		return deviating(ReasonVolumesMissing, "The newest backup holds no data of {names}.", "claims", byState[uncopied]...)
	case offCluster && len(byState[snapshotted]) > 0:
		return deviating(ReasonNotOffCluster, "Of {names} there are snapshots only, which lie in the storage that they are of.", "claims", byState[snapshotted]...)
	case len(byState[undetermined]) > 0:
		message := phrase.Named("Velero's API does not tell whether there are snapshots of {names}.", "claims", phrase.Sorted(byState[undetermined]), maxMessage)
		return undecided(control.ReasonInconclusive, message)
	}
	return conforming(ReasonVolumesCopied, "The data of each bound claim that is due is backed up.")
}
