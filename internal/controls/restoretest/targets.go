package restoretest

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// timeout is how long a restore may take where the control states nothing.
const timeout = time.Hour

// Targets returns the test of the namespace.
func (Control) Targets(in control.Input) []control.Target {
	if in.Control.RestoreTest == nil || in.Snapshot == nil || in.Snapshot.Namespace.IsCluster() {
		return nil
	}
	if ns := &in.Snapshot.Namespace; ns.Terminating || scratch(ns) {
		return nil
	}
	target := targetOf(in)
	if target == nil {
		return nil
	}
	if c := newest(in); c != nil {
		target.Restore.Candidate = &control.RestoreCandidate{Name: c.Name, UID: c.UID, StartedAt: c.StartedAt, CreatedAt: c.CreatedAt}
		target.Revision = c.Name
	}
	return []control.Target{*target}
}

// targetOf is the test that the control asks for, or nil where it names no control
// whose backups could be restored.
func targetOf(in control.Input) *control.Target {
	spec := in.Control.RestoreTest
	if in.Backup == nil || in.Backup.Backup == nil || in.Backup.Backup.Provider == v1alpha1.BackupByVolumeSnapshot {
		return nil
	}
	restore := &control.RestoreTarget{
		Provider: string(v1alpha1.BackupByVelero), VeleroNamespace: control.VeleroNamespace(in.Backup.Backup),
		Namespace: in.Snapshot.Namespace.Name, Timeout: timeout,
	}
	if spec.Timeout != nil {
		restore.Timeout = spec.Timeout.Duration
	}
	if spec.Volume != nil {
		restore.Image, restore.Class = spec.Volume.Image, spec.Volume.StorageClassName
	}
	return &control.Target{Every: spec.Every.Duration, Restore: restore}
}

// observationOf returns the observation of a target, or nil.
func observationOf(s *control.Snapshot, t *control.Target) *control.Observation {
	key := t.Key()
	for i := range s.Observations {
		if s.Observations[i].Key() == key {
			return &s.Observations[i]
		}
	}
	return nil
}

// scratch reports whether a namespace is one that a test restores into.
func scratch(ns *control.Namespace) bool {
	return strings.HasPrefix(ns.Name, control.ScratchPrefix) && ns.Labels[control.RestoreTestLabel] != ""
}

// missing reports whether the kinds of Velero are not served.
func missing(s *control.Snapshot) bool { return slices.Contains(s.NotServed, "backups.velero.io") }
