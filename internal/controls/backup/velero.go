package backup

import (
	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/coverage"
)

// The kinds of Velero that are looked at.
const (
	kindSchedules = "schedules.velero.io"
	kindBackups   = "backups.velero.io"
	kindLocations = "backupstoragelocations.velero.io"
)

// excludeLabel is the label by which Velero leaves out a namespace, or an object.
const excludeLabel = "velero.io/exclude-from-backup"

// velero is the provider of the same name.
type velero struct{}

var (
	_ provider = velero{}
	_ planner  = velero{}
)

func (velero) kinds() []string { return []string{kindBackups} }

func (velero) needs(spec *v1alpha1.Backup) []control.Need {
	needs := []control.Need{control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations}
	if spec.Volumes != v1alpha1.VolumesIgnored {
		needs = append(needs, control.NeedClaims)
	}
	if planStated(spec) || repositoryMethod(spec) {
		needs = append(needs, control.NeedProbes)
	}
	return needs
}

func (velero) needsOfPoints() []control.Need { return []control.Need{control.NeedBackups} }

// veleroOf is what the control states of Velero: nothing is an empty one.
func veleroOf(spec *v1alpha1.Backup) *v1alpha1.VeleroBackup {
	if spec.Velero == nil {
		return &v1alpha1.VeleroBackup{}
	}
	return spec.Velero
}

// planStated reports whether the plan is one of the user's own.
func planStated(spec *v1alpha1.Backup) bool { return veleroOf(spec).Plan != "" }

// repositoryMethod reports whether the plan that Holdfast applies has the data of
// volumes copied to a repository.
func repositoryMethod(spec *v1alpha1.Backup) bool {
	method := veleroOf(spec).VolumeMethod
	return method == v1alpha1.VolumesByFileSystem || method == v1alpha1.VolumesByDataMover
}

// points implements provider, down to the newest that counts: nobody asks for older
// ones.
func (velero) points(in control.Input) recovery {
	spec := in.Control.Backup
	var points []point
	for _, b := range coverage.NewestFirst(spec, in.Snapshot) {
		c := coverage.Covers(b, in.Snapshot.Namespace, coverage.RulesOf(spec, in.Now))
		points = append(points, point{ref: b.Name, at: coverage.DataTime(b), expires: b.ExpiresAt, by: blamed(b, c), Coverage: c})
		if c.Extent == coverage.Full {
			break
		}
	}
	return recovery{points: points}
}

// blamed is what to look at where a backup does not hold a namespace: the plan that
// leaves something out. What became of a single run says BK-02.
func blamed(b *control.Backup, c coverage.Coverage) string {
	switch c.Reason {
	case coverage.WhyNotSelected, coverage.WhySelector, coverage.WhyResources, coverage.WhyResourcePolicy, coverage.WhyRefused, coverage.WhyUnlabelled:
		if b.Plan == "" {
			return "Backup: " + c.Why
		}
		return "Schedule " + b.Plan + ": " + c.Why
	}
	return ""
}

// excluded reports whether a provider leaves the namespace out by a label of it.
func excluded(ns control.Namespace, p provider) bool {
	_, isVelero := p.(velero)
	return isVelero && ns.Labels[excludeLabel] == "true"
}
