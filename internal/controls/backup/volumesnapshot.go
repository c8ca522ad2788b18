package backup

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// kindVolumeSnapshots are the snapshots of volumes that CSI drivers make.
const kindVolumeSnapshots = "volumesnapshots.snapshot.storage.k8s.io"

// WhyClaims is why snapshots do not make a recovery point: a claim has none.
const WhyClaims = "ClaimsLeftOut"

// volumeSnapshots is the provider of VolumeSnapshots, whoever makes them. It has no
// plans, and holds no objects but volumes.
type volumeSnapshots struct{}

var _ provider = volumeSnapshots{}

func (volumeSnapshots) kinds() []string { return []string{kindVolumeSnapshots} }

func (volumeSnapshots) needs(*v1alpha1.Backup) []control.Need {
	return []control.Need{control.NeedClaims, control.NeedVolumeSnapshots}
}

func (volumeSnapshots) needsOfPoints() []control.Need {
	return []control.Need{control.NeedClaims, control.NeedVolumeSnapshots}
}

// points implements provider: one, of the newest snapshots of all claims that are
// due, at the time of the oldest of them.
func (volumeSnapshots) points(in control.Input) recovery {
	due, _, next := dueClaims(in, time.Time{})
	found := recovery{nothing: len(due) == 0, until: next}
	var oldest *control.VolumeSnapshot
	var without []string
	for _, c := range due {
		newest := newestSnapshot(in, &c)
		switch {
		case newest == nil:
			without = append(without, c.Name)
		case oldest == nil || newest.TakenAt.Before(oldest.TakenAt):
			oldest = newest
		}
	}
	switch {
	case len(without) > 0:
		why := "leave out " + phrase.Bounded(phrase.Sorted(without), maxDetail)
		found.points = []point{{ref: "VolumeSnapshots", by: "PersistentVolumeClaim " + slices.Min(without),
			Coverage: coverage.Coverage{Extent: coverage.None, Reason: WhyClaims, Why: why}}}
	case oldest != nil:
		found.points = []point{{ref: "VolumeSnapshot " + oldest.Name, at: oldest.TakenAt, Coverage: coverage.Coverage{Extent: coverage.Full}}}
	}
	return found
}

// volumes implements provider.
func (volumeSnapshots) volumes(in control.Input) volumeData {
	due, young, next := dueClaims(in, time.Time{})
	var copies []volumeCopy
	for _, c := range due {
		if newest := newestSnapshot(in, &c); newest != nil {
			copies = append(copies, volumeCopy{c.Name, snapshotted, "VolumeSnapshot " + newest.Name})
		} else {
			copies = append(copies, volumeCopy{c.Name, uncopied, "no VolumeSnapshot is ready"})
		}
	}
	return volumeData{copies: append(copies, awaiting(young)...), until: next}
}

// newestSnapshot is the newest snapshot of a claim that is ready, nil where there is
// none. One of an earlier claim of its name is not of this one.
func newestSnapshot(in control.Input, claim *control.Claim) *control.VolumeSnapshot {
	var newest *control.VolumeSnapshot
	for i := range in.Snapshot.VolumeSnapshots {
		s := &in.Snapshot.VolumeSnapshots[i]
		if s.Claim != claim.Name || !s.Ready || s.Deleting || s.TakenAt.Before(claim.CreatedAt) {
			continue
		}
		if newest == nil || cmp.Or(s.TakenAt.Compare(newest.TakenAt), cmp.Compare(s.Name, newest.Name)) > 0 {
			newest = s
		}
	}
	return newest
}
